"""Real PostgreSQL and MariaDB servers, each in a folder of its own, started and stopped by a test."""

from __future__ import annotations

import abc
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "c4nary-Pa55word"
"""Must show up nowhere."""
_PATIENCE = 60.0


def _program(name: str) -> str:
    """Return where a program is, or its name if it is nowhere."""
    for folder in ("/usr/lib/postgresql/15/bin", "/usr/sbin", "/usr/bin"):
        if (path := Path(folder) / name).exists():
            return str(path)
    return name


def missing() -> list[str]:
    lacking = [
        name for name in ("initdb", "postgres", "mariadbd", "mariadb-install-db") if not _program(name).startswith("/")
    ]
    return [*(["not root"] if os.geteuid() else []), *(f"no command `{name}`" for name in lacking)]


requires_databases = pytest.mark.skipif(
    bool(missing()), reason=f"NOT TESTED, needs PostgreSQL and MariaDB: {', '.join(missing())}"
)


def _is_stopped(pid: int) -> bool:
    """Whether every thread of a process has stopped."""
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(stat.read_text().rpartition(") ")[2].startswith("T") for stat in threads)


def _has_ended(pid: int) -> bool:
    """Whether nothing is left of a process but what its parent has not yet asked for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return True


def _wait_until_all(condition: Callable[[int], bool], pids: Sequence[int]) -> None:
    until = time.monotonic() + 5
    while not all(map(condition, pids)):
        assert time.monotonic() < until
        time.sleep(0.01)


class Server(abc.ABC):
    """One server process with its data; ``stop`` and ``start`` keep the data."""

    kind = ""
    user = "nobody"

    def __init__(
        self,
        folder: Path,
        *,
        port: int,
        address: str,
        tls: tuple[Path, Path] | None,
        through: Sequence[str] = (),
        options: Sequence[str] = (),
    ) -> None:
        """``through`` is a command that runs the server, such as ip netns exec."""
        self.folder, self.port, self.address, self.tls, self.through = folder, port, address, tls, through
        self.options = options
        self.data, self.sockets, self.log = folder / "data", folder / "run", folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        folder.chmod(0o755)
        for made in (self.data, self.sockets):
            made.mkdir()
            shutil.chown(made, self.user)
        self.log.touch()
        shutil.chown(self.log, self.user)

    def program(self, name: str) -> str:
        """Where one of the server's programs is."""
        return _program(name)

    def as_user(self, *words: str) -> list[str]:
        return ["setpriv", f"--reuid={self.user}", "--clear-groups", *words]

    @abc.abstractmethod
    def command(self) -> list[str]:
        """What starts it, in the foreground."""

    @abc.abstractmethod
    def admin(self, statement: str) -> str:
        """Let its administrator run a statement over its Unix socket; what it printed."""

    @property
    @abc.abstractmethod
    def socket_path(self) -> Path:
        """What a fleet file calls its `socket`."""

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.through, *self.as_user(*self.command())], stdout=log, stderr=log, start_new_session=True, cwd="/"
            )
        until = time.monotonic() + _PATIENCE
        while not self.is_up():
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            assert time.monotonic() < until, self.log.read_text()[-2000:]
            time.sleep(0.05)

    def is_up(self) -> bool:
        try:
            self.admin("SELECT 1")
        except subprocess.CalledProcessError:
            return False
        return True

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it; its children, which outlive a killed parent for a moment and still answer, have ended then too."""
        if self.process is not None:
            children = self._pids()[1:]
            with contextlib.suppress(ProcessLookupError):
                self.thaw()
                self.process.send_signal(number)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
            self.process = None
            _wait_until_all(_has_ended, children)

    def freeze(self) -> None:
        """Stop it and its children, which are sessions of their own."""
        self._signal_all(signal.SIGSTOP)
        _wait_until_all(_is_stopped, self._pids())

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _pids(self) -> list[int]:
        assert self.process
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    def _signal_all(self, number: signal.Signals) -> None:
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def run(words: Sequence[str], **more: str) -> str:
    done = subprocess.run(
        words, capture_output=True, text=True, check=True, timeout=_PATIENCE, cwd="/", input=more.get("input")
    )
    return done.stdout


class PostgreSQL(Server):
    kind = "postgresql"
    user = "postgres"

    def __init__(self, folder: Path, **how: Any) -> None:
        super().__init__(folder, **how)
        run(
            self.as_user(
                self.program("initdb"),
                "-D",
                str(self.data),
                "-A",
                "scram-sha-256",
                "--no-sync",
                "-E",
                "UTF8",
                "--locale=C",
                f"--pwfile={self._password_file()}",
                "-U",
                "postgres",
            )
        )
        (self.data / "pg_hba.conf").write_text(
            "local all postgres trust\nlocal all nobody peer map=root\n"
            "local all monitor scram-sha-256\nhost all cleartext all password\nhost all md5 all md5\n"
            "host all trusted all trust\nhost all all all scram-sha-256\n"
        )
        (self.data / "pg_ident.conf").write_text("root root nobody\n")
        settings = [
            "fsync=off",
            "max_connections=12",
            "superuser_reserved_connections=3",
            "shared_buffers=16MB",
            f"port={self.port}",
            f"listen_addresses={self.address}",
            f"unix_socket_directories={self.sockets}",
        ]
        if self.tls:
            settings += ["ssl=on", f"ssl_cert_file={self.tls[0]}", f"ssl_key_file={self.tls[1]}"]
        with (self.data / "postgresql.conf").open("a") as file:
            for line in settings:
                name, _, value = line.partition("=")
                file.write(f"{name} = '{value}'\n")
        self.start()
        self.admin(
            f"CREATE ROLE monitor LOGIN PASSWORD '{PASSWORD}'; CREATE ROLE nobody LOGIN; CREATE ROLE trusted LOGIN;"
            f"CREATE ROLE cleartext LOGIN PASSWORD '{PASSWORD}'; SET password_encryption = 'md5';"
            f"CREATE ROLE md5 LOGIN PASSWORD '{PASSWORD}'; CREATE DATABASE n8n;"
        )

    def _password_file(self) -> Path:
        file = self.folder / "pw"
        file.write_text("postgres")
        shutil.chown(file, self.user)
        return file

    def command(self) -> list[str]:
        return [self.program("postgres"), "-D", str(self.data), *self.options]

    def admin(self, statement: str) -> str:
        words = ["psql", "-h", str(self.sockets), "-p", str(self.port), "-U", "postgres", "-d", "postgres", "-Atq"]
        return run([*words, "-v", "ON_ERROR_STOP=1"], input=statement)

    @property
    def socket_path(self) -> Path:
        return self.sockets


class MariaDB(Server):
    kind = "mysql"
    user = "nobody"

    def __init__(self, folder: Path, **how: Any) -> None:
        super().__init__(folder, **how)
        self.install()
        self.start()
        self.users()

    def users(self) -> None:
        """Make those that tests log in as."""
        self.admin(
            f"CREATE USER monitor@'%' IDENTIFIED BY '{PASSWORD}'; CREATE DATABASE n8n;"
            "GRANT USAGE ON *.* TO monitor@'%'; CREATE USER nobody@localhost IDENTIFIED VIA unix_socket;"
            "CREATE USER root2@localhost IDENTIFIED VIA unix_socket; GRANT SELECT ON n8n.* TO monitor@'%';"
        )

    def install(self) -> None:
        """Make its folder of data, with root who needs no password."""
        run(
            self.as_user(
                self.program("mariadb-install-db"),
                "--no-defaults",
                f"--datadir={self.data}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                f"--user={self.user}",
            )
        )

    def command(self) -> list[str]:
        words = [
            self.program("mariadbd"),
            "--no-defaults",
            f"--datadir={self.data}",
            f"--port={self.port}",
            f"--bind-address={self.address}",
            f"--socket={self.socket_path}",
            "--innodb-buffer-pool-size=16M",
            "--innodb-log-file-size=8M",
            "--innodb-flush-log-at-trx-commit=0",
            "--max-connections=10",
            "--skip-name-resolve",
            "--pid-file=" + str(self.sockets / "pid"),
            "--performance-schema=OFF",
        ]
        if self.tls:
            words += [f"--ssl-cert={self.tls[0]}", f"--ssl-key={self.tls[1]}"]
        return [*words, *self.options]

    def admin(self, statement: str) -> str:
        words = ["mariadb", "--no-defaults", "--skip-ssl", f"--socket={self.socket_path}", "-uroot", "-N", "-B"]
        return run(words, input=statement)

    @property
    def socket_path(self) -> Path:
        return self.sockets / "mysqld.sock"


KINDS: dict[str, type[Server]] = {"postgresql": PostgreSQL, "mysql": MariaDB}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def started(
    kind: str | type[Server], *, address: str = "127.0.0.1", tls: tuple[Path, Path] | None = None, **more: Sequence[str]
) -> Iterator[Server]:
    made = KINDS[kind] if isinstance(kind, str) else kind
    with tempfile.TemporaryDirectory(prefix=f"{made.kind}-") as folder:
        server = None
        try:
            server = made(Path(folder), port=free_port(), address=address, tls=tls, **more)
            yield server
        finally:
            if server is not None:
                server.stop(signal.SIGQUIT if server.kind == "postgresql" else signal.SIGKILL)

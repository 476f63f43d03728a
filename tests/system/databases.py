"""Real PostgreSQL and MariaDB servers, started and stopped by a test."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port
from tests.system.database_server import Server, program, run

PASSWORD = "c4nary-Pa55word"
"""Must not appear in any output."""


def missing() -> list[str]:
    lacking = [
        name for name in ("initdb", "postgres", "mariadbd", "mariadb-install-db") if not program(name).startswith("/")
    ]
    return [*(["not root"] if os.geteuid() else []), *(f"no command `{name}`" for name in lacking)]


requires_databases = pytest.mark.skipif(
    bool(missing()), reason=f"NOT TESTED, needs PostgreSQL and MariaDB: {', '.join(missing())}"
)


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
        """Make the users that tests log in as."""
        self.admin(
            f"CREATE USER monitor@'%' IDENTIFIED BY '{PASSWORD}'; CREATE DATABASE n8n;"
            "GRANT USAGE ON *.* TO monitor@'%'; CREATE USER nobody@localhost IDENTIFIED VIA unix_socket;"
            "CREATE USER root2@localhost IDENTIFIED VIA unix_socket; GRANT SELECT ON n8n.* TO monitor@'%';"
        )

    def install(self) -> None:
        """Make its folder of data, with a root that needs no password."""
        run(
            self.as_user(
                self.program("mariadb-install-db"),
                "--no-defaults",
                f"--datadir={self.data}",
                self.own_tmpdir,
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
            self.own_tmpdir,
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
    def own_tmpdir(self) -> str:
        """The flag for temporary tables: a server that starts removes those of all others in the same folder."""
        return f"--tmpdir={self.sockets}"

    @property
    def socket_path(self) -> Path:
        return self.sockets / "mysqld.sock"


KINDS: dict[str, type[Server]] = {"postgresql": PostgreSQL, "mysql": MariaDB}


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

"""Newer servers than this Debian has, each run by chroot in the root that tests/servers.sh unpacked for it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import mysql.connector
import pytest

from tests.ports import free_port
from tests.system.database_server import Server, run
from tests.system.databases import PASSWORD, MariaDB, PostgreSQL

_ROOTS = Path(__file__).parents[2] / ".cache/databases"
_NOBODY = 65534


def missing() -> list[str]:
    lacking = [name for name in ("mariadb", "newest") if not (_ROOTS / name / ".complete").exists()]
    return [*(["not root"] if os.geteuid() else []), *(f"nothing in .cache/databases/{name}" for name in lacking)]


requires_newer_databases = pytest.mark.skipif(
    bool(missing()),
    reason=f"NOT TESTED, needs newer databases and PgBouncer (tests/servers.sh): {', '.join(missing())}",
)


def inside(root: str, *words: str) -> list[str]:
    """The words that run others in a server's root, as nobody; it sees our temporary folder, /proc, /dev and hosts."""
    shared = (tempfile.gettempdir(), "/proc", "/dev")
    mounts = "".join(f"mkdir -p $0{folder}; mount --rbind {folder} $0{folder}; " for folder in shared)
    mounts += "touch $0/etc/hosts; mount --bind /etc/hosts $0/etc/hosts; "
    script = f'{mounts}exec chroot --userspec=+{_NOBODY}:+{_NOBODY} "$0" "$@"'
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, str(_ROOTS / root), *words]


class PostgreSQL18(PostgreSQL):
    user = "nobody"

    def program(self, name: str) -> str:
        return f"/usr/lib/postgresql/18/bin/{name}"

    def as_user(self, *words: str) -> list[str]:
        return inside("newest", *words)


class MariaDB11(MariaDB):
    def program(self, name: str) -> str:
        return f"/usr/sbin/{name}"

    def as_user(self, *words: str) -> list[str]:
        return inside("mariadb", *words)

    def install(self) -> None:
        share = _ROOTS / "mariadb/usr/share/mariadb"
        names = ("system_tables", "performance_tables", "system_tables_data")
        tables = "".join((share / f"mariadb_{name}.sql").read_text() for name in names)
        words = ["--no-defaults", "--bootstrap", f"--datadir={self.data}", self.own_tmpdir, "--log-warnings=0"]
        setup = f"SET @auth_root_socket=NULL;\nCREATE DATABASE IF NOT EXISTS mysql;\nUSE mysql;\n{tables}"
        run(self.as_user(self.program("mariadbd"), *words), input=setup)


class MySQL9(MariaDB):
    """Its methods are caching_sha2_password, and sha256_password."""

    def program(self, name: str) -> str:
        return f"/usr/sbin/{name}"

    def as_user(self, *words: str) -> list[str]:
        return inside("newest", *words)

    def install(self) -> None:
        words = ["--no-defaults", "--initialize-insecure", f"--datadir={self.data}", self.own_tmpdir]
        run(self.as_user(self.program("mysqld"), *words))

    def users(self) -> None:
        self.admin(
            f"CREATE USER monitor@'%' IDENTIFIED BY '{PASSWORD}'; CREATE DATABASE n8n;"
            "GRANT SELECT ON n8n.* TO monitor@'%';"
        )

    def command(self) -> list[str]:
        _, *words = super().command()
        unknown = {"--innodb-log-file-size=8M"}
        if "--skip-name-resolve=0" in words:  # which means the same to it as without =0
            unknown |= {"--skip-name-resolve", "--skip-name-resolve=0"}
        return [
            self.program("mysqld"),
            *(word for word in words if word not in unknown),
            "--mysqlx=OFF",
            "--disable-log-bin",
            "--secure-file-priv=",
            "--innodb-redo-log-capacity=8M",
        ]

    def admin(self, statement: str) -> str:
        rows: list[Any] = []
        with contextlib.closing(
            mysql.connector.connect(unix_socket=str(self.socket_path), user="root", use_pure=True)
        ) as session:
            for one in filter(None, map(str.strip, statement.split(";"))):
                with contextlib.closing(session.cursor()) as cursor:
                    cursor.execute(one)
                    rows += cursor.fetchall() if cursor.description else []
        return "\n".join("\t".join(map(str, row)) for row in rows)

    def is_up(self) -> bool:
        with contextlib.suppress(mysql.connector.Error):
            return bool(self.admin("SELECT 1"))
        return False


class PgBouncer:
    """In front of a PostgreSQL, whose user monitor it knows."""

    def __init__(self, folder: Path, behind: Server, settings: Sequence[str]) -> None:
        self.port = free_port()
        hashed = behind.admin("SELECT rolpassword FROM pg_authid WHERE rolname = 'monitor'").strip()
        (folder / "users").write_text(f'"monitor" "{hashed}"\n')
        lines = [
            "[databases]",
            f"n8n = host=127.0.0.1 port={behind.port}",
            "[pgbouncer]",
            "listen_addr=127.0.0.1",
            f"listen_port={self.port}",
            f"auth_file={folder}/users",
            "auth_type=scram-sha-256",
            "stats_users=monitor",
            "unix_socket_dir=",
            *settings,
        ]
        (folder / "ini").write_text("\n".join(lines) + "\n")
        for each in (folder, *folder.iterdir()):
            shutil.chown(each, "nobody")
        folder.chmod(0o755)
        self.process = subprocess.Popen(
            inside("newest", "/usr/sbin/pgbouncer", f"{folder}/ini"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
        until = time.monotonic() + 30
        while not self._is_up():
            assert self.process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)

    def _is_up(self) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False

    def stop(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def bouncing(behind: Server, *settings: str) -> Iterator[PgBouncer]:
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as folder:
        bouncer = PgBouncer(Path(folder), behind, settings)
        try:
            yield bouncer
        finally:
            bouncer.stop()

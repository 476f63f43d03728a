"""Sessions of ours at a real database server: the collectors that make them, how many there are, and what ends them."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from collectors.sql import mysql, postgresql
from tests.authority import Authority
from tests.system.database_server import Server
from tests.system.databases import KINDS, PASSWORD

COLLECTORS = {"postgresql": postgresql.collector, "mysql": mysql.collector}
SLEEP = {"postgresql": "SELECT pg_sleep(9)", "mysql": "SELECT SLEEP(9)"}
KILL = {
    "postgresql": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'monitor'",
    "mysql": "KILL USER monitor",
}
CERTIFIED = "server"
"""The name in the certificates that an ``Authority`` makes, for PostgreSQL wants it to be the user's."""
DEMANDING = {
    "postgresql": f"CREATE ROLE {CERTIFIED} LOGIN PASSWORD '{PASSWORD}'",
    "mysql": f"CREATE USER {CERTIFIED}@'%' IDENTIFIED BY '{PASSWORD}' REQUIRE X509; "
    f"GRANT SELECT ON n8n.* TO {CERTIFIED}@'%'",
}
"""Makes that user, who needs a password and a certificate."""


@contextlib.contextmanager
def certificate(authority: Authority, kind: str, *hosts: str, until: dt.datetime | None = None) -> Iterator[Path]:
    """A certificate with its key, where a server's user can read it and nobody else."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        copy = Path(name, "server.pem")
        copy.write_bytes(authority.file(*hosts, until=until).read_bytes())
        copy.chmod(0o600)
        shutil.chown(copy, KINDS[kind].user)
        yield copy


def connections(server: Server) -> int:
    """How many of ours the server has."""
    counted = {
        "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE usename = 'monitor'",
        "mysql": "SELECT count(*) FROM information_schema.processlist WHERE user = 'monitor'",
    }
    return int(server.admin(counted[server.kind]))


async def has_connections(server: Server, count: int) -> None:
    async with asyncio.timeout(15):
        while connections(server) != count:
            await asyncio.sleep(0.05)


async def has_queries(server: Server, count: int) -> None:
    """Wait until the server is in the middle of so many of our queries."""
    running = {
        "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE usename = 'monitor' AND wait_event = 'PgSleep'",
        "mysql": "SELECT count(*) FROM information_schema.processlist WHERE user = 'monitor' AND state = 'User sleep'",
    }
    async with asyncio.timeout(15):
        while int(server.admin(running[server.kind])) != count:
            await asyncio.sleep(0.05)

"""A query that is given up ends at its server, by the server's own list of sessions, on all servers that can be had."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import mysql.connector
import pytest

from collectors.contract import Probe, ProbeFailed
from collectors.secret import Secret
from collectors.sql.target import DatabaseTarget
from collectors.terms import Reason
from tests.authority import Authority
from tests.collectors import resources
from tests.collectors.asking import ask, withdrawn
from tests.collectors.targets import context, database_target
from tests.system.database_server import Server
from tests.system.database_sessions import COLLECTORS, certificate, connections
from tests.system.databases import PASSWORD, MariaDB, PostgreSQL, requires_databases, started
from tests.system.rooted import MariaDB11, MySQL9, PostgreSQL18, bouncing, requires_newer_databases

pytestmark = requires_databases

SERVERS = [
    PostgreSQL,
    MariaDB,
    *(pytest.param(newer, marks=requires_newer_databases) for newer in (PostgreSQL18, MariaDB11, MySQL9)),
]
LONG = {
    "asleep": {"postgresql": "SELECT pg_sleep(19)", "mysql": "SELECT SLEEP(19)"},
    "computing": {
        "postgresql": "SELECT count(*) FROM generate_series(1, 2000000000)",
        "mysql": "SELECT BENCHMARK(2000000000, SHA2('x', 512));",
    },
}
SOON = 10
"""Seconds; the server would end none of these queries within 17."""
RUNNING = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE usename = 'monitor' AND state = 'active'",
    "mysql": "SELECT count(*) FROM information_schema.processlist WHERE user = 'monitor' AND command = 'Query'"
    " AND (info LIKE '%SLEEP%' OR info LIKE '%BENCHMARK%')",
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Server]:
    owner = "postgresql" if request.param is PostgreSQL else "mysql"  # who runs the others is nobody, too
    with certificate(authority, owner, "localhost") as file, started(request.param, tls=(file, file)) as server:
        yield server


@pytest.fixture
async def probe(server: Server) -> AsyncIterator[Probe[DatabaseTarget]]:
    if isinstance(server, MySQL9):  # which lets in over plain TCP whom it knows
        how: dict[str, Any] = {"unix_socket": str(server.socket_path), "user": "monitor", "password": PASSWORD}
        mysql.connector.connect(**how, use_pure=True).close()
    async with COLLECTORS[server.kind](context()) as probe:
        yield probe


def ways(server: Server, authority: Authority) -> dict[str, dict[str, Any]]:
    return {
        "tls": {"address": "localhost", "tls": "verify-full", "tls_ca_file": authority.ca_file},
        "socket": {"socket": str(server.socket_path)},
        "plain": {},
    }


def target(port: int, **changes: Any) -> DatabaseTarget:
    return database_target(port, **{"password": Secret(PASSWORD), "timeout": 20.0} | changes)


async def has_begun(server: Server, queries: int = 1) -> None:
    await soon(lambda: int(server.admin(RUNNING[server.kind])) >= queries)


async def given_up(server: Server, probe: Probe[DatabaseTarget], wanted: DatabaseTarget) -> None:
    """Ask, and give up as soon as the server is in the middle of the query."""
    asked = asyncio.ensure_future(ask(probe, wanted))
    await has_begun(server)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked


async def is_free(server: Server) -> None:
    """Wait until none of our sessions is left: hundredths of a second, where the machine has nothing else to do."""
    await soon(lambda: not connections(server))


async def soon(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("logs_in", [True, False])
@pytest.mark.parametrize("busy", LONG)
@pytest.mark.parametrize("way", ["tls", "socket", "plain"])
async def test_a_query_that_is_given_up_ends_at_the_server(
    server: Server, authority: Authority, probe, way: str, busy: str, logs_in: bool
) -> None:
    before = resources.descriptors(), resources.readers()
    wanted = target(server.port, query=LONG[busy][server.kind], logs_in=logs_in, **ways(server, authority)[way])
    await given_up(server, probe, wanted)
    await is_free(server)
    await withdrawn()
    assert (resources.descriptors(), resources.readers()) == before


@requires_newer_databases
@pytest.mark.parametrize("server", [pytest.param(PostgreSQL18, marks=requires_newer_databases)], indirect=True)
@pytest.mark.parametrize("busy", LONG)
async def test_a_query_that_is_given_up_behind_pgbouncer_ends_at_the_server(server: Server, probe, busy: str) -> None:
    with bouncing(server) as bouncer:
        await given_up(server, probe, target(bouncer.port, query=LONG[busy]["postgresql"]))
        await soon(lambda: not int(server.admin(RUNNING["postgresql"])))
        await withdrawn()


async def test_an_answer_that_is_too_large_is_not_worked_on_any_further(server: Server, probe) -> None:
    if server.kind == "postgresql":
        query = "SELECT repeat('x', 1000), CASE n WHEN 2000 THEN pg_sleep(19) END FROM generate_series(1, 2000) n"
    else:
        query = "SELECT REPEAT('x', 60000) UNION ALL " * 40 + "SELECT SLEEP(19)"
    with pytest.raises(ProbeFailed) as failed:
        await ask(probe, target(server.port, query=query))
    assert failed.value.reason is Reason.PROTOCOL
    await is_free(server)
    await withdrawn()


async def test_a_session_that_is_just_being_ended_does_not_count_against_the_users_limit(server: Server, probe) -> None:
    """PostgreSQL's request to cancel is no session; to kill a query of MySQL's takes one."""
    sessions = 1 if server.kind == "postgresql" else 2
    limit = {
        "postgresql": "ALTER ROLE monitor CONNECTION LIMIT {}",
        "mysql": "ALTER USER monitor@'%' WITH MAX_USER_CONNECTIONS {}",
    }[server.kind]
    server.admin(limit.format(sessions))
    try:
        for _ in range(5):
            await given_up(server, probe, target(server.port, query=LONG["asleep"][server.kind]))
            await ask(probe, target(server.port))
            await is_free(server)
            await withdrawn()
    finally:
        server.admin(limit.format(-1 if server.kind == "postgresql" else 0))


async def test_a_frozen_server_holds_nothing_of_ours(server: Server, probe) -> None:
    before = resources.descriptors(), resources.readers()
    asked = asyncio.ensure_future(ask(probe, target(server.port, query=LONG["asleep"][server.kind], timeout=3.0)))
    await has_begun(server)
    server.freeze()
    try:
        asked.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asked
        await withdrawn(0.2)
        assert (resources.descriptors(), resources.readers()) == before
    finally:
        server.thaw()
    await is_free(server)


class Balancer:
    """Leads to a server, and calls its sessions by another number, as a balancer does that leads to several."""

    def __init__(self, server: Server, number: int) -> None:
        self._server, self._number = server, number

    async def __aenter__(self) -> int:
        self._listener = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        return int(self._listener.sockets[0].getsockname()[1])

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_server = await asyncio.open_connection("127.0.0.1", self._server.port)
        greeting = await to_server[0].read(4096)
        end = greeting.index(b"\0", 5) + 1  # of the version
        writer.write(greeting[:end] + self._number.to_bytes(4, "little") + greeting[end + 4 :])
        async with asyncio.TaskGroup() as group:
            group.create_task(_pass_on(reader, to_server[1]))
            group.create_task(_pass_on(to_server[0], writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
    writer.close()


@pytest.mark.parametrize("server", [MariaDB, pytest.param(MySQL9, marks=requires_newer_databases)], indirect=True)
async def test_a_balancer_that_leads_to_another_server_gets_no_strange_query_killed(server: Server, probe) -> None:
    """The session that has the number there is of the same user, and of another query."""
    how: dict[str, Any] = {"unix_socket": str(server.socket_path), "user": "monitor", "password": PASSWORD}
    with contextlib.closing(mysql.connector.connect(**how, use_pure=True)) as stranger:
        cursor = stranger.cursor()
        number = stranger.connection_id or 0
        slept = asyncio.ensure_future(asyncio.to_thread(cursor.execute, "SELECT SLEEP(4), 'a stranger'"))
        async with Balancer(server, number) as port:
            asked = asyncio.ensure_future(ask(probe, target(port, query=LONG["computing"]["mysql"])))
            await has_begun(server, 2)
            asked.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asked
            await withdrawn()
        await slept
        assert cursor.fetchall() == [(0, "a stranger")]  # 1 were a sleep that was ended

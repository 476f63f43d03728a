"""MySQL 9, PostgreSQL 18 and PgBouncer: what only newer servers, or those in between, say and ask for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from collectors.contract import Probe, ProbeFailed
from collectors.secret import Secret
from collectors.sql import mysql, postgresql
from collectors.sql.target import DatabaseTarget
from collectors.terms import Phase, Reason
from tests.authority import Authority
from tests.collectors.asking import ask, failure
from tests.collectors.targets import context, database_target
from tests.system.database_server import Server
from tests.system.database_sessions import certificate, has_connections
from tests.system.databases import PASSWORD, requires_databases, started
from tests.system.rooted import MySQL9, PostgreSQL18, bouncing, requires_newer_databases

pytestmark = [requires_databases, requires_newer_databases]


@pytest.fixture(scope="module")
def newest() -> Iterator[Server]:
    with started(PostgreSQL18) as server:
        yield server


@pytest.fixture(scope="module")
def mysql9(authority: Authority) -> Iterator[Server]:
    with certificate(authority, "mysql", "localhost") as file, started(MySQL9, tls=(file, file)) as server:
        yield server


@pytest.fixture
async def pg() -> AsyncIterator[Probe[DatabaseTarget]]:
    async with postgresql.collector(context()) as probe:
        yield probe


@pytest.fixture
async def my() -> AsyncIterator[Probe[DatabaseTarget]]:
    async with mysql.collector(context()) as probe:
        yield probe


def target(port: int, **changes: Any) -> DatabaseTarget:
    return database_target(port, **{"password": Secret(PASSWORD)} | changes)


def verified(server: Server, authority: Authority, **changes: Any) -> DatabaseTarget:
    how = {"address": "localhost", "tls": "verify-full", "tls_ca_file": authority.ca_file}
    return target(server.port, **how | changes)


async def gone(server: Server, column: str, table: str) -> None:
    """Wait until the server has none of our sessions any more."""
    async with asyncio.timeout(10):
        while int(server.admin(f"SELECT count(*) FROM {table} WHERE {column} = 'monitor'")):
            await asyncio.sleep(0.05)


async def until_let_in(probe: Probe[DatabaseTarget], wanted: DatabaseTarget) -> None:
    """Ask until it succeeds: whoever looked whether the server is up may count for another moment."""
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(ProbeFailed):
                await ask(probe, wanted)
                return
            await asyncio.sleep(0.05)


# PostgreSQL 18


async def test_a_login_and_a_query_at_postgresql_18(newest: Server, pg) -> None:
    assert (await ask(pg, target(newest.port))).round_trips == 4
    query = target(newest.port, logs_in=False)
    assert (await ask(pg, query)).response > 0
    pg.forget(query)
    await has_connections(newest, 0)


@pytest.mark.parametrize("iterations", [1, 1000, 50_000, 600_000])
async def test_a_server_may_choose_the_iterations_of_its_passwords(newest: Server, pg, iterations: int) -> None:
    newest.admin(
        f"SET scram_iterations = {iterations}; DROP ROLE IF EXISTS often; CREATE ROLE often LOGIN PASSWORD '{PASSWORD}'"
    )
    assert (await ask(pg, target(newest.port, user="often", timeout=10.0))).round_trips == 4


async def test_a_session_that_was_idle_for_too_long_is_no_failure(newest: Server, pg) -> None:
    newest.admin("ALTER ROLE monitor SET idle_session_timeout = '100ms'")
    try:
        wanted = target(newest.port, logs_in=False)
        for _ in range(3):
            assert (await ask(pg, wanted)).response > 0
            await gone(newest, "usename", "pg_stat_activity")
    finally:
        newest.admin("ALTER ROLE monitor RESET idle_session_timeout")


async def test_a_query_that_is_cut_off_in_its_middle_did_fail(newest: Server, pg) -> None:
    slow = "SELECT pg_sleep(CASE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = 'slow') THEN 9 ELSE 0 END)"
    wanted = target(newest.port, logs_in=False, query=slow)
    await ask(pg, wanted)
    newest.admin("CREATE ROLE slow")
    try:
        asked = asyncio.ensure_future(failure(pg, wanted))
        async with asyncio.timeout(10):
            while not newest.admin(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'monitor'"
                " AND wait_event = 'PgSleep' AND query_start < now() - interval '0.3 s'"
            ):
                await asyncio.sleep(0.05)
        assert (await asked)[0] is Reason.RESET
    finally:
        newest.admin("DROP ROLE slow")


async def test_a_database_that_takes_no_connections_refuses_them(newest: Server, pg) -> None:
    newest.admin("CREATE DATABASE closed; ALTER DATABASE closed ALLOW_CONNECTIONS false")
    reason, detail = await failure(pg, target(newest.port, dbname="closed"))
    assert (reason, detail.partition(":")[0]) == (Reason.REFUSED, "55000")


# PgBouncer


async def test_what_pgbouncer_refuses_is_told_as_what_it_is(newest: Server, pg) -> None:
    with bouncing(newest) as bouncer:
        await ask(pg, target(bouncer.port))
        for changes, words in (
            ({"password": Secret("wrong")}, "authentication failed"),
            ({"user": "nobody-we-know"}, "authentication failed"),
            ({"dbname": "not-there"}, "no such database"),
        ):
            reason, detail = await failure(pg, target(bouncer.port, **changes))
            assert reason is Reason.AUTH, detail
            assert words in detail


async def test_pgbouncer_at_its_limit_is_at_its_limit(newest: Server, pg) -> None:
    with bouncing(newest, "max_client_conn=1") as bouncer:
        held = target(bouncer.port, logs_in=False)
        await until_let_in(pg, held)
        assert (await failure(pg, target(bouncer.port)))[0] is Reason.LIMIT


async def test_pgbouncers_console_can_be_asked(newest: Server, pg) -> None:
    with bouncing(newest) as bouncer:
        console = {"dbname": "pgbouncer", "query": "SHOW VERSION;"}
        assert (await ask(pg, target(bouncer.port, **console))).duration > 0
        query = target(bouncer.port, logs_in=False, **console)
        for _ in range(2):
            assert (await ask(pg, query)).response > 0
        reason, detail = await failure(pg, target(bouncer.port, dbname="pgbouncer"))
        assert reason is Reason.QUERY
        assert "SHOW HELP" in detail


async def test_a_client_that_was_idle_for_too_long_at_pgbouncer_is_no_failure(newest: Server, pg) -> None:
    with bouncing(newest, "client_idle_timeout=1") as bouncer:
        wanted, witness = target(bouncer.port, logs_in=False), {"dbname": "pgbouncer", "query": "SHOW CLIENTS"}
        await ask(pg, wanted)
        await asyncio.sleep(2.5)  # it looks once a second
        assert (await ask(pg, wanted)).response > 0
        await ask(pg, target(bouncer.port, **witness))


# MySQL 9


async def test_mysql_9_is_told_the_password_inside_verified_tls_and_knows_us_then(
    mysql9: Server, authority: Authority, my
) -> None:
    mysql9.admin("FLUSH PRIVILEGES")
    for tls in ("require", "disable"):
        reason, detail = await failure(my, target(mysql9.port, tls=tls))
        assert reason is Reason.AUTH
        assert "asks for the password itself" in detail
    first, later = [await ask(my, verified(mysql9, authority)) for _ in range(2)]
    assert (first.round_trips, later.round_trips) == (6, 5)
    await ask(my, target(mysql9.port))


async def test_a_database_that_does_not_exist_is_noticed_inside_tls_too(
    mysql9: Server, authority: Authority, my
) -> None:
    reason, detail = await failure(my, verified(mysql9, authority, dbname="not-there"))
    assert reason is Reason.AUTH, detail


async def test_who_does_not_exist_is_told_to_be_a_possibility(mysql9: Server, authority: Authority, my) -> None:
    """The server asks an unknown user by a method that it draws from the name."""
    for user in ("monitr", "Monitor", "moniter", "nobody", "admin", "n8n"):
        reason, detail = await failure(my, verified(mysql9, authority, user=user))
        assert reason is Reason.AUTH
        assert "Access denied for user" in detail or "there is no such user" in detail


async def test_mysql_in_offline_mode_refuses_and_is_well_again(mysql9: Server, authority: Authority, my) -> None:
    await ask(my, verified(mysql9, authority))
    mysql9.admin("SET GLOBAL offline_mode = ON")
    try:
        reason, detail = await failure(my, verified(mysql9, authority))
        assert (reason, detail[:4]) == (Reason.REFUSED, "3032")
    finally:
        mysql9.admin("SET GLOBAL offline_mode = OFF")
    await ask(my, verified(mysql9, authority))


async def test_a_session_that_mysql_ended_for_its_idleness_is_no_failure(
    mysql9: Server, authority: Authority, my
) -> None:
    mysql9.admin("SET GLOBAL wait_timeout = 1")
    try:
        wanted = verified(mysql9, authority, logs_in=False)
        for _ in range(2):
            assert (await ask(my, wanted)).response > 0
            await gone(mysql9, "user", "information_schema.processlist")
    finally:
        mysql9.admin("SET GLOBAL wait_timeout = 28800")


async def test_a_query_of_ones_own_needs_no_name_of_the_server(mysql9: Server, authority: Authority, my) -> None:
    assert (await ask(my, verified(mysql9, authority, query="SELECT 1 + 1"))).duration > 0
    with pytest.raises(ProbeFailed, match="READ ONLY"):
        await ask(my, verified(mysql9, authority, query="CREATE TABLE n8n.x (y int)"))
    # It gives up a SLEEP by ending it well, long before its time.
    assert (await ask(my, verified(mysql9, authority, query="SELECT SLEEP(9)", timeout=0.5))).phases[Phase.QUERY] < 5


async def test_a_mariadb_that_calls_itself_mysql_can_be_asked_a_query_of_ones_own(my) -> None:
    with started("mysql", options=["--version=8.0.36"]) as server:
        for logs_in in (True, False):
            await ask(my, target(server.port, query="SELECT 2", logs_in=logs_in))
        reason, _ = await failure(my, target(server.port, query="SELECT SLEEP(9)", timeout=0.5))
        assert reason is Reason.QUERY

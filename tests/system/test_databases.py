"""Real PostgreSQL and MariaDB servers, well and in every trouble: each shows as its reason, and is over by itself."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any, get_args

import mysql.connector
import psycopg2
import pytest

from collectors.contract import Facts, Probe, ProbeFailed
from collectors.replies import Reply
from collectors.secret import Secret
from collectors.sql import postgresql
from collectors.sql.target import ClientKind, DatabaseTarget
from collectors.terms import Clock, Phase, Reason
from tests.authority import Authority
from tests.collectors import resources
from tests.collectors.asking import ask, failure, withdrawn
from tests.collectors.targets import context, database_target
from tests.system.database_server import Server
from tests.system.database_sessions import (
    COLLECTORS,
    KILL,
    SLEEP,
    certificate,
    connections,
    has_connections,
    has_queries,
)
from tests.system.databases import KINDS, PASSWORD, requires_databases, started

pytestmark = requires_databases

LOGIN_ROUND_TRIPS = {"postgresql": 4, "mysql": 3}
"""TCP; then startup, SASL, SASL or greeting, proof."""

every_client = pytest.mark.parametrize("client", get_args(ClientKind))


@pytest.fixture(scope="module", params=["postgresql", "mysql"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with started(request.param) as server:
        yield server


@pytest.fixture
async def probe(server: Server) -> AsyncIterator[Probe[DatabaseTarget]]:
    async with COLLECTORS[server.kind](context()) as probe:
        yield probe


def target(server: Server, **changes: Any) -> DatabaseTarget:
    plain: dict[str, Any] = {"port": server.port, "password": Secret(PASSWORD)}
    return database_target(**plain | changes)


async def recovers(probe: Probe[DatabaseTarget], wanted: DatabaseTarget) -> Reply:
    """The very next probe succeeds."""
    return await ask(probe, wanted)


async def test_a_login_is_told_by_its_phases_and_round_trips(server: Server, probe) -> None:
    facts = Facts()
    reply = await ask(probe, target(server), facts)
    assert set(reply.phases) == {Phase.CONNECT, Phase.AUTH, Phase.QUERY}
    assert reply.clock is Clock.KERNEL
    assert reply.rtt == reply.phases[Phase.CONNECT]
    assert reply.duration == pytest.approx(reply.phases[Phase.CONNECT] + reply.phases[Phase.AUTH])
    assert reply.round_trips == LOGIN_ROUND_TRIPS[server.kind]
    assert facts.phase is Phase.QUERY
    await has_connections(server, 0)


async def test_queries_share_one_connection_and_a_login_beside_is_one_more(server: Server, probe) -> None:
    wanted = target(server, logs_in=False)
    for _ in range(20):
        reply = await ask(probe, wanted)
        assert reply.clock is Clock.KERNEL
        assert 0 < reply.response < 1
        assert connections(server) == 1
    await ask(probe, target(server))
    await has_connections(server, 1)
    probe.forget(wanted)
    await has_connections(server, 0)


async def test_what_is_kept_ends_with_the_collector(server: Server) -> None:
    before = resources.descriptors()
    wanted = target(server, logs_in=False)
    async with COLLECTORS[server.kind](context()) as probe:
        await ask(probe, wanted)
        assert connections(server) == 1
    await has_connections(server, 0)
    assert resources.descriptors() == before


async def test_a_server_hears_nothing_to_complain_of(server: Server, probe) -> None:
    size = server.log.stat().st_size
    for logs_in in (True, False):
        wanted = target(server, logs_in=logs_in)
        for _ in range(5):
            await ask(probe, wanted)
        probe.forget(wanted)
    await has_connections(server, 0)
    log = server.log.read_text()[size:]
    assert "startup packet" not in log
    assert "Aborted" not in log
    assert "could not" not in log
    assert "Connection reset" not in log


WRONG: dict[str, tuple[dict[str, Any], Reason]] = {
    "password": ({"password": Secret("wrong")}, Reason.AUTH),
    "user": ({"user": "nobody-we-know"}, Reason.AUTH),
    "database": ({"dbname": "not-there"}, Reason.AUTH),
    "query": ({"query": "SELECT nonsense"}, Reason.QUERY),
    "no TLS there": ({"tls": "require"}, Reason.TLS),
}


@pytest.mark.parametrize("logs_in", [True, False])
@pytest.mark.parametrize("wrong", WRONG)
async def test_what_is_wrong_shows_as_its_reason_and_leaves_nothing(
    server: Server, probe, wrong: str, logs_in: bool
) -> None:
    changes, reason = WRONG[wrong]
    before = resources.descriptors(), resources.readers()
    failed = await failure(probe, target(server, logs_in=logs_in, **changes))
    assert failed[0] is reason, failed
    assert PASSWORD not in failed[1]
    assert (resources.descriptors(), resources.readers()) == before
    await has_connections(server, 0)


async def test_a_closed_port_is_refused(server: Server, probe) -> None:
    assert (await failure(probe, target(server, port=1)))[0] is Reason.REFUSED


async def test_a_server_at_its_limit_says_so_and_is_well_afterwards(server: Server, probe) -> None:
    async with contextlib.AsyncExitStack() as stack:
        held = [await stack.enter_async_context(COLLECTORS[server.kind](context())) for _ in range(14)]
        wanted = [target(server, logs_in=False) for _ in held]
        reasons = []
        for one, aim in zip(held, wanted, strict=True):
            try:
                await ask(one, aim)
            except ProbeFailed as failed:
                reasons.append(failed.reason)
        assert reasons
        assert set(reasons) == {Reason.LIMIT}
        assert (await failure(probe, target(server)))[0] is Reason.LIMIT
    await has_connections(server, 0)
    await recovers(probe, target(server))


@every_client
async def test_a_frozen_server_ends_at_the_deadline_and_is_well_when_it_thaws(
    server: Server, probe, client: str
) -> None:
    kept, login = target(server, client=client, logs_in=False), target(server, client=client)
    await ask(probe, kept)
    server.freeze()
    try:
        loop = asyncio.get_running_loop()
        for wanted, phase in ((kept, Phase.QUERY), (login, Phase.AUTH)):
            facts, began = Facts(), loop.time()
            with pytest.raises(TimeoutError):
                await ask(probe, wanted, facts, deadline=0.3)
            assert loop.time() - began < 0.3 + 1  # of which the last is for a busy machine
            assert facts.phase is phase
    finally:
        server.thaw()
    await recovers(probe, kept)
    await recovers(probe, login)
    await has_connections(server, 1)


@every_client
async def test_a_connection_that_the_server_ended_before_we_asked_is_made_anew(
    server: Server, probe, client: str
) -> None:
    kept = target(server, client=client, logs_in=False)
    await ask(probe, kept)
    server.admin(KILL[server.kind])
    await has_connections(server, 0)
    await recovers(probe, kept)
    assert connections(server) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
async def test_a_server_that_goes_and_comes_back_is_found_at_once(
    server: Server, probe, number: signal.Signals
) -> None:
    kept = target(server, logs_in=False)
    await ask(probe, kept)
    server.stop(signal.SIGTERM if number is signal.SIGINT and server.kind == "mysql" else number)
    assert (await failure(probe, kept))[0] in {Reason.RESET, Reason.REFUSED}
    assert (await failure(probe, kept))[0] is Reason.REFUSED
    assert (await failure(probe, target(server)))[0] is Reason.REFUSED
    server.start()
    await recovers(probe, kept)
    await recovers(probe, target(server))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
async def test_a_server_that_stops_in_mid_query_ends_it_at_once_and_is_found_again(
    server: Server, probe, number: signal.Signals
) -> None:
    asleep = target(server, query=SLEEP[server.kind], timeout=10)
    before = resources.descriptors(), resources.readers()
    asked = asyncio.ensure_future(failure(probe, asleep))
    await has_queries(server, 1)
    server.stop(signal.SIGTERM if number is signal.SIGINT and server.kind == "mysql" else number)
    async with asyncio.timeout(5):
        reason, detail = await asked
    assert reason is Reason.RESET, detail
    assert (resources.descriptors(), resources.readers()) == before
    server.start()
    await recovers(probe, target(server))


async def test_a_probe_that_is_stopped_in_mid_query_leaves_no_connection(server: Server) -> None:
    before = resources.descriptors(), resources.readers()
    async with COLLECTORS[server.kind](context()) as probe:
        asked = asyncio.ensure_future(ask(probe, target(server, query=SLEEP[server.kind], timeout=10)))
        await has_queries(server, 1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await withdrawn()
    assert (resources.descriptors(), resources.readers()) == before
    await has_connections(server, 0)


async def test_ten_thousand_failures_leave_nothing_behind(server: Server, probe) -> None:
    wrong = [target(server, port=1), target(server, port=1, logs_in=False)]
    denied = target(server, password=Secret("wrong"))
    await failure(probe, denied)
    before = resources.descriptors(), resources.readers(), len(asyncio.all_tasks())
    for number in range(10_000):
        reason, _ = await failure(probe, denied if number % 50 == 0 else wrong[number % 2])
        assert reason in {Reason.REFUSED, Reason.AUTH}
    assert (resources.descriptors(), resources.readers(), len(asyncio.all_tasks())) == before
    await recovers(probe, target(server))


async def test_a_unix_socket_is_timed_by_our_own_clock_and_has_no_round_trip(server: Server, probe) -> None:
    reply = await ask(probe, target(server, address="", socket=str(server.socket_path)))
    assert (reply.rtt, reply.clock) == (None, Clock.USER)
    assert set(reply.phases) == {Phase.AUTH, Phase.QUERY}
    query = target(server, address="", socket=str(server.socket_path), logs_in=False)
    assert (await ask(probe, query)).response > 0
    missing = await failure(probe, target(server, address="", socket="/nowhere/at/all"))
    assert missing[0] is Reason.REFUSED


async def test_a_users_own_query_is_read_only_and_given_up_before_the_deadline(server: Server, probe) -> None:
    assert (await ask(probe, target(server, query="SELECT 1 + 1"))).round_trips == LOGIN_ROUND_TRIPS[server.kind]
    writes = {"postgresql": "CREATE TABLE x (y int)", "mysql": "CREATE TABLE n8n.x (y int)"}
    assert (await failure(probe, target(server, query=writes[server.kind])))[0] is Reason.QUERY
    if server.kind == "postgresql":
        assert (await ask(probe, target(server, query="COPY (SELECT 1) TO STDOUT"))).phases[Phase.QUERY] > 0
        failed = await failure(probe, target(server, query=SLEEP[server.kind], timeout=0.5))
        assert failed == (Reason.QUERY, "57014: canceling statement due to statement timeout")


async def test_the_drivers_that_were_asked_for_see_the_same_server(server: Server, probe) -> None:
    """psycopg2 and mysql-connector-python are the oracles of what we speak ourselves."""
    await ask(probe, target(server))
    if server.kind == "postgresql":
        with (
            contextlib.closing(
                psycopg2.connect(
                    host="127.0.0.1",
                    port=server.port,
                    user="monitor",
                    password=PASSWORD,
                    dbname="n8n",
                    sslmode="disable",
                    require_auth="scram-sha-256",
                )
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)
    else:
        with (
            contextlib.closing(
                mysql.connector.connect(
                    host="127.0.0.1",
                    port=server.port,
                    user="monitor",
                    password=PASSWORD,
                    database="n8n",
                    ssl_disabled=True,
                    use_pure=True,
                    connection_timeout=5,
                )
            ) as session,
            contextlib.closing(session.cursor()) as asked,
        ):
            asked.execute("SELECT 1")
            assert asked.fetchone() == (1,)


# TLS


@pytest.fixture(scope="module", params=["postgresql", "mysql"])
def secure(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Server]:
    with (
        certificate(authority, request.param, "localhost", "127.0.0.1") as file,
        started(request.param, tls=(file, file), address="127.0.0.1,127.0.0.2") as server,
    ):
        yield server


@pytest.mark.parametrize("tls", ["require", "verify-ca", "verify-full"])
async def test_a_login_inside_tls_has_a_phase_more_and_more_round_trips(
    secure: Server, authority: Authority, tls: str
) -> None:
    async with COLLECTORS[secure.kind](context()) as probe:
        facts = Facts()
        wanted = target(secure, tls=tls, tls_ca_file=authority.ca_file, address="localhost")
        reply = await ask(probe, wanted, facts)
        # PostgreSQL 15 insists on P-256 (ssl_ecdh_curve), which OpenSSL's clients offer only when asked again.
        more = {"postgresql": 3, "mysql": 1}[secure.kind]
        assert reply.round_trips == LOGIN_ROUND_TRIPS[secure.kind] + more
        assert set(reply.phases) == {Phase.DNS, Phase.CONNECT, Phase.TLS, Phase.AUTH, Phase.QUERY}
        assert reply.duration == pytest.approx(
            sum(reply.phases[each] for each in (Phase.CONNECT, Phase.TLS, Phase.AUTH))
        )
        assert reply.clock is Clock.KERNEL
        assert facts.certificate_expiry
        query = target(secure, tls=tls, tls_ca_file=authority.ca_file, address="localhost", logs_in=False)
        for _ in range(3):
            assert (await ask(probe, query)).clock is Clock.KERNEL


@pytest.mark.parametrize(
    ("tls", "ca", "address", "detail"),
    [
        ("verify-full", None, "localhost", "its authority is not known here"),
        ("verify-ca", None, "localhost", "its authority is not known here"),
        ("verify-full", True, "127.0.0.2", "not valid for"),
    ],
)
async def test_a_certificate_that_does_not_fit_is_refused(
    secure: Server, authority: Authority, tls: str, ca: bool | None, address: str, detail: str
) -> None:
    async with COLLECTORS[secure.kind](context()) as probe:
        ca_file = authority.ca_file if ca else None
        failed = await failure(probe, target(secure, tls=tls, tls_ca_file=ca_file, address=address))
        assert failed[0] is Reason.TLS
        assert detail in failed[1]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_expired_certificate_is_told(authority: Authority, kind: str) -> None:
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    with (
        certificate(authority, kind, "localhost", until=yesterday) as file,
        started(kind, tls=(file, file)) as server,
    ):
        async with COLLECTORS[kind](context()) as probe:
            wanted = target(server, tls="verify-full", tls_ca_file=authority.ca_file, address="localhost")
            for _ in range(3):
                facts = Facts()
                assert await failure(probe, wanted, facts) == (Reason.TLS, "certificate has expired")
                assert facts.certificate_expiry == pytest.approx(yesterday.timestamp(), abs=2)


# Who would have the password


@pytest.mark.parametrize(
    ("user", "detail"),
    [
        ("cleartext", "asks for the password in clear text"),
        ("md5", "asks for an MD5 hash"),
        ("trusted", "did not ask for the password"),
    ],
)
async def test_postgresql_is_only_told_the_password_by_scram(user: str, detail: str) -> None:
    with started("postgresql") as server:
        async with postgresql.collector(context()) as probe:
            reason, words = await failure(probe, target(server, user=user))
            assert reason is Reason.AUTH
            assert detail in words


async def test_peer_login_over_a_unix_socket_needs_no_password() -> None:
    with started("postgresql") as server:
        async with postgresql.collector(context()) as probe:
            wanted = target(server, user="nobody", password=None, address="", socket=str(server.socket_path))
            assert (await ask(probe, wanted)).round_trips == 1

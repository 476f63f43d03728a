"""Real databases by their client libraries: what is measured, what only a library can log in to, and each fault."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import resource
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from collectors.contract import Facts, Probe
from collectors.secret import Secret
from collectors.sql.target import DatabaseTarget
from collectors.terms import Clock, Phase, Reason
from collectors.transport.trust import OwnCertificate
from tests.authority import Authority
from tests.collectors import resources
from tests.collectors.asking import ask, failure
from tests.collectors.targets import context, database_target
from tests.system.database_server import Server
from tests.system.database_sessions import (
    CERTIFIED,
    COLLECTORS,
    DEMANDING,
    SLEEP,
    certificate,
    connections,
    has_connections,
)
from tests.system.databases import PASSWORD, requires_databases, started
from tests.system.rooted import MySQL9, requires_newer_databases

pytestmark = requires_databases


@pytest.fixture(scope="module", params=["postgresql", "mysql"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with started(request.param) as server:
        yield server


@pytest.fixture
async def probe(server: Server) -> AsyncIterator[Probe[DatabaseTarget]]:
    async with COLLECTORS[server.kind](context()) as probe:
        yield probe


def target(server: Server, **changes: Any) -> DatabaseTarget:
    plain: dict[str, Any] = {
        "protocol": server.kind,
        "port": server.port,
        "password": Secret(PASSWORD),
        "client": "driver",
    }
    return database_target(**plain | changes)


async def test_a_login_is_measured_with_the_kernels_round_trip_and_the_phases_that_are_seen(
    server: Server, probe
) -> None:
    wanted, facts = target(server), Facts()
    replies = [await ask(probe, wanted, facts) for _ in range(5)]
    for reply in replies:
        assert tuple(reply.phases) == wanted.phases == (Phase.CONNECT, Phase.AUTH, Phase.QUERY)
        assert (reply.clock, reply.round_trips, reply.server) == (Clock.USER, None, None)
        assert 0 < reply.rtt == reply.phases[Phase.CONNECT]
    assert min(reply.rtt for reply in replies) < 0.01
    # A busy machine may wake us late between the phases of one.
    assert min(abs(reply.duration - reply.rtt - reply.phases[Phase.AUTH]) for reply in replies) < 0.01
    assert facts.phase is Phase.QUERY
    await has_connections(server, 0)


async def test_queries_share_one_session_until_their_target_is_forgotten(server: Server, probe) -> None:
    wanted = target(server, logs_in=False)
    for _ in range(5):
        reply = await ask(probe, wanted)
        assert reply.clock is Clock.USER
        assert 0 < reply.response < 1
        assert connections(server) == 1
    await ask(probe, target(server))
    await has_connections(server, 1)
    probe.forget(wanted)
    await has_connections(server, 0)


async def test_what_is_asked_for_once_keeps_no_session_and_no_descriptor(server: Server, probe) -> None:
    before = resources.descriptors()
    await ask(probe, target(server, logs_in=False, kept=False))
    await has_connections(server, 0)
    assert resources.descriptors() == before


async def test_a_server_hears_nothing_to_complain_of(server: Server, probe) -> None:
    size = server.log.stat().st_size
    for logs_in in (True, False):
        wanted = target(server, logs_in=logs_in)
        for _ in range(3):
            await ask(probe, wanted)
        probe.forget(wanted)
        await failure(probe, target(server, logs_in=logs_in, query="SELECT nonsense"))
    await has_connections(server, 0)
    log = server.log.read_text()[size:]
    for complaint in ("startup packet", "Aborted", "could not", "Connection reset", "unexpected EOF"):
        assert complaint not in log


async def test_a_unix_socket_has_no_round_trip(server: Server, probe) -> None:
    reply = await ask(probe, target(server, socket=str(server.socket_path), address=""))
    assert reply.rtt is None
    assert tuple(reply.phases) == (Phase.AUTH, Phase.QUERY)


WRONG: dict[str, tuple[dict[str, Any], Reason, str]] = {
    "password": ({"password": Secret("wrong")}, Reason.AUTH, "the password is wrong, or there is no such user"),
    "user": ({"user": "nobody-we-know"}, Reason.AUTH, "there is no such user"),
    "no password": ({"password": None}, Reason.AUTH, "password"),
    "database": ({"dbname": "not-there"}, Reason.AUTH, "database"),
    "query": ({"query": "SELECT nonsense"}, Reason.QUERY, "refuse"),
    "a query that writes": ({"query": "CREATE TABLE n8n.x (y int)"}, Reason.QUERY, "read"),
    "a query that lasts": ({"timeout": 1.0}, Reason.QUERY, "gave it up"),
    "no TLS there": ({"tls": "require"}, Reason.TLS, "TLS"),
    "a closed port": ({"address": "127.0.0.2"}, Reason.REFUSED, "nothing listens"),
}


@pytest.mark.parametrize("logs_in", [True, False])
@pytest.mark.parametrize("wrong", WRONG)
async def test_what_is_wrong_shows_as_its_reason_in_our_words_and_leaves_nothing(
    server: Server, probe, wrong: str, logs_in: bool
) -> None:
    changes, reason, words = WRONG[wrong]
    if wrong == "a query that lasts":
        changes = {**changes, "query": SLEEP[server.kind]}
    before = resources.descriptors()
    failed = await failure(probe, target(server, logs_in=logs_in, **changes))
    assert failed[0] is reason, failed
    assert words in failed[1]
    assert not {PASSWORD, "nobody-we-know", "not-there", "nonsense"} & set(failed[1].replace("'", " ").split())
    assert resources.descriptors() == before
    await has_connections(server, 0)


async def test_an_answer_that_is_too_long_is_none(server: Server, probe) -> None:
    rows = " UNION ALL ".join(["SELECT repeat('x', 60000)"] * 6)
    for where in ({}, {"socket": str(server.socket_path), "address": ""}):
        reason, detail = await failure(probe, target(server, query=rows, **where))
        assert (reason, "longer than 256 KiB" in detail) == (Reason.PROTOCOL, True)
        almost = " UNION ALL ".join(["SELECT repeat('x', 60000)"] * 4)
        assert (await ask(probe, target(server, query=almost, **where))).duration > 0


async def test_a_row_that_is_too_long_takes_no_memory(server: Server, probe) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for where in ({}, {"socket": str(server.socket_path), "address": ""}):
        long = target(server, query="SELECT repeat('x', 100000000)", timeout=8.0, **where)
        if server.kind == "postgresql":
            assert (await failure(probe, long))[0] is Reason.PROTOCOL
        else:
            await ask(probe, long)  # NULL, beyond max_allowed_packet
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


async def test_a_server_at_its_limit_says_so(server: Server, probe) -> None:
    held = [target(server, logs_in=False) for _ in range(14)]
    results = [await asyncio.gather(ask(probe, one), return_exceptions=True) for one in held]
    reasons = {getattr(one, "reason", None) for (one,) in results}
    assert reasons == {None, Reason.LIMIT}
    for one in held:
        probe.forget(one)
    await has_connections(server, 0)
    await ask(probe, target(server))


async def test_a_server_that_goes_and_comes_back_is_found_at_once(server: Server, probe) -> None:
    kept = target(server, logs_in=False)
    await ask(probe, kept)
    server.stop(signal.SIGQUIT if server.kind == "postgresql" else signal.SIGKILL)
    assert (await failure(probe, kept))[0] is Reason.REFUSED
    assert (await failure(probe, target(server)))[0] is Reason.REFUSED
    server.start()
    await ask(probe, kept)
    await ask(probe, target(server))


# TLS


@pytest.fixture(scope="module", params=["postgresql", "mysql"])
def encrypted(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Server]:
    """A server with a certificate for localhost, which wants one of some users."""
    with tempfile.TemporaryDirectory() as name, certificate(authority, request.param, "localhost") as file:
        Path(name).chmod(0o755)
        ca = shutil.copy(authority.ca_file, name)
        Path(ca).chmod(0o644)
        option = ["-c", f"ssl_ca_file={ca}"] if request.param == "postgresql" else [f"--ssl-ca={ca}"]
        with started(request.param, tls=(file, file), options=option) as server:
            server.admin(DEMANDING[server.kind])
            if server.kind == "postgresql":
                hba = server.data / "pg_hba.conf"
                hba.write_text(f"hostssl all {CERTIFIED} all scram-sha-256 clientcert=verify-full\n" + hba.read_text())
                server.admin("SELECT pg_reload_conf()")
            yield server


def verified(server: Server, authority: Authority, **changes: Any) -> DatabaseTarget:
    plain = {"address": "localhost", "tls": "verify-full", "tls_ca_file": authority.ca_file}
    return target(server, **plain | changes)


@pytest.mark.parametrize("tls", ["require", "verify-ca", "verify-full"])
async def test_tls_means_what_it_means_without_a_driver(encrypted: Server, authority: Authority, tls: str) -> None:
    async with COLLECTORS[encrypted.kind](context()) as probe:
        wanted = verified(encrypted, authority, tls=tls)
        for _ in range(2):
            assert tuple((await ask(probe, wanted)).phases) == wanted.phases
        query = verified(encrypted, authority, tls=tls, logs_in=False)
        for _ in range(2):
            assert (await ask(probe, query)).response > 0
        if encrypted.kind == "mysql":
            assert Phase.TLS in wanted.phases
        else:
            assert {Phase.TLS, Phase.AUTH}.isdisjoint(wanted.phases)


async def test_a_certificate_that_does_not_verify_is_refused(
    encrypted: Server, authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path).ca_file
    for changes in ({"address": "127.0.0.1"}, {"tls_ca_file": stranger}, {"tls": "verify-ca", "tls_ca_file": stranger}):
        async with COLLECTORS[encrypted.kind](context()) as probe:
            assert (await failure(probe, verified(encrypted, authority, **changes)))[0] is Reason.TLS


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
async def test_a_certificate_that_has_expired_is_refused(authority: Authority, kind: str) -> None:
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    with certificate(authority, kind, "localhost", until=yesterday) as file, started(kind, tls=(file, file)) as server:
        async with COLLECTORS[kind](context()) as probe:
            assert (await failure(probe, verified(server, authority)))[0] is Reason.TLS


async def test_a_user_who_needs_a_password_and_a_certificate_is_let_in(encrypted: Server, authority: Authority) -> None:
    file = authority.file("a client")
    file.chmod(0o600)
    ours = OwnCertificate(str(file), str(file))
    async with COLLECTORS[encrypted.kind](context()) as probe:
        await ask(probe, verified(encrypted, authority, user=CERTIFIED, own_certificate=ours))
        assert (await failure(probe, verified(encrypted, authority, user=CERTIFIED)))[0] is Reason.AUTH


# What only a library can log in to


@pytest.fixture(scope="module")
def postgresql(authority: Authority) -> Iterator[Server]:
    with certificate(authority, "postgresql", "localhost") as file, started("postgresql", tls=(file, file)) as server:
        yield server


@pytest.mark.parametrize("user", ["cleartext", "md5"])
async def test_postgresql_gets_the_password_itself_inside_verified_tls_or_over_a_socket_alone(
    postgresql: Server, authority: Authority, user: str
) -> None:
    hba = postgresql.data / "pg_hba.conf"
    if "local all cleartext" not in hba.read_text():
        hba.write_text("local all cleartext password\nlocal all md5 md5\n" + hba.read_text())
        postgresql.admin("SELECT pg_reload_conf()")
    async with COLLECTORS["postgresql"](context()) as probe:
        for logs_in in (True, False):
            for tls in ("verify-full", "verify-ca"):
                await ask(probe, verified(postgresql, authority, user=user, tls=tls, logs_in=logs_in))
        await ask(probe, target(postgresql, user=user, socket=str(postgresql.socket_path), address=""))
        for tls in ("require", "disable"):
            reason, detail = await failure(probe, verified(postgresql, authority, user=user, tls=tls))
            assert reason is Reason.AUTH
            assert "inside verified TLS only" in detail
        reason, detail = await failure(probe, verified(postgresql, authority, user=user, client="native"))
        assert reason is Reason.AUTH
        assert detail.endswith("it must be SCRAM-SHA-256, or set client: driver")
        _, detail = await failure(probe, verified(postgresql, authority, user=user, client="native", tls="require"))
        assert detail.endswith("it must be SCRAM-SHA-256, or set client: driver and tls: verify-full")


async def test_who_is_let_in_without_being_asked_is_a_failure(postgresql: Server, authority: Authority) -> None:
    async with COLLECTORS["postgresql"](context()) as probe:
        reason, detail = await failure(probe, verified(postgresql, authority, user="trusted"))
        assert (reason, detail) == (
            Reason.AUTH,
            "log in: the server did not ask for the password: trust, or an impostor",
        )


@requires_newer_databases
async def test_mysql_9_gets_the_password_itself_inside_verified_tls_alone(authority: Authority) -> None:
    with certificate(authority, "mysql", "localhost") as file, started(MySQL9, tls=(file, file)) as server:
        server.admin(
            f"CREATE USER sha@'%' IDENTIFIED WITH sha256_password BY '{PASSWORD}'; GRANT SELECT ON n8n.* TO sha@'%'"
        )
        async with COLLECTORS["mysql"](context()) as probe:
            for user in ("monitor", "sha"):
                server.admin("FLUSH PRIVILEGES")
                for tls in ("require", "disable"):
                    reason, detail = await failure(probe, verified(server, authority, user=user, tls=tls))
                    assert reason is Reason.AUTH
                    assert "inside verified TLS" in detail
                await ask(probe, verified(server, authority, user=user))
            server.admin("FLUSH PRIVILEGES")
            at_socket = target(server, socket=str(server.socket_path), address="")
            await ask(probe, at_socket)
            _, detail = await failure(probe, dataclasses.replace(at_socket, user="sha"))
            assert "which works inside TLS alone" in detail
            reason, detail = await failure(probe, verified(server, authority, user="sha", client="native"))
            assert reason is Reason.AUTH
            assert "set client: driver" in detail

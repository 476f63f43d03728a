"""Client libraries before servers that are no databases, or no honest ones: what they send, and when they end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from collectors.contract import Facts, Probe, ProbeFailed
from collectors.secret import NoSecret, Secret
from collectors.sql import mysql, postgresql
from collectors.sql.target import DatabaseTarget
from collectors.terms import Phase, Reason
from tests.authority import Authority
from tests.collectors import peers, resources
from tests.collectors.asking import ask, failure
from tests.collectors.peers import Peer
from tests.collectors.sql.scripted import MY_OK, OK_NO_PASSWORD, READY, Talk, greeting, my, pg, says
from tests.collectors.targets import context, database_target

COLLECTORS = {"postgresql": postgresql.collector, "mysql": mysql.collector}
HUSH = b"hush"
CLEAR, MD5, GSS = (pg(b"R", struct.pack("!i", code) + more) for code, more in ((3, b""), (5, b"salt"), (7, b"")))
STARTED = b"".join(
    pg(b"S", name + b"\0" + value + b"\0")
    for name, value in (
        (b"server_version", b"15.0"),
        (b"client_encoding", b"UTF8"),
        (b"DateStyle", b"ISO, MDY"),
        (b"standard_conforming_strings", b"on"),
    )
)
LOGGED_IN = OK_NO_PASSWORD + STARTED + READY
DONE = pg(b"C", b"SELECT 0\0") + READY
WELL = {"postgresql": says(LOGGED_IN, DONE), "mysql": says(MY_OK, my(MY_OK[4:], 1), first=greeting())}
ITSELF = "the password itself"


def target(kind: str, port: int, **changes: Any) -> DatabaseTarget:
    return database_target(port, protocol=kind, client="driver", **changes)


def switch(method: bytes) -> bytes:
    return my(b"\xfe" + method + b"\0" + b"12345678901234567890\0", 2)


def inside_tls(kind: str, tls: ssl.SSLContext, *pieces: bytes) -> Talk:
    """Begins TLS as a server of that kind, then says each piece after something was heard."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(greeting(capabilities=0xFFFFFFFF) if kind == "mysql" else b"")
        all_heard.append(connection.recv(36 if kind == "mysql" else 8))
        connection.sendall(b"" if kind == "mysql" else b"S")
        with tls.wrap_socket(connection, server_side=True) as encrypted:
            for piece in pieces:
                all_heard.append(encrypted.recv(65536))
                encrypted.sendall(piece)
            while data := encrypted.recv(65536):
                all_heard.append(data)

    all_heard: list[bytes] = []
    talk.heard = all_heard  # type: ignore[attr-defined]  # for the test to look at
    return talk


def heard(talk: Talk) -> bytes:
    return b"".join(talk.heard)  # type: ignore[attr-defined]  # as above


@pytest.fixture(params=list(COLLECTORS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def probe(kind: str) -> AsyncIterator[Probe[DatabaseTarget]]:
    async with COLLECTORS[kind](context()) as probe:
        yield probe


def threads() -> int:
    return sum(thread.name.startswith("database") for thread in threading.enumerate())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


# The password


GREEDY: dict[str, tuple[str, Talk, str]] = {
    "pg: clear text": ("postgresql", says(CLEAR), "in clear text or by MD5"),
    "pg: MD5": ("postgresql", says(MD5), "in clear text or by MD5"),
    "pg: a ticket": ("postgresql", says(GSS), "without a password only"),
    "pg: trust": ("postgresql", says(OK_NO_PASSWORD + READY), "trust, or an impostor"),
    "my: clear text": ("mysql", says(switch(b"mysql_clear_password"), first=greeting()), ITSELF),
    "my: sha256": ("mysql", says(switch(b"sha256_password"), first=greeting()), ITSELF),
    "my: clear text from the first": (
        "mysql",
        says(switch(b"mysql_clear_password"), first=greeting(b"mysql_clear_password")),
        ITSELF,
    ),
    "my: the full form": ("mysql", says(my(b"\1\4", 2), first=greeting(b"caching_sha2_password")), ITSELF),
    "my: the full form after a switch": (
        "mysql",
        says(switch(b"caching_sha2_password"), my(b"\1\4", 4), first=greeting()),
        ITSELF,
    ),
    "my: another factor": ("mysql", says(my(b"\2mysql_clear_password\0", 2), first=greeting()), ITSELF),
    "my: a plugin of its choice": ("mysql", says(switch(b"authentication_oci_client"), first=greeting()), "not know"),
    "my: a module of its choice": ("mysql", says(switch(b"..pooling"), first=greeting()), "not know"),
}


@pytest.mark.clock
@pytest.mark.parametrize("name", GREEDY)
async def test_no_server_gets_the_password_itself_outside_of_tls(name: str) -> None:
    kind, talk, words = GREEDY[name]
    with Peer(talk) as peer:
        async with COLLECTORS[kind](context()) as probe:
            facts = Facts()
            with contextlib.suppress(TimeoutError):  # a server that does not answer a refusal
                reason, detail = await failure(probe, target(kind, peer.port, timeout=1.0), facts)
                assert reason is Reason.AUTH
                assert words in detail
                assert "hush" not in f"{detail}{facts}"
    assert heard(talk)
    assert HUSH not in heard(talk)
    assert b"_client_name" not in heard(talk)


NATIVE: dict[str, tuple[str, Talk, dict[str, Any], str]] = {
    "pg: clear text": ("postgresql", says(CLEAR), {}, "or set client: driver and tls: verify-full"),
    "pg: MD5": ("postgresql", says(MD5), {}, "or set client: driver and tls: verify-full"),
    "pg: a ticket": ("postgresql", says(GSS), {"password": None}, "asks for a ticket (GSSAPI); set client: driver"),
    "pg: a ticket or a password": ("postgresql", says(GSS), {}, "set client: driver, without a password"),
    "my: clear text": (
        "mysql",
        says(switch(b"mysql_clear_password"), first=greeting()),
        {},
        "or set client: driver and tls: verify-full; it may also hide so",
    ),
    "my: sha256": ("mysql", says(switch(b"sha256_password"), first=greeting()), {}, "or set client: driver"),
}
NOBODYS = {
    "pg: Kerberos 5": ("postgresql", says(pg(b"R", struct.pack("!i", 2)))),
    "my: ed25519": ("mysql", says(switch(b"client_ed25519"), first=greeting())),
    "my: dialog": ("mysql", says(switch(b"dialog"), first=greeting())),
    "my: parsec": ("mysql", says(switch(b"parsec"), first=greeting())),
}


@pytest.mark.clock
@pytest.mark.parametrize("name", NATIVE)
async def test_the_native_client_names_the_key_where_a_driver_can_log_in(name: str) -> None:
    kind, talk, changes, words = NATIVE[name]
    with Peer(talk) as peer:
        async with COLLECTORS[kind](context()) as probe:
            wanted = database_target(peer.port, protocol=kind, timeout=1.0, **changes)
            reason, detail = await failure(probe, wanted)
    assert (reason, words in detail) == (Reason.AUTH, True), detail


@pytest.mark.clock
@pytest.mark.parametrize("name", NOBODYS)
async def test_what_no_driver_knows_is_not_said_to_need_one(name: str) -> None:
    kind, talk = NOBODYS[name]
    with Peer(talk) as peer:
        async with COLLECTORS[kind](context()) as probe:
            _, detail = await failure(probe, database_target(peer.port, protocol=kind, timeout=1.0))
            assert "client: driver" not in detail
            reason, detail = await failure(probe, target(kind, peer.port, timeout=1.0))
            assert (reason, "not known" in detail or "not know" in detail) == (Reason.AUTH, True), detail


ASKS = {
    "postgresql": [CLEAR, pg(b"E", b"SFATAL\0C28P01\0M\0\0")],
    "mysql": [switch(b"mysql_clear_password"), my(b"\xff" + struct.pack("<H", 1045) + b"#28000denied", 4)],
}
"""What a server says that wants the password itself, and refuses it when it has it."""


@pytest.mark.parametrize(("tls", "gets"), [("require", False), ("verify-ca", True), ("verify-full", True)])
async def test_inside_tls_a_server_gets_the_password_itself_if_it_is_verified(
    kind: str, probe, authority: Authority, tls: str, gets: bool
) -> None:
    talk = inside_tls(kind, authority.server("localhost"), *ASKS[kind])
    wanted = target(kind, 0, address="localhost", tls=tls, tls_ca_file=authority.ca_file, timeout=2.0)
    with Peer(talk) as peer, contextlib.suppress(TimeoutError, ProbeFailed):
        await ask(probe, target(kind, peer.port, **_same(wanted)), deadline=2)
    assert heard(talk)
    assert (HUSH in heard(talk)) is gets


def _same(wanted: DatabaseTarget) -> dict[str, Any]:
    return {name: getattr(wanted, name) for name in ("address", "tls", "tls_ca_file", "timeout")}


@pytest.mark.parametrize("host", ["another.example", None])
async def test_a_certificate_of_another_name_or_authority_gets_nothing(
    kind: str, probe, authority: Authority, host: str | None
) -> None:
    talk = inside_tls(kind, authority.server(*filter(None, [host])), *ASKS[kind])
    with Peer(talk) as peer:
        wanted = target(kind, peer.port, address="localhost", tls="verify-full", tls_ca_file=authority.ca_file)
        assert (await failure(probe, wanted))[0] is Reason.TLS
    assert HUSH not in heard(talk)


async def test_where_tls_fails_mysql_is_left_alone_for_a_while(authority: Authority) -> None:
    talk = inside_tls("mysql", authority.server("another.example"))
    async with mysql.collector(context()) as probe:
        with Peer(talk) as peer:
            wanted = target("mysql", peer.port, address="localhost", tls="verify-full", tls_ca_file=authority.ca_file)
            first = await failure(probe, wanted)
            assert await failure(probe, wanted) == first
            assert len(peer.clients) == 1


@pytest.mark.parametrize("tls", ["disable", "require"])
async def test_a_mysql_that_is_called_a_postgresql_is_named_and_left_alone_for_a_while(tls: str) -> None:
    async with postgresql.collector(context()) as probe:
        with Peer(says(first=greeting())) as peer:
            wanted = target("postgresql", peer.port, tls=tls)
            first = await failure(probe, wanted)
            assert (first[0], first[1].endswith("is type right?")) == (Reason.PROTOCOL, True), first
            assert await failure(probe, wanted) == first
            assert len(peer.clients) == 1


async def test_a_server_without_tls_hears_no_user_and_no_password_where_tls_is_demanded(kind: str, probe) -> None:
    talk = says(b"N") if kind == "postgresql" else says(first=greeting())
    with Peer(talk) as peer:
        reason, detail = await failure(probe, target(kind, peer.port, tls="require"))
        assert (reason, "TLS" in detail) == (Reason.TLS, True)
    assert HUSH not in heard(talk)
    assert b"monitor" not in heard(talk)


async def test_nothing_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    passwords = tmp_path / "pgpass"
    passwords.write_text("*:*:*:*:canary\n")
    passwords.chmod(0o600)
    services = tmp_path / "pg_service.conf"
    services.write_text("[canary]\nsslnegotiation=direct\noptions=-c canary=1\n")
    for name, value in {
        "PGPASSWORD": "canary",
        "PGPASSFILE": str(passwords),
        "PGHOSTADDR": "192.0.2.1",
        "PGREQUIREAUTH": "none",
        "PGOPTIONS": "-c canary=1",
        "PGSSLMODE": "disable",
        "PGUSER": "canary",
        "PGDATABASE": "canary",
        "PGAPPNAME": "canary",
        "PGGSSENCMODE": "require",
        "PGREPLICATION": "database",
        "PGSERVICE": "canary",
        "PGSERVICEFILE": str(services),
        "PGSYSCONFDIR": str(tmp_path),
        "PGDATESTYLE": "canary",
        "PGGEQO": "canary",
        "PGTZ": "canary",
        "PGSSLNEGOTIATION": "direct",
        "PGSSLCERTMODE": "canary",
        "PGSSLSNI": "canary",
        "PGLOADBALANCEHOSTS": "canary",
        "PGSSLMINPROTOCOLVERSION": "canary",
    }.items():
        monkeypatch.setenv(name, value)
    talk, at_socket = says(CLEAR), says(CLEAR)
    with Peer(talk) as peer, Peer(at_socket, path=tmp_path / ".s.PGSQL.5432"):
        async with postgresql.collector(context()) as probe:
            wanted = target("postgresql", peer.port, password=None, dbname="")
            by_socket = target("postgresql", 5432, password=None, dbname="", socket=str(tmp_path), address="")
            for one in (wanted, by_socket):
                assert (await failure(probe, one))[1] == "log in: the database wants a password; set password_file"
    for sent in (heard(talk), heard(at_socket)):
        assert b"monitor" in sent
        assert b"canary" not in sent


async def test_a_refused_password_is_read_again_and_the_new_one_is_tried_at_once() -> None:
    async def new() -> Secret:
        return Secret("fresh")

    async def gone() -> Secret:
        raise NoSecret("its file is empty")

    refused = pg(b"E", b"SFATAL\0C28P01\0Mpassword authentication failed\0\0")
    async with postgresql.collector(context()) as probe:
        with Peer(says(refused)) as peer:
            await failure(probe, target("postgresql", peer.port, password=Secret("old", new)))
            assert len(peer.clients) == 2
            _, detail = await failure(probe, target("postgresql", peer.port, password=Secret("old", gone)))
            assert detail.endswith("no such user; and the password was not read again: its file is empty")


# What a server may send


JUNK: dict[str, tuple[str, Talk]] = {
    "pg: endless settings": (
        "postgresql",
        says(OK_NO_PASSWORD, endless=pg(b"S", b"x" * 1000 + b"\0" + b"y" * 1000 + b"\0")),
    ),
    "my: endless columns": ("mysql", says(MY_OK, my(b"\xfa", 1), first=greeting(), endless=my(b"\3def" * 250, 2))),
    "pg: HTTP": ("postgresql", says(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
    "pg: zeros": ("postgresql", says(bytes(100))),
    "pg: a negative length": ("postgresql", says(b"R\xff\xff\xff\xff")),
    "my: HTTP": ("mysql", says(first=b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 0x545448)),
    "my: zeros": ("mysql", says(first=my(bytes(100)))),
    "my: nothing": ("mysql", says(first=my(b""))),
    "my: a short greeting": ("mysql", says(first=my(b"\x0a8.0"))),
    "my: a version that is none": ("mysql", says(first=my(b"\x0a\xff\xff\0" + bytes(60)))),
    "my: a switch to nothing": ("mysql", says(my(b"\xfe", 2), first=greeting())),
    "my: a switch to bytes": ("mysql", says(my(b"\xfe\xff\xff\0", 2), first=greeting())),
    "my: an error of one byte": ("mysql", says(my(b"\xff", 2), first=greeting())),
    "my: asks for a file": ("mysql", says(MY_OK, my(b"\xfb/etc/passwd", 1), first=greeting())),
    "my: two billion columns": ("mysql", says(MY_OK, my(b"\xfd\xff\xff\xff", 1), first=greeting())),
}


@pytest.mark.clock
@pytest.mark.parametrize("name", JUNK)
async def test_what_is_no_answer_is_a_failure_and_never_a_bug_of_ours(name: str) -> None:
    kind, talk = JUNK[name]
    with Peer(talk) as peer:
        async with COLLECTORS[kind](context()) as probe:
            with contextlib.suppress(TimeoutError):
                reason, detail = await failure(probe, target(kind, peer.port, password=None))
                assert reason in {Reason.PROTOCOL, Reason.RESET, Reason.AUTH}, detail
    assert b"root:" not in heard(talk)


async def test_words_of_the_server_are_not_repeated(kind: str, probe) -> None:
    error = {
        "postgresql": says(pg(b"E", b"SFATAL\0C28000\0Mcanary\0\0")),
        "mysql": says(my(b"\xff\x15\x04#28000canary", 2), first=greeting()),
    }[kind]
    with Peer(error) as peer:
        reason, detail = await failure(probe, target(kind, peer.port))
        assert reason is Reason.AUTH
        assert "canary" not in detail


# Hanging


HANGS: dict[str, tuple[str, Talk, dict[str, Any], Phase]] = {
    "pg: the answer to the startup": ("postgresql", peers.silent, {}, Phase.AUTH),
    "pg: the answer to the request for TLS": ("postgresql", peers.silent, {"tls": "require"}, Phase.AUTH),
    "pg: the handshake of TLS": ("postgresql", says(b"S"), {"tls": "require"}, Phase.AUTH),
    "pg: the end of the login": ("postgresql", says(OK_NO_PASSWORD), {"password": None}, Phase.AUTH),
    "pg: the query": ("postgresql", says(LOGGED_IN), {"password": None}, Phase.QUERY),
    "my: the greeting": ("mysql", peers.silent, {}, Phase.AUTH),
    "my: the greeting before TLS": ("mysql", peers.silent, {"tls": "require"}, Phase.TLS),
    "my: the handshake of TLS": ("mysql", says(first=greeting(capabilities=0xFFFFFFFF)), {"tls": "require"}, Phase.TLS),
    "my: the answer to the login": ("mysql", says(first=greeting()), {}, Phase.AUTH),
    "my: the query": ("mysql", says(MY_OK, first=greeting()), {}, Phase.QUERY),
}


@pytest.mark.clock
@pytest.mark.parametrize("logs_in", [True, False])
@pytest.mark.parametrize("name", HANGS)
async def test_a_server_that_hangs_ends_at_the_deadline_with_its_thread_and_its_socket(
    name: str, logs_in: bool
) -> None:
    kind, talk, changes, phase = HANGS[name]
    gc.collect()
    with Peer(talk) as peer:
        async with COLLECTORS[kind](context()) as probe:
            before = resources.descriptors()
            wanted, facts = target(kind, peer.port, timeout=600.0, logs_in=logs_in, **changes), Facts()
            for _ in range(2):
                with pytest.raises(TimeoutError):
                    await ask(probe, wanted, facts, deadline=0.5)
                assert facts.phase is phase
            assert threads() == 1
            await until(lambda: resources.descriptors() == before)
    await until(lambda: threads() == 0)


@pytest.mark.clock
async def test_a_connection_that_nobody_accepts_ends_at_the_deadline(kind: str, probe) -> None:
    with peers.full_backlog() as listener:
        facts = Facts()
        with pytest.raises(TimeoutError):
            await ask(probe, target(kind, listener.getsockname()[1], timeout=600.0), facts, deadline=0.2)
    assert facts.phase is Phase.CONNECT


@pytest.mark.clock
async def test_a_syn_that_was_sent_again_leaves_no_round_trip(kind: str, probe) -> None:
    with peers.full_backlog() as listener:

        def accept() -> None:
            with listener.accept()[0], listener.accept()[0] as connection, contextlib.suppress(OSError):
                WELL[kind](connection)

        facts = Facts()
        asking = asyncio.ensure_future(
            ask(probe, target(kind, listener.getsockname()[1], password=None), facts, deadline=10)
        )
        await asyncio.sleep(0.3)  # the kernel's own pace: its next SYN is due a second after the first
        thread = threading.Thread(target=accept)
        thread.start()
        reply = await asking
        thread.join(10)
    assert facts.retransmitted
    assert reply.rtt is None
    assert Phase.CONNECT not in reply.phases
    assert reply.duration > 0.9


async def test_a_server_that_hangs_holds_up_nobody_else(kind: str, probe) -> None:
    with Peer(peers.silent) as silent, Peer(WELL[kind]) as peer:
        stuck = [target(kind, silent.port, timeout=600.0) for _ in range(20)]
        hanging = [asyncio.ensure_future(ask(probe, one, deadline=600)) for one in stuck]
        await silent.has_served(len(hanging))
        assert (await ask(probe, target(kind, peer.port, password=None), deadline=5)).duration > 0
        assert not any(one.done() for one in hanging)
        for one in hanging:
            one.cancel()
        await asyncio.wait(hanging)


async def test_the_second_address_of_a_name_is_asked_where_the_first_refuses(kind: str) -> None:
    async def lookup(_name: str, _family: object) -> tuple[str, ...]:
        return "127.0.0.9", "127.0.0.1"

    with Peer(WELL[kind]) as peer:
        async with COLLECTORS[kind](context(lookup)) as probe:
            facts = Facts()
            reply = await ask(probe, target(kind, peer.port, address="db.example", password=None), facts)
    assert facts.address == "127.0.0.1"
    assert facts.tried[0].startswith("127.0.0.9: ")
    assert set(reply.phases) == {Phase.DNS, Phase.CONNECT, Phase.AUTH, Phase.QUERY}


@pytest.mark.programs
def test_no_library_is_imported_where_no_database_needs_one() -> None:
    program = """
import asyncio, sys
import exporter.__main__, exporter.probing
from collectors.contract import ProbeFailed
from collectors.sql import mysql, postgresql
from tests.collectors.asking import failure
from tests.collectors.targets import context, database_target

async def main():
    for kind, module in (("postgresql", postgresql), ("mysql", mysql)):
        async with module.collector(context()) as probe:
            await failure(probe, database_target(1, protocol=kind))

asyncio.run(main())
print([name for name in sys.modules if name.split(".")[0] in ("psycopg2", "mysql")])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")

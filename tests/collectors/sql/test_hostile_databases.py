"""Servers that are no databases, or no honest ones: each fails, soon and cheaply, and none gets the password."""

from __future__ import annotations

import asyncio
import resource
import socket
import struct
import threading
from pathlib import Path

import pytest

from collectors.secret import NoSecret, Secret
from collectors.sql import mysql, postgresql
from collectors.terms import Phase, Reason
from tests.collectors import peers, resources
from tests.collectors.asking import Asked, ask, ended, failure, given_up, withdrawn
from tests.collectors.peers import Peer
from tests.collectors.sql.scripted import MY_OK, OK_NO_PASSWORD, READY, SASL, Talk, asks_for_tls, greeting, my, pg, says
from tests.collectors.targets import context, database_target

COLLECTORS = {"postgresql": postgresql.collector, "mysql": mysql.collector}
MEGABYTES_MORE = 50
HUSH = b"hush"
CASES: dict[str, tuple[str, Talk, dict[str, object], Reason, str]] = {
    "pg: 2 GiB": (
        "postgresql",
        says(pg(b"R", length=2**31 - 1)),
        {},
        Reason.PROTOCOL,
        "announces a message of 2147483643",
    ),
    "pg: a negative length": ("postgresql", says(pg(b"R", length=-1)), {}, Reason.PROTOCOL, "announces a message"),
    "pg: endless notices": (
        "postgresql",
        says(b"", endless=pg(b"N", b"SNOTICE\0" + b"x" * 1000)),
        {},
        Reason.PROTOCOL,
        "far more bytes",
    ),
    "pg: a megabyte of error": (
        "postgresql",
        says(pg(b"E", b"SFATAL\0C28P01\0M" + b'"\n' * 500_000 + b"\0\0")),
        {},
        Reason.PROTOCOL,
        "announces",
    ),
    "pg: an error with quotes and newlines": (
        "postgresql",
        says(pg(b"E", b'SFATAL\0C28P01\0Mno "way"\nbad\0\0')),
        {},
        Reason.AUTH,
        '28P01: no "way" bad',
    ),
    "pg: asks for the password": (
        "postgresql",
        says(pg(b"R", struct.pack("!i", 3))),
        {},
        Reason.AUTH,
        "asks for the password in clear text",
    ),
    "pg: asks for md5": (
        "postgresql",
        says(pg(b"R", struct.pack("!i", 5) + b"salt")),
        {},
        Reason.AUTH,
        "asks for an MD5 hash",
    ),
    "pg: lets everybody in": (
        "postgresql",
        says(OK_NO_PASSWORD + READY),
        {},
        Reason.AUTH,
        "did not ask for the password",
    ),
    "pg: is ready without asking who we are": (
        "postgresql",
        says(READY),
        {},
        Reason.PROTOCOL,
        "out of place",
    ),
    **{
        f"pg: MySQL's greeting of {len(name)} {tls}": (
            "postgresql",
            says(greeting(name)),
            {"tls": tls},
            Reason.PROTOCOL,
            "is type right?",
        )
        for name in (b"n" * 21, b"n" * 26, b"n" * 30, b"n" * 31)  # the first byte is 'I', 'N', 'R', 'S'
        for tls in ("disable", "require")
    },
    "pg: asks for data": (
        "postgresql",
        says(OK_NO_PASSWORD + READY, pg(b"G", b"\0\0\0")),
        {"password": None, "query": "COPY t FROM STDIN"},
        Reason.QUERY,
        "COPY FROM STDIN",
    ),
    "pg: is ready in the middle of SCRAM": ("postgresql", says(SASL, READY), {}, Reason.PROTOCOL, "out of place"),
    "pg: asks without a kind": ("postgresql", says(pg(b"R", b"\0")), {}, Reason.PROTOCOL, "without its kind"),
    "pg: 'E' without a length": (
        "postgresql",
        says(b"Ecould not fork\n\0"),
        {"tls": "require"},
        Reason.REFUSED,
        "could not fork",
    ),
    "my: an empty nonce": (
        "mysql",
        says(my(b"\xfemysql_native_password\0\0", 2), first=greeting()),
        {},
        Reason.PROTOCOL,
        "nonce is none",
    ),
    "my: one switch after the other": (
        "mysql",
        says(*[my(b"\xfemysql_native_password\0" + b"n" * 20 + b"\0", 2)] * 3, first=greeting()),
        {},
        Reason.PROTOCOL,
        "out of place",
    ),
    "pg: SCRAM without its end": (
        "postgresql",
        says(SASL, OK_NO_PASSWORD),
        {},
        Reason.AUTH,
        "did not ask for the password",
    ),
    "pg: SCRAM with 2^31 rounds": (
        "postgresql",
        says(SASL, pg(b"R", struct.pack("!i", 11) + b"r=x,s=AAAA,i=2147483647")),
        {},
        Reason.AUTH,
        "SCRAM",
    ),
    "pg: garbage": ("postgresql", says(b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(200)), {}, Reason.PROTOCOL, ""),
    "pg: 'S' and garbage": (
        "postgresql",
        says(b"S" + b"x" * 100),
        {"tls": "require"},
        Reason.PROTOCOL,
        "request for TLS",
    ),
    "pg: 'S', then garbage": ("postgresql", says(b"S", b"x" * 3000), {"tls": "require"}, Reason.TLS, ""),
    "pg: neither 'S' nor 'N'": ("postgresql", says(b"?"), {"tls": "require"}, Reason.PROTOCOL, "request for TLS"),
    "pg: closes": ("postgresql", lambda _: None, {}, Reason.RESET, ""),
    "pg: endless rows": (
        "postgresql",
        says(OK_NO_PASSWORD + READY, b"", endless=pg(b"D", b"\0\1" + b"x" * 1000)),
        {"password": None},
        Reason.PROTOCOL,
        "far more bytes",
    ),
    "my: 16 MiB": (
        "mysql",
        says(first=my(b"", length=2**24 - 1)),
        {},
        Reason.PROTOCOL,
        "announces a message of 16777215",
    ),
    "my: garbage": ("mysql", says(first=my(b"SSH-2.0-OpenSSH_9.2\r\n")), {}, Reason.PROTOCOL, "not MySQL's greeting"),
    "my: an error without a number": ("mysql", says(first=my(b"\xff")), {}, Reason.PROTOCOL, "without a number"),
    "my: the host is blocked": (
        "mysql",
        says(first=my(b"\xff\x69\x04Host '::1' is blocked")),
        {},
        Reason.REFUSED,
        "1129: Host '::1' is blocked",
    ),
    "my: too many connections": ("mysql", says(first=my(b"\xff\x10\x04Too many")), {}, Reason.LIMIT, "1040: Too many"),
    "my: asks for the password": (
        "mysql",
        says(my(b"\xfemysql_clear_password\0", 2), first=greeting()),
        {"timeout": 0.5},
        Reason.AUTH,
        "asks for mysql_clear",
    ),
    "my: asks for the password as sha2 may": (
        "mysql",
        says(my(b"\1\4", 2), first=greeting(b"caching_sha2_password")),
        {"timeout": 0.5},
        Reason.AUTH,
        "asks for the password itself",
    ),
    "my: asks for the old hash": (
        "mysql",
        says(my(b"\xfe", 2), first=greeting()),
        {"timeout": 0.5},
        Reason.AUTH,
        "an old hash",
    ),
    "my: asks for a file": (
        "mysql",
        says(MY_OK, my(b"\xfb/etc/passwd", 1), first=greeting()),
        {},
        Reason.PROTOCOL,
        "asks for a file",
    ),
    "my: endless rows": (
        "mysql",
        says(MY_OK, my(b"\1", 1), first=greeting(), endless=my(b"\3" + b"x" * 1000, 2)),
        {},
        Reason.PROTOCOL,
        "far more bytes",
    ),
    "my: no TLS": (
        "mysql",
        says(my(b"\xff\x15\x04denied", 2), first=greeting(capabilities=0x80200)),
        {"tls": "require"},
        Reason.TLS,
        "offers no TLS",
    ),
    "my: TLS and garbage": (
        "mysql",
        says(b"x" * 3000, first=greeting(capabilities=0xFFFFFFFF)),
        {"tls": "require"},
        Reason.TLS,
        "",
    ),
}


@pytest.mark.parametrize("logs_in", [True, False])
@pytest.mark.parametrize("case", CASES)
async def test_it_fails_for_its_reason_costs_little_and_gets_no_password(case: str, logs_in: bool) -> None:
    kind, talk, changes, reason, detail = CASES[case]
    if isinstance(heard := getattr(talk, "heard", []), list):
        heard.clear()
    with Peer(talk) as peer:
        async with COLLECTORS[kind](context()) as probe:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            target = database_target(peer.port, logs_in=logs_in, **changes)
            failed = await failure(probe, target)
            assert failed[0] is reason
            assert detail in failed[1]
            assert len(failed[1]) < 400
            assert failed[1].isprintable()
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            assert grown < MEGABYTES_MORE
            assert "hush" not in failed[1]
    assert HUSH not in b"".join(heard)


@pytest.mark.parametrize("logs_in", [True, False])
async def test_a_password_that_cannot_be_read_again_is_told_beside_the_refusal(logs_in: bool) -> None:
    async def read_again() -> Secret:
        raise NoSecret("pw: is empty; put the password there")

    with Peer(says(pg(b"E", b"SFATAL\0C28P01\0Mno\0\0"))) as peer:
        async with postgresql.collector(context()) as probe:
            failed = await failure(
                probe, database_target(peer.port, logs_in=logs_in, password=Secret("old", read_again))
            )
    assert failed == (
        Reason.AUTH,
        "28P01: no; and the password was not read again: pw: is empty; put the password there",
    )


@pytest.mark.parametrize("kind", COLLECTORS)
@pytest.mark.parametrize("logs_in", [True, False])
async def test_silence_ends_at_the_deadline_and_leaves_nothing(kind: str, logs_in: bool) -> None:
    async with COLLECTORS[kind](context()) as probe:
        before = resources.descriptors(), resources.readers()
        with Peer(peers.silent) as peer, pytest.raises(TimeoutError):
            await ask(probe, database_target(peer.port, logs_in=logs_in), deadline=0.05)
        assert (resources.descriptors(), resources.readers()) == before


async def test_tls_that_fails_again_and_again_is_not_tried_each_time() -> None:
    """A server counts whoever breaks off a handshake: it is declined without TLS, as nobody who shows no password."""
    heard: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        connection.sendall(greeting(capabilities=0xFFFFFFFF))
        heard.append(connection.recv(65536))
        if asks_for_tls(heard[-1]):
            connection.sendall(b"x" * 3000)
            connection.recv(65536)
        else:
            connection.sendall(my(b"\xff\x15\x04#28000denied", 2))

    with Peer(talk) as peer:
        async with mysql.collector(context()) as probe:
            wanted = database_target(peer.port, tls="require")
            failures = {await failure(probe, wanted) for _ in range(5)}
    assert len(failures) == 1
    assert failures.pop()[0] is Reason.TLS
    assert [asks_for_tls(first) for first in heard] == [True] + [False] * 4
    assert HUSH not in b"".join(heard)
    assert b"monitor" not in b"".join(heard)


async def test_a_mysql_that_is_taken_for_postgresql_is_not_asked_at_each_probe() -> None:
    """It counts whoever does not speak its protocol, and refuses the host after a hundred of those."""
    asked: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        connection.sendall(greeting())
        asked.append(connection.recv(65536))

    with Peer(talk) as peer:
        async with postgresql.collector(context()) as probe:
            targets = [database_target(peer.port, logs_in=logs_in) for logs_in in (True, False)]
            failures = {await failure(probe, target) for target in targets * 5}
    assert failures == {(Reason.PROTOCOL, "this is not PostgreSQL's answer; is type right?")}
    assert len(asked) == 1


async def test_two_sockets_of_one_port_do_not_share_a_refusal(tmp_path: Path) -> None:
    """The paths tell them apart: neither has an address, and a Unix socket's port is the same nearly everywhere."""
    error = pg(b"E", b"SFATAL\0C28P01\0Mdenied\0\0")
    paths = [tmp_path / "mysqld.sock", tmp_path / "postgresql.sock"]
    with Peer(says(first=greeting()), path=paths[0]), Peer(says(error), path=paths[1]):
        async with postgresql.collector(context()) as probe:
            targets = [database_target(5432, address="", socket=str(path)) for path in paths]
            reasons = [(await failure(probe, target))[0] for target in targets * 2]
    assert reasons == [Reason.PROTOCOL, Reason.AUTH] * 2


async def test_a_server_that_closes_in_the_middle_of_tls_as_when_it_stops_is_tried_again_at_once() -> None:
    tls_asked: list[bool] = []

    def talk(connection: socket.socket) -> None:
        connection.sendall(greeting(capabilities=0xFFFFFFFF))
        tls_asked.append(asks_for_tls(connection.recv(65536)))

    with Peer(talk) as peer:
        async with mysql.collector(context()) as probe:
            wanted = database_target(peer.port, tls="require")
            failures = [await failure(probe, wanted) for _ in range(11)]
    assert tls_asked == [True] * 10 + [False]
    assert {reason for reason, _ in failures[:10]} <= {Reason.TLS, Reason.RESET}


async def test_tls_that_does_not_end_in_time_again_and_again_is_tried_less_often() -> None:
    tls_asked: list[bool] = []

    def talk(connection: socket.socket) -> None:
        connection.sendall(greeting(capabilities=0xFFFFFFFF))
        tls_asked.append(asks_for_tls(connection.recv(65536)))
        if tls_asked[-1]:
            peers.silent(connection)
        else:
            connection.sendall(my(b"\xff\x15\x04#28000denied", 2))

    with Peer(talk) as peer:
        async with mysql.collector(context()) as probe:
            wanted = database_target(peer.port, tls="require")
            while tls_asked.count(True) < 10:
                await given_up(probe, wanted, tls_asked)
            for _ in range(3):
                assert (await failure(probe, wanted))[0] is Reason.TLS
    assert tls_asked == [True] * 10 + [False] * 3


@pytest.mark.parametrize(
    ("method", "answer"),
    [("client_ed25519", bytes(64)), ("mysql_old_password", b""), ("sha256_password", b"\0"), ("parsec", b"\0")],
)
async def test_a_method_that_is_not_spoken_is_answered_wrongly_and_in_its_shape(method: str, answer: bytes) -> None:
    """Another shape, or none, would count as breaking off."""
    talk = says(
        my(b"\xfe" + method.encode() + b"\0" + b"n" * 20 + b"\0", 2),
        my(b"\xff\x15\x04#28000denied", 4),
        first=greeting(),
    )
    talk.heard.clear()  # type: ignore[attr-defined]  # see ``says``
    with Peer(talk) as peer:
        async with mysql.collector(context()) as probe:
            reason, detail = await failure(probe, database_target(peer.port))
    assert reason is Reason.AUTH
    assert method in detail
    assert talk.heard[1:] == [my(answer, 3)]  # type: ignore[attr-defined]  # see ``says``


async def test_a_login_that_is_given_up_leaves_an_answer_to_what_the_server_asks_next() -> None:
    heard: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        connection.sendall(greeting(b"caching_sha2_password"))
        while data := connection.recv(65536):
            heard.append(data)

    with Peer(talk) as peer:
        async with mysql.collector(context()) as probe:
            await given_up(probe, database_target(peer.port), heard)
    assert b"".join(heard).endswith(my(b"\0", 3))
    assert HUSH not in b"".join(heard)


async def test_a_login_that_is_given_up_before_the_greeting_leaves_the_server_able_to_send_it() -> None:
    """A server that looks up our name first may be late; MySQL counts a login whose greeting it cannot send."""
    gone, heard = threading.Event(), list[bytes]()

    def talk(connection: socket.socket) -> None:
        gone.wait(10)
        connection.sendall(greeting(b"caching_sha2_password"))
        heard.append(connection.recv(65536))

    with Peer(talk) as peer:
        async with mysql.collector(context()) as probe:
            attempt = Asked(database_target(peer.port))
            asking = asyncio.ensure_future(ended(probe, attempt, 10))
            while attempt.phase is not Phase.AUTH:
                await asyncio.sleep(0.001)
            await peer.has_served(1)
            asking.cancel()
            await asyncio.wait([asking])
            gone.set()
    assert b"".join(heard).endswith(my(b"\0", 3))
    assert HUSH not in b"".join(heard)


def working(key: bytes, requests: list[bytes], *, closes: bool) -> Talk:
    """A PostgreSQL that lets anybody in, and works on the query for ever."""

    def talk(connection: socket.socket) -> None:
        beginning = connection.recv(65536)
        if beginning[4:8] == struct.pack("!i", 80877102):
            requests.append(beginning)
            if closes:
                return
        else:
            connection.sendall(pg(b"R", b"\0\0\0\0") + pg(b"K", key) + pg(b"Z", b"I"))
        peers.silent(connection)

    return talk


@pytest.mark.clock
@pytest.mark.parametrize("secret", [4, 256])
async def test_a_query_that_is_given_up_is_cancelled_by_the_key_of_its_session(secret: int) -> None:
    """Protocol 3.0 has secrets of 4 bytes; should a server give longer ones, it gets them back."""
    key, requests = b"\0\0\1\2" + b"s" * secret, list[bytes]()
    with Peer(working(key, requests, closes=True)) as peer:
        async with postgresql.collector(context()) as probe:
            with pytest.raises(TimeoutError):
                await ask(probe, database_target(peer.port, password=None), deadline=1)
            await withdrawn()
    assert requests == [struct.pack("!ii", 8 + len(key), 80877102) + key]


@pytest.mark.clock
@pytest.mark.parametrize("secret", [4, 30_000])
@pytest.mark.parametrize("logs_in", [True, False])
async def test_a_server_that_neither_stops_nor_closes_holds_nothing_of_ours(secret: int, logs_in: bool) -> None:
    async with postgresql.collector(context()) as probe:
        before = resources.descriptors(), resources.readers()
        with Peer(working(b"\0\0\1\2" + b"s" * secret, [], closes=False)) as peer:
            with pytest.raises(TimeoutError):
                await ask(probe, database_target(peer.port, password=None, logs_in=logs_in), deadline=0.2)
            await withdrawn(0.2)
        assert (resources.descriptors(), resources.readers()) == before

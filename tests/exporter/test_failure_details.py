"""Why a probe failed, in words: every reason of every collector, from real peers, and none in a programmer's terms."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import errno
import platform
import re
import socket
import ssl
import struct
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from collectors import failures
from collectors.contract import Context, ProbeFailed
from collectors.http.target import HttpTarget
from collectors.icmp.target import IcmpTarget
from collectors.n8n.target import N8nTarget
from collectors.sql.target import DatabaseTarget
from collectors.target import Target
from collectors.tcp import TcpTarget
from collectors.terms import Gap, IpFamily, Reason
from collectors.transport import resolver
from exporter.fleet import Pair
from exporter.overview.timeline import VerdictContext, explain
from exporter.probing import collectors
from exporter.probing.jobs import RunningAttempt, deadline_outcome
from exporter.probing.single import ProbeResult
from exporter.recording.own_health import OwnHealth
from tests.authority import Authority
from tests.collectors import peers
from tests.collectors.asking import Asked, ended
from tests.collectors.peers import OK, Peer, answering
from tests.collectors.sql import test_hostile_databases as hostile_databases
from tests.collectors.sql.scripted import MY_OK, greeting, my, pg, says
from tests.collectors.targets import database_target, http_target, tcp_target
from tests.netlab import Lab, requires_root

JARGON = re.compile(
    r"\bE[A-Z]{3,}\b|Errno|errno|bytearray|\bb['\"]|_ssl|_SSL|SSL:|_ALERT|Traceback|\b0x|\bh11\b|pycares|aiodns|c-ares"
    r"|\w+Error\b|Exception\b|<[a-z_]+\.|\bNone\b|[a-z]_[a-z]+\(|AF_|SO_|AUTH_",
)
TIMEOUT = 0.1
YESTERDAY = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
SAYS_OK = answering(OK)
IN, READY = pg(b"R", struct.pack("!i", 0)), pg(b"Z", b"I")


class Case(NamedTuple):
    """What is probed, and why that fails."""

    protocol: str
    reason: Reason
    target: Callable[[contextlib.ExitStack, Authority], Target]


def closed() -> int:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        return int(gone.getsockname()[1])


def full(stack: contextlib.ExitStack) -> int:
    return int(stack.enter_context(peers.full_backlog()).getsockname()[1])


def served(
    stack: contextlib.ExitStack, talk: Callable[[socket.socket], object], tls: ssl.SSLContext | None = None
) -> int:
    return stack.enter_context(Peer(talk, tls=tls)).port


def resets(connection: socket.socket) -> None:
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("@ii", 1, 0))


def silent_after(data: bytes) -> Callable[[socket.socket], object]:
    def talk(connection: socket.socket) -> None:
        connection.sendall(data)
        peers.silent(connection)

    return talk


def closes(connection: socket.socket) -> None:
    connection.recv(65536)


def web(path: bytes = OK, **changes: Any) -> Callable[[contextlib.ExitStack, Authority], Target]:
    def target(stack: contextlib.ExitStack, _: Authority) -> Target:
        return http_target(f"http://127.0.0.1:{served(stack, answering(path))}/", **changes)

    return target


def secure(
    make: Callable[[Authority], ssl.SSLContext | None],
    talk: Callable[[socket.socket], object] = SAYS_OK,
    **changes: Any,
) -> Callable[[contextlib.ExitStack, Authority], Target]:
    def target(stack: contextlib.ExitStack, authority: Authority) -> Target:
        port = served(stack, talk, make(authority))
        return http_target(f"https://localhost:{port}/", **{"tls_ca_file": authority.ca_file} | changes)

    return target


def demanding(authority: Authority, version: ssl.TLSVersion) -> ssl.SSLContext:
    server = authority.server("localhost", version=version)
    server.load_verify_locations(authority.ca_file)
    server.verify_mode = ssl.CERT_REQUIRED
    return server


def old(authority: Authority) -> ssl.SSLContext:
    server = authority.server("localhost")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        server.minimum_version = ssl.TLSVersion.TLSv1
        server.maximum_version = ssl.TLSVersion.TLSv1_1
    server.set_ciphers("ALL:@SECLEVEL=0")
    return server


def without_ciphers(authority: Authority) -> ssl.SSLContext:
    server = authority.server("localhost", version=ssl.TLSVersion.TLSv1_2)
    server.set_ciphers("AES128-SHA:@SECLEVEL=0")
    return server


def without_name(authority: Authority) -> ssl.SSLContext:
    server = authority.server("localhost")
    server.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    return server


def database(
    talk: Callable[[socket.socket], object], **changes: Any
) -> Callable[[contextlib.ExitStack, Authority], Target]:
    def target(stack: contextlib.ExitStack, _: Authority) -> Target:
        return database_target(served(stack, talk), **{"timeout": TIMEOUT} | changes)

    return target


def n8n(talk: Callable[[socket.socket], object], **changes: Any) -> Callable[[contextlib.ExitStack, Authority], Target]:
    return lambda stack, _: n8n_target(served(stack, talk), **changes)


def n8n_at(port: Callable[[], int], **changes: Any) -> Callable[[contextlib.ExitStack, Authority], Target]:
    return lambda _, __: n8n_target(port(), **changes)


def n8n_target(port: int, **changes: Any) -> N8nTarget:
    plain: dict[str, Any] = {
        "address": "127.0.0.1",
        "ip_families": (IpFamily.IPV4,),
        "port": port,
        "socket": None,
        "user": "monitor",
        "password": None,
        "dbname": "n8n",
        "tls": "disable",
        "tls_ca_file": None,
        "timeout": TIMEOUT if changes.get("waits") else 5.0,
    }
    return N8nTarget(**plain | {key: value for key, value in changes.items() if key != "waits"})


def at(address: str) -> Callable[[contextlib.ExitStack, Authority], Target]:
    return lambda _, __: database_target(closed(), address=address)


def on_socket(path: str) -> Callable[[contextlib.ExitStack, Authority], Target]:
    return lambda _, __: database_target(5432, address="", socket=path)


def pg_error(code: str) -> bytes:
    return pg(b"E", f"SFATAL\0C{code}\0Mno\0\0".encode())


def my_error(number: int, sequence: int) -> bytes:
    return my(b"\xff" + struct.pack("<H", number) + b"#HY000" + b"no", sequence)


LET_IN = (
    IN
    + b"".join(pg(b"S", setting) for setting in (b"client_encoding\0UTF8\0", b"DateStyle\0ISO, MDY\0"))
    + pg(b"S", b"server_version\x0017.0\0")
    + READY
)
"""What psycopg2 waits for."""
DRIVEN = {"client": "driver"}
TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
CASES: dict[str, Case] = {
    "tcp: silence": Case("tcp", Reason.TIMEOUT, lambda stack, _: tcp_target(full(stack))),
    "tcp: a closed port": Case("tcp", Reason.REFUSED, lambda _, __: tcp_target(closed())),
    "tcp: no such name": Case("tcp", Reason.DNS, lambda _, __: tcp_target(9, "nobody.invalid")),
    "tcp: a multicast address": Case("tcp", Reason.DNS, lambda _, __: tcp_target(9, "224.0.0.1")),
    "tcp: not our address": Case("tcp", Reason.LOCAL, lambda _, __: tcp_target(9, source_address="192.0.2.1")),
    "http: silence": Case(
        "http", Reason.TIMEOUT, lambda s, _: http_target(f"http://127.0.0.1:{served(s, peers.silent)}/")
    ),
    "http: a closed port": Case("http", Reason.REFUSED, lambda _, __: http_target(f"http://127.0.0.1:{closed()}/")),
    "http: a reset": Case("http", Reason.RESET, lambda s, _: http_target(f"http://127.0.0.1:{served(s, resets)}/")),
    "http: no such name": Case("http", Reason.DNS, lambda _, __: http_target("http://nobody.invalid/")),
    "http: no name": Case("http", Reason.DNS, lambda _, __: http_target("http://\u00fc" + "x" * 70 + "/")),
    "http: our own fault": Case("http", Reason.LOCAL, web(headers=(("X Y", "z"),))),
    "http: no such authorities": Case(
        "http", Reason.LOCAL, secure(lambda a: a.server("localhost"), tls_ca_file="/no/ca")
    ),
    "http: a status": Case("http", Reason.STATUS, web(b"HTTP/1.1 503 Busy\r\n\r\n")),
    "http: a redirect": Case("http", Reason.STATUS, web(b"HTTP/1.1 301 Moved\r\nLocation: /\xe9\r\n\r\n")),
    "http: another body": Case("http", Reason.BODY, web(expect_body="^bye")),
    "http: a long body": Case("http", Reason.BODY, web(max_body_bytes=2)),
    "http: nothing": Case("http", Reason.PROTOCOL, web(b"")),
    "http: half of it": Case("http", Reason.PROTOCOL, web(OK[:-1])),
    "http: SSH": Case("http", Reason.PROTOCOL, web(b"SSH-2.0-OpenSSH_9.2\r\n")),
    "http: binary": Case("http", Reason.PROTOCOL, web(bytes(range(256)))),
    "http: TLS": Case("http", Reason.PROTOCOL, web(b"\x15\x03\x01\x00\x02\x02\x46")),
    "http: HTTP/2": Case("http", Reason.PROTOCOL, web(bytes.fromhex("000012040000000000") + bytes(18))),
    "http: a bad header": Case("http", Reason.PROTOCOL, web(b"HTTP/1.1 200 OK\r\nbad\r\n\r\n")),
    "http: bad chunks": Case(
        "http", Reason.PROTOCOL, web(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno\r\n")
    ),
    "http: two lengths": Case("http", Reason.PROTOCOL, web(OK.replace(b"5\r", b"5\r\nContent-Length: 6\r"))),
    "http: endless headers": Case("http", Reason.PROTOCOL, web(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000)),
    "https: no TLS": Case("http", Reason.TLS, secure(lambda _: None, silent_after(b"HTTP/1.1 400 Bad\r\n\r\n"))),
    "https: garbage": Case("http", Reason.TLS, secure(lambda _: None, silent_after(b"\x16\x03\x03\x00\x04abcd"))),
    "https: closed": Case("http", Reason.TLS, secure(lambda _: None, closes)),
    "https: nobody's certificate": Case("http", Reason.TLS, secure(lambda a: a.server())),
    "https: an unknown authority": Case("http", Reason.TLS, secure(lambda a: a.server("localhost"), tls_ca_file=None)),
    "https: another name": Case("http", Reason.TLS, secure(lambda a: a.server("other.example"))),
    "https: expired": Case("http", Reason.TLS, secure(lambda a: a.server("localhost", until=YESTERDAY))),
    "https: an old version": Case("http", Reason.TLS, secure(old)),
    "https: no cipher": Case("http", Reason.TLS, secure(without_ciphers)),
    "https: no such name there": Case("http", Reason.TLS, secure(without_name)),
    "https: a client certificate": Case("http", Reason.TLS, secure(lambda a: demanding(a, TLS_1_3))),
    "https: a client certificate, 1.2": Case("http", Reason.TLS, secure(lambda a: demanding(a, TLS_1_2))),
    "pg: silence": Case("postgresql", Reason.TIMEOUT, database(peers.silent)),
    "pg: a closed port": Case("postgresql", Reason.REFUSED, at("127.0.0.1")),
    "pg: no socket": Case("postgresql", Reason.REFUSED, on_socket("/no/socket")),
    "pg: a long path": Case("postgresql", Reason.LOCAL, on_socket("/" + "x" * 200)),
    "pg: a reset": Case("postgresql", Reason.RESET, database(resets)),
    "pg: no such name": Case("postgresql", Reason.DNS, at("nobody.invalid")),
    "pg: no TLS": Case("postgresql", Reason.TLS, database(says(b"N"), tls="require")),
    "pg: too many": Case("postgresql", Reason.LIMIT, database(says(pg_error("53300")))),
    "pg: a failing query": Case(
        "postgresql", Reason.QUERY, database(says(IN + READY, pg_error("42P01") + READY), password=None)
    ),
    "pg: out of place": Case("postgresql", Reason.PROTOCOL, database(says(pg(b"\xff", b"x")))),
    "pg, by the driver: silence": Case("postgresql", Reason.TIMEOUT, database(peers.silent, **DRIVEN)),
    "pg, by the driver: no TLS": Case("postgresql", Reason.TLS, database(says(b"N"), tls="require", **DRIVEN)),
    "pg, by the driver: an error": Case("postgresql", Reason.AUTH, database(says(pg_error("28P01")), **DRIVEN)),
    "pg, by the driver: HTTP": Case(
        "postgresql", Reason.PROTOCOL, database(says(b"HTTP/1.1 400 Bad\r\n\r\n"), **DRIVEN)
    ),
    "my, by the driver: silence": Case("mysql", Reason.TIMEOUT, database(peers.silent, **DRIVEN)),
    "my, by the driver: HTTP": Case(
        "mysql", Reason.PROTOCOL, database(says(first=b"HTTP/1.1 400 Bad\r\n\r\n" + b"x" * 0x545448), **DRIVEN)
    ),
    "n8n: silence": Case("n8n", Reason.TIMEOUT, n8n(peers.silent, waits=True)),
    "n8n: a closed port": Case("n8n", Reason.REFUSED, n8n_at(closed)),
    "n8n: no socket": Case("n8n", Reason.REFUSED, n8n_at(closed, address="", socket="/no/socket")),
    "n8n: a long path": Case("n8n", Reason.LOCAL, n8n_at(closed, address="", socket="/" + "x" * 200)),
    "n8n: a reset": Case("n8n", Reason.RESET, n8n(resets)),
    "n8n: no such name": Case("n8n", Reason.DNS, n8n_at(closed, address="nobody.invalid")),
    "n8n: no TLS": Case("n8n", Reason.TLS, n8n(says(b"N"), tls="require")),
    "n8n: no such authorities": Case("n8n", Reason.LOCAL, n8n(says(b"S"), tls="verify-full", tls_ca_file="/no/ca")),
    "n8n: a login that is refused": Case("n8n", Reason.AUTH, n8n(says(pg_error("28P01")))),
    "n8n: too many": Case(
        "n8n", Reason.LIMIT, n8n(says(pg(b"E", b"SFATAL\0C53300\0Msorry, too many clients already\0\0")))
    ),
    "n8n: no tables": Case("n8n", Reason.QUERY, n8n(says(LET_IN, pg_error("42501") + READY))),
    "n8n: a new error": Case("n8n", Reason.QUERY, n8n(says(LET_IN, pg_error("ZZ999") + READY))),
    "n8n: HTTP": Case("n8n", Reason.PROTOCOL, n8n(says(b"HTTP/1.1 400 Bad\r\n\r\n"))),
    "my: silence": Case("mysql", Reason.TIMEOUT, database(peers.silent)),
    "my: a closed port": Case("mysql", Reason.REFUSED, at("127.0.0.1")),
    "my: a long path": Case("mysql", Reason.LOCAL, on_socket("/" + "x" * 200)),
    "my: closed": Case("mysql", Reason.RESET, database(lambda _: None)),
    "my: no such name": Case("mysql", Reason.DNS, at("nobody.invalid")),
    "my: a failing query": Case("mysql", Reason.QUERY, database(says(MY_OK, my_error(1146, 1), first=greeting()))),
    "my: out of place": Case("mysql", Reason.PROTOCOL, database(says(my(b"\x77", 2), first=greeting()))),
}


def hostile(protocol: str, talk: Callable[[socket.socket], object], reason: Reason, changes: dict[str, Any]) -> Case:
    return Case(protocol, reason, database(talk, **changes))


CASES |= {
    f"hostile {name}": hostile(protocol, talk, reason, changes)
    for name, (protocol, talk, changes, reason, _) in hostile_databases.CASES.items()
}
_PORT = "the port cannot be reached: a firewall refuses it, or nothing listens there"
ON_THE_WAY = {
    "icmp-host-unreachable": (Reason.UNREACHABLE, "the host cannot be reached"),
    "icmp-net-unreachable": (Reason.UNREACHABLE, "there is no route to its network"),
    "icmp-admin-prohibited": (Reason.UNREACHABLE, "it is prohibited"),
    "icmp-net-prohibited": (Reason.UNREACHABLE, "it is prohibited"),
    "icmp-host-prohibited": (Reason.UNREACHABLE, "it is prohibited"),
    "icmp-port-unreachable": (Reason.REFUSED, _PORT),
    "icmp6-addr-unreachable": (Reason.UNREACHABLE, "the host cannot be reached"),
    "icmp6-no-route": (Reason.UNREACHABLE, "there is no route to its network"),
    "icmp6-adm-prohibited": (Reason.UNREACHABLE, "it is prohibited"),
    "icmp6-port-unreachable": (Reason.REFUSED, _PORT),
}
"""What iptables can reject with, and what it says."""
TELLS_WHO = tuple(map(int, platform.release().split(".")[:2])) >= (6, 18)
"""Whether this kernel queues ICMP errors about handshakes; some older ones do as well."""
LEFT_OUT = {("tcp", Reason.RESET)}
"""A handshake that is reset before we look at it: a matter of microseconds."""


def pair(protocol: str, target: Target) -> Pair:
    return Pair(
        target="there",
        target_location="",
        target_datacenter="",
        target_country="",
        probe="probe",
        protocol=protocol,
        ip_family=getattr(target, "ip_family", IpFamily.IPV4),
        interval=1.0,
        timeout=1.0,
        histogram=True,
        aim=target,
    )


def address(name: str, ip_family: IpFamily) -> str:
    """Return a literal one, and of a name that there is none."""
    if (literal := resolver.literal(name, ip_family)) is None:
        raise ProbeFailed(Reason.DNS, f"{name} has no known {ip_family} address", misconfigured=True)
    return literal


async def nowhere(name: str, _: IpFamily) -> tuple[str, ...]:
    """Ask a name server that is not there."""
    if name == "localhost":
        return ("127.0.0.1",)
    return await resolver.addresses(name, IpFamily.IPV4, [f"127.0.0.1:{closed()}"])


async def answer(protocol: str, target: Target, within: float) -> ProbeResult:
    """Probe at once, where ``probe`` waits for the next slot."""
    began, attempt = time.monotonic(), Asked(target)
    context = Context(address=address, lookup=nowhere, notice=lambda _: None)
    async with collectors.COLLECTORS[protocol](context) as probe:
        try:
            outcome = await ended(probe, attempt, within)
        except ProbeFailed as failed:
            outcome = failed
        except TimeoutError:
            outcome = deadline_outcome(attempt, within)
    return ProbeResult(pair(protocol, target), attempt, outcome, time.monotonic() - began)


def words_of(result: ProbeResult, reason: Reason) -> str:
    """Return what is said of a failure, which everybody understands."""
    assert isinstance(result.outcome, ProbeFailed), result
    assert result.outcome.reason is reason, result.outcome
    text = next(explain([result], VerdictContext((), OwnHealth(), time.monotonic(), time.monotonic())))
    assert result.outcome.detail
    for words in (result.outcome.detail, text):
        assert not JARGON.search(words), words
        assert "hush" not in words
    return result.outcome.detail


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=name, marks=[pytest.mark.clock] * (case.reason is Reason.TIMEOUT))
        for name, case in CASES.items()
    ],
)
async def test_a_failure_is_told_in_words(case: Case, authority: Authority) -> None:
    with contextlib.ExitStack() as stack:
        target = case.target(stack, authority)
        words_of(await answer(case.protocol, target, TIMEOUT if case.reason is Reason.TIMEOUT else 5.0), case.reason)


@requires_root
@pytest.mark.parametrize("how", ON_THE_WAY)
def test_whoever_says_that_there_is_no_way_is_named(how: str) -> None:
    reason, words = ON_THE_WAY[how]
    ip_family = IpFamily.IPV6 if how.startswith("icmp6") else IpFamily.IPV4
    with Lab() as lab:
        here, there = lab.host("here"), lab.host("there")
        lab.veth(here, there)
        there.sysctl("net.ipv4.icmp_ratelimit", "0")
        there.sysctl("net.ipv6.icmp.ratelimit", "0")
        router = there.address6 if ip_family is IpFamily.IPV6 else there.address
        echo = ("-p", "icmpv6", "--icmpv6-type", "128") if ip_family is IpFamily.IPV6 else ("-p", "icmp")
        there.reject("-p", "tcp", ip_family=ip_family, reject_with=how)
        there.reject(*echo, ip_family=ip_family, reject_with=how)
        url = f"http://[{router}]:9/" if ip_family is IpFamily.IPV6 else f"http://{router}:9/"
        ping = IcmpTarget(address=router, ip_family=ip_family, payload_bytes=56, dscp=0, source_address=None)

        async def ask() -> list[str]:
            results = [await answer("tcp", tcp_target(9, router), 2.0), await answer("http", http_target(url), 2.0)]
            details = [words_of(each, reason) for each in results]
            return [*details, words_of(await answer("icmp", ping, 2.0), Reason.UNREACHABLE)]

        with here.entered():
            *over_tcp, over_icmp = asyncio.run(ask())
    assert over_icmp == f"{router} says that {words}"
    assert not TELLS_WHO or over_tcp == [over_icmp] * 2


@requires_root
@pytest.mark.parametrize("how", ["unreachable", "blackhole", "prohibit"])
def test_a_route_of_ours_that_leads_nowhere_is_told_in_words(how: str) -> None:
    with Lab() as lab:
        here, there = lab.host("here"), lab.host("there")
        lab.veth(here, there)
        here.forbid_route(there, how)
        with here.entered():
            result = asyncio.run(answer("tcp", tcp_target(9, there.address), 1.0))
    words_of(result, Reason.UNREACHABLE)


@requires_root
def test_a_source_that_no_packet_may_leave_with_is_our_own_fault() -> None:
    with Lab() as lab:
        here, there = lab.host("here"), lab.host("there")
        lab.veth(here, there)
        ping = IcmpTarget(
            address=there.address, ip_family=IpFamily.IPV4, payload_bytes=56, dscp=0, source_address="127.0.0.1"
        )
        with here.entered():
            for protocol, target in (("tcp", tcp_target(9, there.address, "127.0.0.1")), ("icmp", ping)):
                detail = words_of(asyncio.run(answer(protocol, target, 1.0)), Reason.LOCAL)
                assert detail == "nothing leaves this host from 127.0.0.1; correct source_address"


@requires_root
def test_our_own_firewall_and_silence_are_told_in_words_of_every_protocol() -> None:
    echo = IcmpTarget(address="127.0.0.1", ip_family=IpFamily.IPV4, payload_bytes=56, dscp=0, source_address=None)
    with Lab() as lab:
        here = lab.host("here")
        with here.entered():
            rule = here.drop("-p", "icmp")
            words_of(asyncio.run(answer("icmp", echo, TIMEOUT)), Reason.TIMEOUT)
            rule.remove()
            here.drop("-p", "icmp", chain="OUTPUT")
            here.drop("-p", "tcp", chain="OUTPUT")
            words_of(asyncio.run(answer("icmp", echo, 1.0)), Reason.LOCAL)
            unknown = dataclasses.replace(echo, address="nobody.invalid")
            words_of(asyncio.run(answer("icmp", unknown, 1.0)), Reason.DNS)


def test_every_reason_of_every_collector_is_walked() -> None:
    walked = {(case.protocol, case.reason) for case in CASES.values()} | LEFT_OUT
    walked |= {(protocol, Reason.UNREACHABLE) for protocol in ("tcp", "http", "postgresql", "mysql", "n8n")}
    kinds: dict[str, Any] = {
        "tcp": TcpTarget,
        "http": HttpTarget,
        "postgresql": DatabaseTarget,
        "mysql": DatabaseTarget,
        "n8n": N8nTarget,
    }
    assert {(protocol, reason) for protocol, kind in kinds.items() for reason in kind.reasons} <= walked


@pytest.mark.parametrize("silence", [Reason.TIMEOUT, Reason.PROTOCOL, Reason.LOCAL, Reason.DNS])
@pytest.mark.parametrize("gap", [None, *Gap])
def test_silence_is_told_in_words(silence: Reason, gap: Gap | None) -> None:
    attempt = RunningAttempt(None, lambda *_: None)
    attempt.silence, attempt.gap, attempt.address, attempt.tried = silence, gap, "192.0.2.8", ("192.0.2.7: no answer",)
    failed = deadline_outcome(attempt, 1.5)
    assert failed.reason is silence
    assert "192.0.2.8 within 1.5 s (before it: 192.0.2.7: no answer)" in failed.detail
    assert not JARGON.search(failed.detail)


def test_a_probe_whose_thread_is_still_busy_says_so() -> None:
    attempt = RunningAttempt(None, lambda *_: None)
    attempt.is_queued = True
    assert deadline_outcome(attempt, 1.5).detail == (
        "no answer within 1.5 s: its thread is still busy; the server may have asked for too many SCRAM iterations, "
        "or a disk hangs"
    )


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_no_errno_is_told_by_its_name(number: int) -> None:
    for failed in (
        failures.from_errno(number),
        failures.from_errno(number, "192.0.2.1"),
        failures.from_icmp_error(number, "192.0.2.1"),
        failures.from_os_error(OSError(number, "ETEST")),
    ):
        assert failed.detail
        assert not JARGON.search(failed.detail)


@pytest.mark.parametrize(
    "name",
    ["SSLV3_ALERT_HANDSHAKE_FAILURE", "TLSV1_ALERT_UNKNOWN_CA", "TLSV13_ALERT_MISSING_EXTENSION", "BAD_EXTENSION", ""],
)
def test_no_error_of_tls_is_told_by_its_name(name: str) -> None:
    error = ssl.SSLError(1, f"[SSL: {name}] (_ssl.c:1006)")
    error.reason = name
    assert not JARGON.search(failures.from_os_error(error).detail)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("[SSL] unknown error (_ssl.c:1006)", "the server ends the handshake by an alert without a name"),
        (
            "[SSL] tlsv1 alert no application protocol (_ssl.c:1006)",
            "the server does not speak the protocol that is asked for",
        ),
        ("[SSL] tlsv1 alert some new one (_ssl.c:1006)", "the server ends the handshake: some new one"),
        ("[SSL] some new error (_ssl.c:1006)", "the handshake failed: some new error"),
        ("A failure in the SSL library occurred (_ssl.c:1006)", "the handshake failed: it is not said why"),
    ],
)
def test_an_error_of_tls_that_python_has_no_name_for_is_no_end_of_the_connection(message: str, words: str) -> None:
    error = ssl.SSLError(1, message)
    error.reason = None  # type: ignore[assignment]  # as Python does, whatever typeshed says
    assert failures.from_os_error(error).detail == words


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        (66, "EE certificate key too weak", "its key is too short to be trusted"),
        (67, "CA certificate key too weak", "its authority's key is too short to be trusted"),
        (7, "certificate signature failure", "its signature, or one in its chain, is wrong"),
        (26, "unsuitable certificate purpose", "it, or one in its chain, is made for another purpose than this"),
        (10, "certificate has expired", "certificate has expired"),
    ],
)
def test_why_a_certificate_is_refused_is_told_in_words(code: int, message: str, words: str) -> None:
    error = ssl.SSLCertVerificationError(1, f"[SSL: CERTIFICATE_VERIFY_FAILED] {message} (_ssl.c:1006)")
    error.verify_code, error.verify_message = code, message
    assert failures.from_os_error(error).detail == words

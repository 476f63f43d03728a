"""A connection that falls silent: whether the path loses its large packets, or the program does not answer."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator

import pytest

from collectors import http
from collectors.contract import Facts
from collectors.sql import mysql, postgresql
from collectors.terms import Gap, IpFamily
from tests.collectors.asking import ask
from tests.collectors.peers import Peer, read_request, silent
from tests.collectors.targets import context, database_target, http_target
from tests.netlab import Lab, requires_root

pytestmark = requires_root

LARGE = ("-p", "tcp", "-m", "length", "--length", "1301:65535")
BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n" + b"x" * 4000
DEADLINE = 1.5
"""Longer than it takes to send again."""


class Path:
    """Two hosts on a wire whose segments are packets, and what is lost on it."""

    def __init__(self, lab: Lab) -> None:
        self.here, self.there = lab.host("here"), lab.host("there")
        wire = lab.veth(self.here, self.there)
        for host in (self.here, self.there):
            host.ip("link", "set", wire.device_of(host), "gso_max_segs", "1")

    def peer(self, talk, ip_family: IpFamily = IpFamily.IPV4, tls=None) -> Peer:
        with self.there.entered():
            return Peer(talk, tls=tls, host=self.there.address if ip_family is IpFamily.IPV4 else self.there.address6)

    async def gap(self, collector, target) -> Gap | None:
        """Probe until the deadline, and return what was noted of the packets."""
        facts = Facts()
        with self.here.entered():
            async with collector(context()) as probe:
                with pytest.raises(TimeoutError):
                    await ask(probe, target, facts, deadline=DEADLINE)
        return facts.gap


@pytest.fixture(scope="module")
def lab() -> Iterator[Path]:
    with Lab() as lab:
        yield Path(lab)


@pytest.fixture
def path(lab: Path) -> Iterator[Path]:
    yield lab
    for host in (lab.here, lab.there):
        host.flush_firewall()


def until_the_end(connection) -> None:
    while connection.recv(65536):
        pass


def saying(data: bytes):
    def talk(connection) -> None:
        read_request(connection)
        connection.sendall(data)
        until_the_end(connection)

    return talk


@pytest.mark.parametrize("ip_family", list(IpFamily))
async def test_an_answer_whose_large_packets_get_lost_is_known_by_the_short_one_that_comes(path, ip_family):
    path.here.drop(*LARGE, ip_family=ip_family)
    with path.peer(saying(BODY), ip_family) as peer:
        host = f"[{path.there.address6}]" if ip_family is IpFamily.IPV6 else path.there.address
        assert await path.gap(http.collector, http_target(f"http://{host}:{peer.port}/")) is Gap.ANSWER


async def test_a_large_packet_that_is_lost_behind_small_ones_is_known_too(path):
    path.here.drop(*LARGE)

    def talk(connection):
        read_request(connection)
        connection.sendall(BODY[:200])
        time.sleep(0.1)
        connection.sendall(BODY[200:])
        until_the_end(connection)

    with path.peer(talk) as peer:
        target = http_target(f"http://{path.there.address}:{peer.port}/")
        assert await path.gap(http.collector, target) is Gap.ANSWER


async def test_a_certificate_that_gets_lost_is_known_too(path, authority):
    path.here.drop(*LARGE)
    names = [f"a-long-name-of-a-host-{number}.example" for number in range(80)]
    with path.peer(until_the_end, tls=authority.server(*names)) as peer:
        target = http_target(f"https://{path.there.address}:{peer.port}/", tls_verify=False)
        assert await path.gap(http.collector, target) is Gap.ANSWER


async def test_a_request_that_gets_lost_is_known_by_what_nobody_acknowledges(path):
    path.there.drop(*LARGE)
    with path.peer(until_the_end) as peer:
        cookies = (("Cookie", "x" * 3000),)
        target = http_target(f"http://{path.there.address}:{peer.port}/", headers=cookies)
        assert await path.gap(http.collector, target) is Gap.REQUEST


@pytest.mark.parametrize("talk", [silent, saying(BODY[:3000]), saying(b"HTTP/1.1 103 Early Hints\r\n\r\n")])
async def test_a_program_that_hangs_is_no_gap(path, talk):
    with path.peer(talk) as peer:
        assert await path.gap(http.collector, http_target(f"http://{path.there.address}:{peer.port}/")) is None


async def test_a_packet_that_was_lost_once_and_came_again_is_no_gap(path):
    rule = path.here.drop_every(1_000_000, *LARGE)
    with path.peer(saying(BODY[:3500])) as peer:
        assert await path.gap(http.collector, http_target(f"http://{path.there.address}:{peer.port}/")) is None
    assert rule.packets() == 1


async def test_a_login_whose_answer_gets_lost_is_known_as_well(path):
    path.here.drop(*LARGE)

    def greet(connection):
        connection.sendall(struct.pack("<I", 4000) + b"\n" + b"x" * 3999)
        until_the_end(connection)

    def let_in(connection):
        connection.recv(4096)
        notice = b"N" + struct.pack("!i", 3004) + b"x" * 3000
        connection.sendall(b"R" + struct.pack("!ii", 8, 0) + notice)
        until_the_end(connection)

    for collector, talk in ((mysql.collector, greet), (postgresql.collector, let_in)):
        with path.peer(talk) as peer:
            target = database_target(peer.port, address=path.there.address, password=None)
            assert await path.gap(collector, target) is Gap.ANSWER


async def test_a_query_on_a_kept_connection_has_its_own_gap(path):
    answer = b"R" + struct.pack("!ii", 8, 0) + b"Z" + struct.pack("!i", 5) + b"I"
    row = b"D" + struct.pack("!i", 3004) + b"x" * 3000

    def talk(connection):
        connection.recv(4096)
        connection.sendall(answer)
        connection.recv(4096)
        connection.sendall(answer[-6:])
        connection.recv(4096)
        connection.sendall(row)
        until_the_end(connection)

    with path.peer(talk) as peer:
        target = database_target(peer.port, address=path.there.address, password=None, logs_in=False)
        first, second = Facts(), Facts()
        with path.here.entered():
            async with postgresql.collector(context()) as probe:
                await ask(probe, target, first)
                path.here.drop(*LARGE)
                with pytest.raises(TimeoutError):
                    await ask(probe, target, second, deadline=DEADLINE)
    assert (first.gap, second.gap) == (None, Gap.ANSWER)

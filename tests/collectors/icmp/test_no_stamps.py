"""Where something else plays Linux, and the kernel has no clocks for us: the user's measures, and the reply says so."""

from __future__ import annotations

import socket

import pytest

from collectors import http, kernel, tcp
from collectors.terms import Clock, Reason
from tests.collectors.asking import ask, failure
from tests.collectors.peers import Peer, answering, silent
from tests.collectors.targets import context, http_target, tcp_target, url

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def no_stamps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "SO_TIMESTAMPING", 9999)  # such an option no kernel has


@pytest.fixture
def no_tcp_info(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "TCP_INFO", 9999)


def test_whether_there_are_stamps_is_known_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    assert kernel.can_stamp()
    monkeypatch.setattr(kernel, "SO_TIMESTAMPING", 9999)
    assert not kernel.can_stamp()


async def test_http_is_measured_by_the_users_clock(no_stamps: None) -> None:
    with Peer(answering(OK)) as peer:
        async with http.collector(context()) as probe:
            reply = await ask(probe, http_target(url(peer)))
    assert reply.clock is Clock.USER
    assert reply.response > 0
    assert reply.rtt > 0


async def test_a_connection_that_is_gone_is_no_lack_of_stamps(no_stamps: None) -> None:
    def reset(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with Peer(reset) as peer:
        async with http.collector(context()) as probe:
            reason, _ = await failure(probe, http_target(url(peer)))
    assert reason is Reason.RESET


async def test_a_handshake_is_measured_by_the_users_clock(no_tcp_info: None) -> None:
    with Peer(silent) as peer:
        async with tcp.collector(context()) as probe:
            reply = await ask(probe, tcp_target(peer.port))
    assert reply.clock is Clock.USER
    assert reply.rtt > 0


async def test_what_a_user_clock_has_part_in_is_the_user_clocks(no_tcp_info: None) -> None:
    with Peer(answering(OK)) as peer:
        async with http.collector(context()) as probe:
            reply = await ask(probe, http_target(url(peer)))
    assert reply.clock is Clock.USER


def test_drops_that_nobody_counts_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "SO_MEMINFO", 9999)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        assert kernel.receive_drops(sock) == 0

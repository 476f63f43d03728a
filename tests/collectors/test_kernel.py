"""The kernel's clocks: by value where clocks misbehave, on loopback where the kernel has to speak."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

import pytest

from collectors import kernel
from collectors.kernel import Moment

SECOND = 1_000_000_000
SENT = 1_700_000_000 * SECOND


def moments(monotonic: float, wall: float | None = None) -> tuple[Moment, Moment]:
    """Two moments so many seconds apart; the wall clock may see it otherwise."""
    return Moment(100.0, 1.7e9), Moment(100.0 + monotonic, 1.7e9 + (monotonic if wall is None else wall))


def test_the_difference_of_two_stamps_is_believed_within_the_monotonic_time_around_it() -> None:
    assert kernel.elapsed(SENT, SENT + 350_000_000, *moments(0.352)) == pytest.approx(0.350, abs=1e-12)


def test_a_difference_of_nanoseconds_is_not_rounded() -> None:
    assert kernel.elapsed(SENT, SENT + 2_617, *moments(0.001)) == 2.617e-6


@pytest.mark.parametrize("step", [-3600.0, -1.0, -0.1, -0.002, 0.002, 0.1, 1.0, 3600.0])
def test_stamps_that_hold_a_clock_step_are_not_believed(step: float) -> None:
    received = SENT + round((0.350 + step) * SECOND)
    assert kernel.elapsed(SENT, received, *moments(0.352, wall=0.352 + step)) is None


@pytest.mark.parametrize("step", [-3600.0, -1.0, 0.01, 1.0, 3600.0])
def test_a_step_is_seen_by_the_bounds_alone_when_it_came_and_went(step: float) -> None:
    assert kernel.elapsed(SENT, SENT + round((0.350 + step) * SECOND), *moments(0.352)) is None


def test_a_slewed_clock_is_believed() -> None:
    assert kernel.elapsed(SENT, SENT + 350_100_000, *moments(0.352, wall=0.3521)) is not None


def test_now_reads_both_clocks_together() -> None:
    before = time.monotonic()
    moment = kernel.now()
    assert before <= moment.monotonic <= time.monotonic()
    assert abs(moment.wall - time.time()) < 1


@pytest.fixture
def listener() -> socket.socket:
    """A listener on loopback that accepts in the kernel alone."""
    sock = socket.create_server(("127.0.0.1", 0))
    sock.settimeout(5)
    return sock


async def test_stamps_of_a_stream_tell_when_each_send_left(listener: socket.socket) -> None:
    with listener, socket.create_connection(listener.getsockname()) as client:
        server, _ = listener.accept()
        with server:
            client.setblocking(False)
            kernel.stamp_packets(client, kernel.BY_OFFSET)
            before = kernel.now()
            client.send(b"1234")
            client.send(b"567")
            server.send(b"answer")
            loop = asyncio.get_running_loop()
            readable: asyncio.Future[None] = loop.create_future()

            def wake() -> None:
                if not readable.done():
                    readable.set_result(None)

            loop.add_reader(client, wake)
            await readable
            loop.remove_reader(client)
            sent = dict(kernel.sent_stamps(client))
            data, ancillary, _, _ = client.recvmsg(100, 256)
            after = kernel.now()
    assert data == b"answer"
    assert list(sent) == [3, 6]
    received = kernel.receive_stamp(ancillary)
    assert received is not None
    between = kernel.elapsed(sent[3], received, before, after)
    assert between is not None
    assert between > 0


def test_a_receive_buffer_grows_as_far_as_it_may() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        kernel.enlarge_receive_buffer(sock, 1 << 20)
        allowed = int(Path("/proc/sys/net/core/rmem_max").read_text())
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= 2 * min(1 << 20, allowed)


def test_drops_of_a_full_receive_buffer_are_counted() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.bind(("127.0.0.1", 0))
        assert kernel.receive_drops(sock) == 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(50):
                sender.sendto(bytes(1000), sock.getsockname())
        assert 0 < kernel.receive_drops(sock) < 50

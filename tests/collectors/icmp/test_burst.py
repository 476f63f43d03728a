"""How many echo requests leave in one burst: by value, and against what the kernel counts."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator

import pytest

from collectors import kernel
from collectors.icmp import burst, echo
from collectors.icmp.echo_socket import open_socket
from collectors.terms import IpFamily
from tests.netlab import Host, Lab, requires_root

LARGE, DEFAULT = 16 << 20, 425_984
"""What the kernel grants: with CAP_NET_ADMIN, and without it where net.core.rmem_max is Linux's default, 212,992."""


@pytest.mark.parametrize(
    ("ip_family", "payload", "buffer", "most"),
    [
        (IpFamily.IPV4, 56, LARGE, 256),  # 122 bytes each on a wire of 31,250 bytes in 2.5 ms
        (IpFamily.IPV6, 56, LARGE, 220),
        (IpFamily.IPV4, 1472, LARGE, 20),
        (IpFamily.IPV4, 8000, LARGE, 3),  # in six fragments
        (IpFamily.IPV4, 65_000, LARGE, 1),  # 5.4 ms: each is a burst
        (IpFamily.IPV4, 56, DEFAULT, 192),  # 1,108 bytes each of 212,992
        (IpFamily.IPV4, 8, DEFAULT, 200),
        (IpFamily.IPV4, 56, 4608, 2),  # the least that there is
    ],
)
def test_a_burst_is_what_the_uplink_and_half_of_the_receive_buffer_bear(
    ip_family: IpFamily, payload: int, buffer: int, most: int
) -> None:
    assert int(1 / burst.share(ip_family, payload, buffer)) == most


@pytest.fixture(scope="module")
def here() -> Iterator[Host]:
    with Lab() as lab:
        lab.veth(lab.host("here"), lab.host("there"))
        lab.hosts["here"].allow_ping_groups()
        yield lab.hosts["here"]


@requires_root
@pytest.mark.parametrize("payload", [8, 56, 500, 1472, 8000, 65_000])
def test_the_answers_of_a_whole_burst_that_nobody_reads_take_no_more_than_half_of_the_buffer(
    here: Host, payload: int
) -> None:
    with contextlib.ExitStack() as end:
        with here.entered():
            opened = open_socket(IpFamily.IPV4)
        end.callback(opened.sock.close)
        opened.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, DEFAULT // 2)
        assert opened.receive_buffer == DEFAULT
        layout = echo.layout(IpFamily.IPV4, payload)
        most = int(1 / burst.share(IpFamily.IPV4, payload, DEFAULT))
        with here.entered():
            for number in range(most):
                request = layout.request(opened.identifier, echo.token(b"secret", number))
                opened.sock.sendto(request, ("127.0.0.1", 0))
                opened.sock.recvmsg(1 << 17, 512, socket.MSG_ERRQUEUE)  # its stamp, as is read with each batch
        assert unread(opened.sock) <= DEFAULT / 2
        assert kernel.receive_drops(opened.sock) == 0
        assert sum(1 for _ in received(opened.sock)) == most


def unread(sock: socket.socket) -> int:
    """Return how many bytes of its receive buffer are taken (SK_MEMINFO_RMEM_ALLOC)."""
    (allocated,) = struct.unpack_from("@I", sock.getsockopt(socket.SOL_SOCKET, kernel.SO_MEMINFO, 64))
    return int(allocated)


def received(sock: socket.socket) -> Iterator[bytes]:
    with contextlib.suppress(BlockingIOError):
        while True:
            yield sock.recv(1 << 17)

"""A TCP connection from nothing, timed by the kernel: what the protocols over TCP begin with.

The socket is ours and raw, because the event loop's own streams give it up only after the handshake, at
five times the cost; and never TCP Fast Open, which reports a connection that nobody has answered yet.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from typing import NamedTuple

from collectors import failures, kernel
from collectors.contract import Facts, IpFamily, ProbeFailed, Reason, Seconds

IP_BIND_ADDRESS_NO_PORT = 24
"""Choose the port in connect(): bind() would take one from all targets (ip(7); IPv6 sockets know it too)."""

_FAMILIES = {IpFamily.IPV4: socket.AF_INET, IpFamily.IPV6: socket.AF_INET6}


class Handshake(NamedTuple):
    """How the kernel's handshake went."""

    rtt: Seconds | None
    """SYN to SYN/ACK by the kernel's clock; None if a SYN was sent again: then nobody knows which was answered."""
    took: Seconds
    """The same by the user clock: also what waiting for a lost SYN cost, and our own delay in noticing."""


def open_socket(ip_family: IpFamily, source_address: str | None = None) -> socket.socket:
    """Return a non-blocking TCP socket; whatever prevents that is our fault (no descriptor, not our address)."""
    sock = None
    try:
        sock = socket.socket(_FAMILIES[ip_family], socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        if source_address is not None:
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((source_address, 0))
    except OSError as error:
        if sock is not None:
            sock.close()
        raise ProbeFailed(Reason.LOCAL, f"no socket: {error.strerror or error}") from error
    return sock


async def connect(sock: socket.socket, address: str, port: int, facts: Facts) -> Handshake:
    """Shake hands with a numeric address; ``facts`` say, also when cancelled, whether a SYN was sent again."""
    started = kernel.now()
    try:
        code = sock.connect_ex((address, port))
        if code == errno.EINPROGRESS:
            await writable(sock)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise failures.from_os_error(OSError(code, os.strerror(code)))
    finally:
        info = kernel.tcp_info(sock)
        facts.retransmitted = info.retransmissions > 0
    rtt = None if facts.retransmitted else info.rtt
    return Handshake(rtt, kernel.now().monotonic - started.monotonic)


async def writable(sock: socket.socket) -> None:
    """Wait until the socket takes bytes, or has an error to tell."""
    loop = asyncio.get_running_loop()
    descriptor, waiter = sock.fileno(), loop.create_future()
    loop.add_writer(descriptor, wake, waiter)
    try:
        await waiter
    finally:
        loop.remove_writer(descriptor)


def wake(waiter: asyncio.Future[None]) -> None:
    """End a wait; the loop may say so twice, or after the waiting task was cancelled."""
    if not waiter.done():
        waiter.set_result(None)

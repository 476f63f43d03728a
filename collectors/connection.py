"""A TCP connection from nothing, timed by the kernel: what the protocols over TCP begin with.

The socket is ours and raw, because the event loop's own streams give it up only after the handshake, at
five times the cost; and never TCP Fast Open, which reports a connection that nobody has answered yet.
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import socket
from typing import NamedTuple, Self

from collectors import failures, kernel
from collectors.contract import Facts, IpFamily, Phase, ProbeFailed, Reason, Seconds

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


class Connector:
    """Shakes hands; enter it in a running loop.

    Who waits is woken by an epoll of our own, which is one descriptor to the loop: adding and removing a writer for
    each handshake is what made a probe a fifth dearer (docs/performance.md).
    """

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._loop.add_reader(self._epoll, self._wake)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.remove_reader(self._epoll)
        self._epoll.close()

    async def connect(self, sock: socket.socket, address: str, port: int, facts: Facts) -> Handshake:
        """Shake hands with a numeric address; ``facts`` say, also when cancelled, whether a SYN was sent again."""
        started, facts.phase = self._loop.time(), Phase.CONNECT
        try:
            code = sock.connect_ex((address, port))
            if code == errno.EINPROGRESS:
                await self._decided(sock.fileno())
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise failures.from_os_error(OSError(code, os.strerror(code)))
        finally:
            info = kernel.tcp_info(sock)
            facts.retransmitted = info.retransmissions > 0
        rtt = None if facts.retransmitted else info.rtt
        return Handshake(rtt, self._loop.time() - started)

    async def _decided(self, descriptor: int) -> None:
        """Wait until the socket takes bytes, or has an error to tell; its closing ends its place in the epoll."""
        self._waiting[descriptor] = waiter = self._loop.create_future()
        try:
            self._epoll.register(descriptor, select.EPOLLOUT | select.EPOLLONESHOT)
            await waiter
        finally:
            del self._waiting[descriptor]

    def _wake(self) -> None:
        for descriptor, _ in self._epoll.poll(0):
            if waiter := self._waiting.get(descriptor):
                wake(waiter)


def wake(waiter: asyncio.Future[None]) -> None:
    """End a wait; it may be said twice, or after the waiting task was cancelled."""
    if not waiter.done():
        waiter.set_result(None)

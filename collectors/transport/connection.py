"""A TCP connection from nothing, timed by the kernel: what the protocols over TCP begin with.

The socket is ours and raw, because the event loop's own streams give it up only after the handshake, at
five times the cost; and never TCP Fast Open, which reports a connection that nobody has answered yet.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import select
import socket
import struct
from collections.abc import Sequence
from typing import NamedTuple, Self

from collectors import failures, kernel, routes
from collectors.contract import Facts, ProbeFailed
from collectors.terms import Clock, IpFamily, Phase, Reason, Seconds
from collectors.transport import tcp_info

IP_BIND_ADDRESS_NO_PORT = 24
"""Choose the port in connect(): bind() would take one from all targets (ip(7); IPv6 sockets know it too)."""

_FAMILY_OF = {ip_family.address_family: ip_family for ip_family in IpFamily}


class Handshake(NamedTuple):
    """How the kernel's handshake went."""

    rtt: Seconds | None
    """SYN to SYN/ACK by the kernel's clock; None if a SYN was sent again: then nobody knows which was answered."""
    took: Seconds
    """The same by the user clock: also what waiting for a lost SYN cost, and our own delay in noticing."""
    clock: Clock = Clock.KERNEL
    """Which one ``rtt`` is by."""


class Peer(NamedTuple):
    """What is to be reached: all addresses of a name, or a literal one."""

    host: str
    """As it is written."""
    addresses: Sequence[str]
    ip_family: IpFamily
    port: int


def open_socket(ip_family: IpFamily, source_address: str | None = None) -> socket.socket:
    """Return a non-blocking TCP socket; whatever prevents that is our fault (no descriptor, not our address)."""
    sock = None
    try:
        sock = socket.socket(ip_family.address_family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        if source_address is not None:
            _bind(sock, ip_family, source_address)
    except OSError as error:
        if sock is not None:
            sock.close()
        raise ProbeFailed(Reason.LOCAL, f"no socket: {failures.from_os_error(error).detail}") from error
    return sock


def _bind(sock: socket.socket, ip_family: IpFamily, source_address: str) -> None:
    sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    sock.bind((source_address, 0))
    if not routes.is_ours_if_bound(ip_family, source_address):
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))


class Connector:
    """Shakes hands; enter it in a running loop.

    Tasks that wait are woken by an epoll of our own, which is one descriptor to the loop: to add and remove a writer
    for each handshake made a probe a fifth dearer (docs/performance.md).
    """

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._answered: dict[tuple[str, IpFamily, int], str] = {}
        """Where a name with several addresses was reached last: it stays the one that is measured while it answers."""
        self._loop.add_reader(self._epoll, self._wake)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.remove_reader(self._epoll)
        self._epoll.close()

    async def reach(
        self, peer: Peer, facts: Facts, within: Seconds, source_address: str | None = None
    ) -> tuple[socket.socket, Handshake]:
        """Connect to the first address that answers; a silent one leaves the others their part of ``within`` seconds.

        The socket is the caller's to close. What the addresses before the last one cost is in no measurement.
        """
        if len(peer.addresses) == 1:
            return await self._reach(peer, peer.addresses[0], facts, source_address)
        end, key = self._loop.time() + within, (peer.host, peer.ip_family, peer.port)
        order = sorted(peer.addresses, key=lambda address: address != self._answered.get(key))
        for left, address in zip(range(len(order), 0, -1), order, strict=True):
            share = (end - self._loop.time()) / (left + 1) if left > 1 else None
            try:
                async with asyncio.timeout(share):  # noqa: TID251 - of one address; the caller's is the probe's
                    reached = await self._reach(peer, address, facts, source_address)
            except TimeoutError:
                facts.tried += (f"{address}: no answer within {share:.2g} s",)
            except ProbeFailed as failed:
                if failed.reason is Reason.LOCAL:
                    raise
                if left == 1:
                    text = f"{address}: {failed.detail} (before it: {'; '.join(facts.tried)})"
                    raise ProbeFailed(failed.reason, text) from failed
                facts.tried += (f"{address}: {failed.detail}",)
            else:
                self._answered[key] = address
                return reached
        raise AssertionError("a name has at least one address")

    async def _reach(
        self, peer: Peer, address: str, facts: Facts, source_address: str | None
    ) -> tuple[socket.socket, Handshake]:
        if address != peer.host:
            facts.address = address
        sock = open_socket(peer.ip_family, source_address)
        try:
            return sock, await self.connect(sock, address, peer.port, facts)
        except BaseException:
            sock.close()
            raise

    async def connect(self, sock: socket.socket, address: str, port: int, facts: Facts) -> Handshake:
        """Shake hands with a numeric address; ``facts`` say, also when cancelled, whether a SYN was sent again."""
        started, facts.phase = self._loop.time(), Phase.CONNECT
        kernel.report_icmp(sock, wanted=True)
        try:
            code = sock.connect_ex((address, port))
            if code not in {0, errno.EINPROGRESS}:
                raise failures.from_sending(code, _FAMILY_OF[sock.family], sock.getsockname()[0])
            if code:
                await self._decided(sock.fileno())
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise failures.from_errno(*(kernel.icmp_refusal(sock) or (code,)))
        finally:
            info = tcp_info.read(sock)
            facts.retransmitted = info is not None and info.retransmissions > 0
        took = self._loop.time() - started
        if info is None:
            return Handshake(took, took, Clock.USER)
        return Handshake(None if facts.retransmitted else info.rtt, took)

    async def _decided(self, descriptor: int) -> None:
        """Wait until the socket takes bytes, or has an error; its closing ends its place in the epoll."""
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


def close_quietly(sock: socket.socket) -> None:
    """Close a connected TCP socket so that the peer reads an ordinary end and neither side keeps a TIME_WAIT.

    First FIN, then at once RST: the peer's kernel has noted the end of the stream before the reset
    arrives, so its program reads an end of file, not an error (tcp_fin() sets SOCK_DONE, which
    tcp_recvmsg() looks at first); the reset then frees both ends. Only a peer that answers the FIN with
    its own before the next system call leaves a TIME_WAIT here: one on this very host can.
    """
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("@ii", 1, 0))
        sock.shutdown(socket.SHUT_WR)
    sock.close()


def coarser(handshake: Handshake | None, clock: Clock) -> Clock:
    """Return which clock bounds what was measured by a handshake and, after it, by another clock."""
    return clock if handshake is None or handshake.clock is Clock.KERNEL else Clock.USER


def wake(waiter: asyncio.Future[None]) -> None:
    """End a wait; it may have ended already, or its task may have been cancelled."""
    if not waiter.done():
        waiter.set_result(None)

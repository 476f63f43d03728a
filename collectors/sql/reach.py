"""The way to a database's server: the lookup of its name and a TCP connection, or its Unix socket."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from collectors import failures, kernel
from collectors.contract import Context, Facts, ProbeFailed
from collectors.literals import literal_family
from collectors.sql.target import DatabaseTarget
from collectors.terms import IpFamily, Phase, Reason, Seconds
from collectors.transport import connection, resolver


class Reached(NamedTuple):
    """A connection on which nothing was sent yet."""

    sock: socket.socket
    connected: kernel.Moment
    """From when on the server could speak."""
    handshake: connection.Handshake | None
    """None for a Unix socket."""


class Reach:
    """Connects to the servers of targets."""

    def __init__(self, context: Context, connector: connection.Connector) -> None:
        self._context, self._connector = context, connector

    async def connect(
        self,
        stack: contextlib.ExitStack,
        target: DatabaseTarget,
        facts: Facts,
        phases: dict[Phase, Seconds],
        address: str | None = None,
    ) -> Reached:
        """Connect, to ``address`` where it is given; the socket is closed with ``stack``."""
        if target.socket is not None:
            facts.phase = Phase.CONNECT
            return Reached(stack.enter_context(_local(target)), kernel.now(), None)
        end = kernel.now().monotonic + target.timeout
        if address is None:
            ip_family, addresses = await self.resolve(target, facts, phases)
        else:
            ip_family, addresses = literal_family(address) or target.ip_families[0], [address]
        peer = connection.Peer(target.address, addresses, ip_family, target.port)
        sock, handshake = await self._connector.reach(peer, facts, end - kernel.now().monotonic)
        stack.enter_context(sock)
        now = kernel.now()
        if handshake.rtt is None:
            return Reached(sock, now, handshake)
        phases[Phase.CONNECT] = handshake.rtt
        noticed = handshake.took - handshake.rtt  # how long after the SYN/ACK that was
        return Reached(sock, kernel.Moment(now.monotonic - noticed, now.wall - noticed), handshake)

    async def resolve(
        self, target: DatabaseTarget, facts: Facts, phases: dict[Phase, Seconds]
    ) -> tuple[IpFamily, Sequence[str]]:
        """Return the addresses of the target's name, and their family; ProbeFailed."""
        return await resolver.resolve_first(self._context, target.address, target.ip_families, facts, phases)


@contextlib.contextmanager
def _local(target: DatabaseTarget) -> Iterator[socket.socket]:
    path = target.socket or ""
    if os.path.isdir(path):  # noqa: PTH112 - a look at what PostgreSQL calls host
        path = f"{path}/.s.PGSQL.{target.port}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as sock:
        try:
            code = sock.connect_ex(path)
        except OSError as error:  # a path longer than 107 bytes
            raise ProbeFailed(Reason.LOCAL, f"{path}: longer than a socket's path may be (107 bytes)") from error
        if code in {errno.ENOENT, errno.ECONNREFUSED}:
            raise ProbeFailed(Reason.REFUSED, f"{path}: nobody listens there")
        if code == errno.EAGAIN:
            raise ProbeFailed(Reason.LIMIT, f"{path}: its queue of connections is full")
        if code:
            raise failures.from_errno(code)
        yield sock

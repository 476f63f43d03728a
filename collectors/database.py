"""What all databases have in common: a connection for one login, or one that is kept and asked again and again.

    dns      the look-up, by the user clock; none for a literal address
    connect  SYN to SYN/ACK (TCP_INFO)
    tls      each flight of the handshake to the last byte of its answer, the question whether there is TLS included
    auth     the same of what is left until the server is ready
    query    the first query, to the last byte of its answer

All but the first by the kernel's stamps; of a Unix socket, which has none, by the user clock, and without ``connect``.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
import os
import socket
import ssl
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import NamedTuple, Protocol

from collectors import connection, dns, failures, kernel
from collectors.contract import (
    Context,
    Facts,
    Phase,
    Probe,
    ProbeFailed,
    Reason,
    Reply,
    Seconds,
    one_by_one,
)
from collectors.refusals import Refusals
from collectors.stream import Stream
from collectors.targets import DatabaseTarget
from collectors.tls import Tls
from collectors.trust import ClientContext, Contexts
from collectors.wire import Wire

_ROOM = 256 * 1024
"""Bytes of a login, and of a query's answer."""


class Session(Protocol):
    """One connection to a server, spoken by its language."""

    async def secure(self, encrypt: Callable[[], Awaitable[None]]) -> None:
        """Come to the point where TLS begins, and call ``encrypt`` there; at once, where there is no TLS."""

    async def log_in(self) -> None:
        """Log in; ProbeFailed(AUTH), or whatever the server says against it."""

    async def decline(self) -> None:
        """Part, before the login, from a server that may count whoever breaks off."""

    async def query(self, text: str) -> None:
        """Ask, and read all of the answer; ProbeFailed(QUERY)."""

    def end(self) -> None:
        """Say goodbye without waiting."""


Speak = Callable[[Wire, DatabaseTarget, kernel.Moment, bool], Session]
"""Begins a session: with whom, when the connection was made, and whether nobody can listen in."""


class _RenewedError(Exception):
    """Another certificate than the one that was refused is served."""


class _Kept(NamedTuple):
    """A connection between two queries."""

    stack: contextlib.ExitStack
    session: Session
    wire: Wire


class Databases:
    """Logs in, keeps the sessions of the warm targets, and probes."""

    def __init__(self, speak: Speak, context: Context, connector: connection.Connector, alpn: str = "") -> None:
        self._speak, self._context, self._connector = speak, context, connector
        self._loop = asyncio.get_running_loop()
        self._contexts = Contexts()
        self._alpn = (alpn,) if alpn else ()
        self._kept: dict[int, _Kept] = {}
        """By the identity of the target: an equal one, of a probe for people, has a connection of its own."""
        self._watched: set[int] = set()
        self._refusals = Refusals()

    async def probe(self, target: DatabaseTarget, facts: Facts) -> Reply:
        """Probe by a login, or by a query on the connection that is kept."""
        return await (self._cold(target, facts) if target.cold else self._warm(target, facts))

    def close(self) -> None:
        """End all that is kept."""
        while self._kept:
            _end(self._kept.popitem()[1])

    async def _cold(self, target: DatabaseTarget, facts: Facts) -> Reply:
        phases: dict[Phase, Seconds] = {}
        with contextlib.ExitStack() as stack:
            session, wire, handshake = await self._log_in(stack, target, facts, phases)
            round_trips = wire.stream.round_trips + (handshake is not None)
            took = sum(phases.values()) - phases.get(Phase.DNS, 0.0)
            if handshake is not None and handshake.rtt is None:
                took += handshake.took
            facts.phase = Phase.QUERY
            await _ask(session, target)
            phases[Phase.QUERY] = wire.take_waited()
            session.end()
            return Reply(
                rtt=handshake and handshake.rtt,
                clock=connection.coarser(handshake, wire.stream.clock),
                duration=took,
                phases=phases,
                round_trips=round_trips,
            )

    async def _warm(self, target: DatabaseTarget, facts: Facts) -> Reply:
        """Ask on the kept connection; without one, make it first. Whatever goes wrong, it is not kept."""
        kept = self._kept.pop(id(target), None)
        if kept is None:
            kept = await self._begin(target, facts)
        else:
            kept.wire.stream.renew(_ROOM, facts)
        with kept.stack as stack:
            facts.phase = Phase.QUERY
            await _ask(kept.session, target)
            response = kept.wire.take_waited()
            if not kept.wire.is_empty:
                raise ProbeFailed(Reason.PROTOCOL, "the server says more than was asked")
            if target.kept:
                self._kept[id(target)] = kept._replace(stack=stack.pop_all())
            else:
                kept.session.end()
            return Reply(rtt=None, clock=kept.wire.stream.take_clock(), response=response)

    async def _begin(self, target: DatabaseTarget, facts: Facts) -> _Kept:
        with contextlib.ExitStack() as stack:
            session, wire, _ = await self._log_in(stack, target, facts, {})
            wire.stream.take_clock()
            if id(target) not in self._watched:  # its connection ends with the target, at the latest
                self._watched.add(id(target))
                weakref.finalize(target, self._forget, id(target)).atexit = False
            return _Kept(stack.pop_all(), session, wire)

    def _forget(self, key: int) -> None:
        """Close what was kept for a target that is gone; the garbage collector may say so from any thread."""
        self._watched.discard(key)
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._loop.call_soon_threadsafe(_end, kept)

    async def _log_in(
        self, stack: contextlib.ExitStack, target: DatabaseTarget, facts: Facts, phases: dict[Phase, Seconds]
    ) -> tuple[Session, Wire, connection.Handshake | None]:
        try:
            return await self._log_in_once(stack, target, facts, phases)
        except _RenewedError:
            stack.close()
            phases.clear()
            return await self._log_in_once(stack, target, facts, phases)

    async def _log_in_once(
        self, stack: contextlib.ExitStack, target: DatabaseTarget, facts: Facts, phases: dict[Phase, Seconds]
    ) -> tuple[Session, Wire, connection.Handshake | None]:
        connected, handshake, sock = await self._connect(stack, target, facts, phases)
        stream = stack.enter_context(Stream(sock, _ROOM, facts))
        wire = Wire(stream)
        private = target.socket is not None or target.tls in {"verify-ca", "verify-full"}
        # A session knows a copy: it must not keep alive the target whose end is to end it.
        session = self._speak(wire, dataclasses.replace(target), connected, private)

        async def encrypt() -> None:
            phases[Phase.TLS] = wire.take_waited()
            phases[Phase.TLS] += await self._encrypt(stack, session, wire, target, facts)

        if target.socket is None and target.tls != "disable":
            facts.phase = Phase.TLS
            await session.secure(encrypt)
        facts.phase = Phase.AUTH
        await session.log_in()
        phases[Phase.AUTH] = wire.take_waited()
        return session, wire, handshake

    async def _encrypt(
        self, stack: contextlib.ExitStack, session: Session, wire: Wire, target: DatabaseTarget, facts: Facts
    ) -> Seconds:
        """Begin TLS; return what the network and the server took.

        Who served a certificate that was refused is let finish, and the login declined: see ``collectors.refusals``.
        """
        context, server = self._trust(target), (target.address, target.port)
        refused = self._refusals.get(server, context, self._loop.time())
        looked = (
            context
            if refused is None
            else self._contexts.get(None, target.identity, verify=False, protocols=self._alpn)
        )
        tls = stack.enter_context(Tls(wire.stream, looked, target.address.rstrip(".")))
        try:
            took = await tls.handshake(facts)
        except ssl.SSLCertVerificationError as error:
            self._refusals.add(server, tls.certificate, context, error, self._loop.time())
            raise
        wire.channel = tls
        if refused is not None:
            await session.decline()
            if tls.certificate == refused.certificate:
                raise refused.again()
            self._refusals.forget(server)
            raise _RenewedError
        return took

    async def _connect(
        self, stack: contextlib.ExitStack, target: DatabaseTarget, facts: Facts, phases: dict[Phase, Seconds]
    ) -> tuple[kernel.Moment, connection.Handshake | None, socket.socket]:
        """Connect; return when the server could begin to speak."""
        if target.socket is not None:
            facts.phase = Phase.CONNECT
            sock = stack.enter_context(_open_local(target))
            return kernel.now(), None, sock
        end = kernel.now().monotonic + target.timeout
        addresses = await dns.resolve(self._context, target.address, target.ip_family, facts, phases)
        peer = connection.Peer(target.address, addresses, target.ip_family, target.port)
        sock, handshake = await self._connector.reach(peer, facts, end - kernel.now().monotonic)
        stack.enter_context(sock)
        now = kernel.now()
        if handshake.rtt is None:
            return now, handshake, sock
        phases[Phase.CONNECT] = handshake.rtt
        noticed = handshake.took - handshake.rtt  # how long after the SYN/ACK that was
        return kernel.Moment(now.monotonic - noticed, now.wall - noticed), handshake, sock

    def _trust(self, target: DatabaseTarget) -> ClientContext:
        verify, names = target.tls != "require", target.tls == "verify-full"
        return self._contexts.get(target.tls_ca_file, target.identity, verify=verify, names=names, protocols=self._alpn)


@contextlib.asynccontextmanager
async def collector(speak: Speak, context: Context, alpn: str = "") -> AsyncIterator[Probe[DatabaseTarget]]:
    """Log in to databases; what is kept ends with it."""
    with kernel.keep_stamping(), connection.Connector() as connector:
        databases = Databases(speak, context, connector, alpn)
        try:
            yield one_by_one(databases.probe)
        finally:
            databases.close()


def _end(kept: _Kept) -> None:
    kept.session.end()
    kept.stack.close()


async def _ask(session: Session, target: DatabaseTarget) -> None:
    try:
        await session.query(target.query)
    except ProbeFailed as failed:
        if failed.reason is Reason.QUERY:  # the session is well, and ends as it should
            session.end()
        raise


@contextlib.contextmanager
def _open_local(target: DatabaseTarget) -> Iterator[socket.socket]:
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

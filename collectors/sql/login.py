"""From nothing to a session of a database: look-up, connection, TLS, authentication.

    dns      the look-up, by the user clock; none for a literal address
    connect  SYN to SYN/ACK (TCP_INFO)
    tls      each flight of the handshake to the last byte of its answer, the question whether there is TLS included
    auth     the same of what is left until the server is ready

All but the first by the kernel's stamps; of a Unix socket, which has none, by the user clock, and without ``connect``.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from collectors import failures, kernel, tls_words
from collectors.contract import Context, Facts, ProbeFailed
from collectors.literals import literal_family
from collectors.sql.dialogue import Dialogue
from collectors.sql.refusals import Refusals, StrangerError
from collectors.sql.target import DatabaseTarget
from collectors.terms import IpFamily, Phase, Reason, Seconds
from collectors.transport import connection, resolver
from collectors.transport.stream import Stream
from collectors.transport.tls import Tls
from collectors.transport.trust import ClientContext, Contexts

ROOM = 256 * 1024
"""Bytes of a login, and of a query's answer."""
Memory = dict[object, bytes]
"""What a dialect remembers of a target from one login to the next."""


class Session(Protocol):
    """One connection to a server, spoken by its language."""

    counts_who_breaks_off: bool
    """Whether the server holds it against this host that a login ends in the middle: then it is made to refuse."""

    async def secure(self, encrypt: Callable[[], Awaitable[None]]) -> None:
        """Come to the point where TLS begins, and call ``encrypt`` there; at once, where there is no TLS."""

    async def log_in(self) -> None:
        """Log in; ProbeFailed(AUTH), or whatever the server says against it."""

    async def decline(self) -> None:
        """Have the login refused before a password was shown."""

    def leave(self) -> None:
        """Part in the middle of a login, without waiting, so that what the server reads next makes it refuse."""

    async def query(self, text: str) -> None:
        """Ask, and read all of the answer; ProbeFailed(QUERY)."""

    @property
    def key(self) -> bytes:
        """What the server knows the session by on another connection; empty: none would stop its query."""

    async def stop(self, key: bytes) -> None:
        """In place of a login: have the server stop the query of the session that it knows by ``key``."""

    def end(self) -> None:
        """Say goodbye without waiting."""


class Way(NamedTuple):
    """How a session came about: when it was connected, and whether nobody can listen in."""

    connected: kernel.Moment
    private: bool


Speak = Callable[[Dialogue, DatabaseTarget, Way, Memory], Session]


class _RenewedError(ProbeFailed):
    """Another certificate than the one that was refused is served."""


class LoggedIn(NamedTuple):
    """A session that can be asked."""

    session: Session
    dialogue: Dialogue
    handshake: connection.Handshake | None
    """None for a Unix socket."""


class _Login(NamedTuple):
    """One way to a server, and where it is noted."""

    target: DatabaseTarget
    facts: Facts
    phases: dict[Phase, Seconds]
    memory: Memory
    address: str | None = None
    """Of those that the name has; None: whichever answers."""


async def _log_in(session: Session) -> None:
    await session.log_in()


class Logins:
    """Logs in, by one dialect."""

    def __init__(self, speak: Speak, context: Context, connector: connection.Connector, alpn: str) -> None:
        self._speak, self._context, self._connector = speak, context, connector
        self._loop = asyncio.get_running_loop()
        self._contexts = Contexts()
        self._alpn = (alpn,) if alpn else ()
        self._refusals = Refusals()

    async def log_in(
        self,
        stack: contextlib.ExitStack,
        target: DatabaseTarget,
        facts: Facts,
        phases: dict[Phase, Seconds],
        memory: Memory,
    ) -> LoggedIn:
        """Log in; once more where another certificate is served by now, or another password stands in its file."""
        self._refusals.avoid_stranger(_server(target), self._loop.time())
        login = _Login(target, facts, phases, memory)
        try:
            return await self._log_in_once(stack, login)
        except _RenewedError:
            pass
        except StrangerError as stranger:
            self._refusals.of_stranger(_server(target), stranger, self._loop.time())
            raise
        except ProbeFailed as failed:
            if failed.reason is not Reason.AUTH or target.password is None:
                raise
            if not await target.password.has_changed():
                failed.detail += target.password.not_read
                raise
        stack.close()
        phases.clear()
        return await self._log_in_once(stack, login)

    async def stop(self, logged_in: LoggedIn, target: DatabaseTarget, memory: Memory) -> None:
        """Have the server of a session stop its query, on a connection of its own; ProbeFailed, OSError."""
        key, address = logged_in.session.key, logged_in.dialogue.stream.peer()
        with contextlib.ExitStack() as stack:
            await self._log_in_once(stack, _Login(target, Facts(), {}, memory, address), lambda other: other.stop(key))

    async def _log_in_once(
        self, stack: contextlib.ExitStack, login: _Login, how: Callable[[Session], Awaitable[None]] = _log_in
    ) -> LoggedIn:
        target, facts, phases, memory, _ = login
        connected, handshake, sock = await self._connect(stack, login)
        dialogue = Dialogue(stack.enter_context(Stream(sock, ROOM, facts)))
        private = target.socket is not None or target.tls in {"verify-ca", "verify-full"}
        session = self._speak(dialogue, target, Way(connected, private), memory)

        encrypting = False

        async def encrypt() -> None:
            nonlocal encrypting
            phases[Phase.TLS] = dialogue.take_server_time()
            encrypting = True
            phases[Phase.TLS] += await self._encrypt(stack, session, dialogue, target, facts)
            encrypting = False

        try:
            if target.socket is None and target.tls != "disable":
                facts.phase = Phase.TLS
                await self._avoid(session, target, facts)
                await session.secure(encrypt)
            facts.phase = Phase.AUTH
            await how(session)
        except BaseException as error:
            broken_off = session.counts_who_breaks_off and (encrypting or isinstance(error, ssl.SSLError))
            if broken_off:
                self._remember(target, error, facts)
            session.leave()
            raise
        self._refusals.forget(_server(target))
        phases[Phase.AUTH] = dialogue.take_server_time()
        return LoggedIn(session, dialogue, handshake)

    def _remember(self, target: DatabaseTarget, error: BaseException, facts: Facts) -> None:
        """Remember that a handshake was broken off, by TLS, our deadline or the server."""
        server, context, now = _server(target), self._trust(target), self._loop.time()
        if isinstance(error, ssl.SSLError) and not isinstance(error, tls_words.CUT):
            self._refusals.of_tls(server, context, error, facts, now)
        elif isinstance(error, asyncio.CancelledError | OSError):
            self._refusals.of_accident(server, context, facts, now)

    async def _avoid(self, session: Session, target: DatabaseTarget, facts: Facts) -> None:
        """Decline without TLS where that has just failed, and not for a certificate's sake."""
        refused = self._refusals.get(_server(target), self._trust(target), self._loop.time())
        if refused is not None and not refused.chain:
            await session.decline()
            facts.certificate_not_before, facts.certificate_expiry = refused.validity
            raise refused.again()

    async def _encrypt(
        self, stack: contextlib.ExitStack, session: Session, dialogue: Dialogue, target: DatabaseTarget, facts: Facts
    ) -> Seconds:
        """Begin TLS; return what the network and the server took. See ``collectors.sql.refusals``."""
        context, server = self._trust(target), _server(target)
        refused = self._refusals.get(server, context, self._loop.time())
        looked = (
            context
            if refused is None
            else self._contexts.get(None, target.own_certificate, verify=False, protocols=self._alpn)
        )
        tls = stack.enter_context(Tls(dialogue.stream, looked, target.address.rstrip(".")))
        try:
            took = await tls.handshake(facts)
        except ssl.SSLCertVerificationError as error:
            if session.counts_who_breaks_off:
                self._refusals.of_certificate(server, context, error, tls.chain, self._loop.time())
            raise
        dialogue.channel = tls
        if refused is not None:
            await session.decline()
            if tls.chain == refused.chain:
                raise refused.again()
            self._refusals.forget(server)
            raise _RenewedError(Reason.TLS, "another certificate is served")
        return took

    async def _connect(
        self, stack: contextlib.ExitStack, login: _Login
    ) -> tuple[kernel.Moment, connection.Handshake | None, socket.socket]:
        """Connect; return when the server could begin to speak."""
        target, facts, phases, _, address = login
        if target.socket is not None:
            facts.phase = Phase.CONNECT
            sock = stack.enter_context(_open_local(target))
            return kernel.now(), None, sock
        end = kernel.now().monotonic + target.timeout
        if address is None:
            ip_family, addresses = await self._resolve(target, facts, phases)
        else:
            ip_family, addresses = literal_family(address) or target.ip_families[0], [address]
        peer = connection.Peer(target.address, addresses, ip_family, target.port)
        sock, handshake = await self._connector.reach(peer, facts, end - kernel.now().monotonic)
        stack.enter_context(sock)
        now = kernel.now()
        if handshake.rtt is None:
            return now, handshake, sock
        phases[Phase.CONNECT] = handshake.rtt
        noticed = handshake.took - handshake.rtt  # how long after the SYN/ACK that was
        return kernel.Moment(now.monotonic - noticed, now.wall - noticed), handshake, sock

    async def _resolve(
        self, target: DatabaseTarget, facts: Facts, phases: dict[Phase, Seconds]
    ) -> tuple[IpFamily, Sequence[str]]:
        """Return the addresses of the first family that the name has any of; a resolver's silence tries no other."""
        began = kernel.now().monotonic
        for ip_family in target.ip_families:
            try:
                addresses = await resolver.resolve(self._context, target.address, ip_family, facts, phases)
            except ProbeFailed as failed:
                if not failed.misconfigured or ip_family is target.ip_families[-1]:
                    raise
            else:
                break
        if Phase.DNS in phases:  # all look-ups, not only the one that found something
            phases[Phase.DNS] = kernel.now().monotonic - began
        return ip_family, addresses

    def _trust(self, target: DatabaseTarget) -> ClientContext:
        verify, names = target.tls != "require", target.tls == "verify-full"
        return self._contexts.get(
            target.tls_ca_file, target.own_certificate, verify=verify, names=names, protocols=self._alpn
        )


def _server(target: DatabaseTarget) -> tuple[str, int]:
    return target.address, target.port


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

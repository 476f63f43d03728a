"""From nothing to a session of a database: lookup, connection, TLS, authentication.

    dns      the lookup, by the user clock; none for a literal address
    connect  SYN to SYN/ACK (TCP_INFO)
    tls      each flight of the handshake to the last byte of its answer, the question whether there is TLS included
    auth     the same of what is left until the server is ready

All but the first by the kernel's stamps; of a Unix socket, which has none, by the user clock, and without ``connect``.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from collectors import tls_words
from collectors.contract import Context, Facts, ProbeFailed
from collectors.sql.dialect import Memory, Session, Speak, Way
from collectors.sql.dialogue import Dialogue
from collectors.sql.reach import Reach
from collectors.sql.refusals import Refusals, StrangerError
from collectors.sql.target import DatabaseTarget
from collectors.terms import Phase, Reason, Seconds
from collectors.transport import connection
from collectors.transport.stream import Stream
from collectors.transport.tls import Tls
from collectors.transport.trust import ClientContext, Contexts

ROOM = 256 * 1024
"""Bytes of a login, and of a query's answer."""


class _RenewedError(ProbeFailed):
    """Another certificate than the one that was refused is served."""


class LoggedIn(NamedTuple):
    """A session that can be asked."""

    session: Session
    dialogue: Dialogue
    handshake: connection.Handshake | None
    """None for a Unix socket."""


class _LoginAttempt(NamedTuple):
    """What to log in to, and where to note how it went."""

    target: DatabaseTarget
    facts: Facts
    phases: dict[Phase, Seconds]
    memory: Memory
    address: str | None = None
    """The one to connect to; None: whichever of the name's answers."""


async def _log_in(session: Session) -> None:
    await session.log_in()


async def has_another_password(target: DatabaseTarget, failed: ProbeFailed) -> bool:
    """Return whether a login was refused, and another password stands in its file by now.

    If the file cannot be read, the failure says so.
    """
    if failed.reason is not Reason.AUTH or target.password is None:
        return False
    if await target.password.has_changed():
        return True
    failed.detail += target.password.not_read
    return False


class Logins:
    """Logs in, by one dialect."""

    def __init__(self, speak: Speak, context: Context, connector: connection.Connector, alpn: str) -> None:
        self._speak, self._reach = speak, Reach(context, connector)
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
        """Log in; once more if another certificate is served by now, or another password stands in its file."""
        self._refusals.avoid_stranger(target.server, self._loop.time())
        login = _LoginAttempt(target, facts, phases, memory)
        try:
            return await self._log_in_once(stack, login)
        except _RenewedError:
            pass
        except StrangerError as stranger:
            self._refusals.of_stranger(target.server, stranger, self._loop.time())
            raise
        except ProbeFailed as failed:
            if not await has_another_password(target, failed):
                raise
        stack.close()
        phases.clear()
        return await self._log_in_once(stack, login)

    async def stop(self, logged_in: LoggedIn, target: DatabaseTarget, memory: Memory) -> None:
        """Have the server of a session stop its query, on a connection of its own; ProbeFailed, OSError."""
        key, address = logged_in.session.key, logged_in.dialogue.stream.peer()
        with contextlib.ExitStack() as stack:
            await self._log_in_once(
                stack, _LoginAttempt(target, Facts(), {}, memory, address), lambda other: other.stop(key)
            )

    async def _log_in_once(
        self, stack: contextlib.ExitStack, login: _LoginAttempt, how: Callable[[Session], Awaitable[None]] = _log_in
    ) -> LoggedIn:
        target, facts, phases, memory, address = login
        reached = await self._reach.connect(stack, target, facts, phases, address)
        dialogue = Dialogue(stack.enter_context(Stream(reached.sock, ROOM, facts)))
        session = self._speak(dialogue, target, Way(reached.connected, target.is_private), memory)

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
            if session.counts_broken_logins and (encrypting or isinstance(error, ssl.SSLError)):
                self._remember(target, error, facts)
            session.leave()
            raise
        self._refusals.forget(target.server)
        phases[Phase.AUTH] = dialogue.take_server_time()
        return LoggedIn(session, dialogue, reached.handshake)

    def _remember(self, target: DatabaseTarget, error: BaseException, facts: Facts) -> None:
        """Remember that a handshake was broken off, by TLS, our deadline or the server."""
        server, context, now = target.server, self._trust(target), self._loop.time()
        if isinstance(error, ssl.SSLError) and not isinstance(error, tls_words.CUT):
            self._refusals.of_tls(server, context, error, facts, now)
        elif isinstance(error, asyncio.CancelledError | OSError):
            self._refusals.of_accident(server, context, facts, now)

    async def _avoid(self, session: Session, target: DatabaseTarget, facts: Facts) -> None:
        """Decline without TLS if TLS has failed there lately, for another reason than a certificate."""
        refused = self._refusals.get(target.server, self._trust(target), self._loop.time())
        if refused is not None and not refused.chain:
            await session.decline()
            facts.certificate_not_before, facts.certificate_expiry = refused.validity
            raise refused.again()

    async def _encrypt(
        self, stack: contextlib.ExitStack, session: Session, dialogue: Dialogue, target: DatabaseTarget, facts: Facts
    ) -> Seconds:
        """Shake hands by TLS; return what the network and the server took. See ``collectors.sql.refusals``."""
        context, server = self._trust(target), target.server
        refused = self._refusals.get(server, context, self._loop.time())
        if refused is None:
            trust = context
        else:
            trust = self._contexts.get(None, target.own_certificate, verify=False, protocols=self._alpn)
        tls = stack.enter_context(Tls(dialogue.stream, trust, target.address.rstrip(".")))
        try:
            took = await tls.handshake(facts)
        except ssl.SSLCertVerificationError as error:
            if session.counts_broken_logins:
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

    def _trust(self, target: DatabaseTarget) -> ClientContext:
        verify, names = target.tls != "require", target.tls == "verify-full"
        return self._contexts.get(
            target.tls_ca_file, target.own_certificate, verify=verify, names=names, protocols=self._alpn
        )

"""MySQL and MariaDB by their own protocol ("Client/Server Protocol" in both servers' documentation).

The password is proved by mysql_native_password or caching_sha2_password. The latter's full form, which a server asks
for after its start, sends the password itself: only inside TLS whose certificate was verified, or over a Unix
socket. A file is never sent (``LOCAL INFILE``), whoever asks.

These servers block a host that breaks off a hundred logins (``max_connect_errors``), with all its programs. So whatever
is refused here is refused by the server too: it gets an answer of nobody, or one that proves nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from collectors.contract import Context, Probe, ProbeFailed
from collectors.sql import mysql_errors, session
from collectors.sql.dialect import Memory, Way
from collectors.sql.dialogue import Dialogue, shown
from collectors.sql.mysql_dialogue import Packets
from collectors.sql.mysql_packets import (
    CAPABILITIES,
    EMPTY_PASSWORD,
    NATIVE,
    NONCE,
    SHA2,
    SPOKEN,
    TLS,
    WITH_DB,
    Greeting,
    beginning,
    native_proof,
    nobody,
    read_greeting,
    response,
    sha2_proof,
    wrong_answer,
)
from collectors.sql.mysql_statements import READ_ONLY, kill_query, limits
from collectors.sql.target import DatabaseTarget
from collectors.terms import Reason

_OK, _MORE, _EOF, _ERROR, _INFILE = 0x00, 0x01, 0xFE, 0xFF, 0xFB
_LONGEST_EOF = 9
_FAST, _FULL = b"\x03", b"\x04"
_QUIT, _QUERY = b"\x01", b"\x03"
_MOST_WRONG_ANSWERS = 4
_PATIENCE = 0.25
"""Of the timeout: to hear that a login was refused that is refused here already."""
_METHOD = "the method that the server switched to"


def collector(context: Context) -> AbstractAsyncContextManager[Probe[DatabaseTarget]]:
    """Log in to MySQL and MariaDB servers, cold or kept."""
    return session.collector(MySQL, context)


class MySQL:
    """One session."""

    counts_who_breaks_off = True

    def __init__(self, dialogue: Dialogue, target: DatabaseTarget, way: Way, memory: Memory) -> None:
        self._dialogue, self._target, self._way, self._memory = dialogue, target, way, memory
        self._packets = Packets(dialogue)
        self._switched = False
        # Complete from the first: of what is sent inside TLS the server reads no capabilities any more.
        self._capabilities = CAPABILITIES | (WITH_DB if target.dbname else 0)
        self._greeting: Greeting | None = None
        self._nonce, self._plugin = b"", NATIVE
        self._under_way = True
        """The login is neither decided nor in the middle of TLS."""

    async def secure(self, encrypt: Callable[[], Awaitable[None]]) -> None:
        """Read the greeting, and ask for TLS."""
        greeting = await self._greeted()
        if not greeting.offers & TLS:
            await self.decline()
            raise ProbeFailed(
                Reason.TLS, "the server offers no TLS (tls: disable would do without)", misconfigured=True
            )
        self._capabilities |= TLS
        await self._packets.send(beginning(self._capabilities))
        if not self._dialogue.is_empty:
            raise ProbeFailed(Reason.PROTOCOL, "the server spoke before TLS began")
        self._under_way = False
        await encrypt()
        self._under_way = True

    async def log_in(self) -> None:
        await self._authenticate()
        if self._asks_its_own:
            with self._dialogue.uncounted():
                await self._limit_queries()
                await self._read_only()

    async def _authenticate(self) -> None:
        await self._greeted()
        await self._packets.send(self._response())
        while True:
            packet = await self._login_packet()
            kind = packet[0] if packet else _ERROR
            if kind == _OK:
                break
            if kind == _ERROR:
                raise mysql_errors.of_login(packet)
            if kind == _EOF and not self._switched:
                self._switched = True
                await self._switch(packet)
            elif kind == _MORE:
                await self._more(packet[1:])
            else:
                raise ProbeFailed(Reason.PROTOCOL, f"a packet of kind {kind} is out of place")

    async def decline(self) -> None:
        await self._greeted()
        self._under_way = True  # also inside TLS, which was completed for this alone
        await self._answer_wrongly(nobody(self._capabilities))

    def leave(self) -> None:
        """Answer in advance: to the greeting, if it has not come, and to what the server asks then."""
        if not self._under_way:
            return
        self._dialogue.stream.resets = False
        if self._greeting is None:
            self._packets.send_at_once(nobody(self._capabilities))
        self._packets.send_at_once(wrong_answer(self._memory.get(_METHOD, b"unknown").decode()))

    async def query(self, text: str) -> None:
        self._packets.begin()
        await self._packets.send(_QUERY + text.encode())
        packet = await self._packets.receive()
        kind = packet[0] if packet else _ERROR
        if kind == _ERROR:
            raise mysql_errors.of_query(packet)
        if kind == _INFILE:
            raise ProbeFailed(Reason.PROTOCOL, "the server asks for a file of this host")
        if kind == _OK:
            return
        for _ in ("columns", "rows"):
            await self._until_end()

    @property
    def key(self) -> bytes:
        """The number of the session; for the standard query there is none, because a KILL would be no quicker."""
        return str(self._greeting.thread).encode() if self._greeting and self._asks_its_own else b""

    async def stop(self, key: bytes) -> None:
        """Log in, and kill the query of the session of that number."""
        await self._authenticate()
        for statement in kill_query(int(key), self._target.query):
            await self.query(statement)
        self.end()
        await self._dialogue.until_closed()

    def end(self) -> None:
        self._packets.last_word(_QUIT)

    async def _until_end(self) -> None:
        while True:
            packet = await self._packets.receive()
            if packet[:1] == bytes([_ERROR]):
                raise mysql_errors.of_query(packet)
            if packet[:1] == bytes([_EOF]) and len(packet) < _LONGEST_EOF:
                return

    async def _limit_queries(self) -> None:
        """Have the server end a query of the user's own in time, as far as it can."""
        for statement in limits(self._target.timeout, is_mariadb=self._is_mariadb):
            try:
                await self.query(statement)
            except ProbeFailed as failed:
                if failed.reason is not Reason.QUERY:
                    raise
            else:
                break

    async def _read_only(self) -> None:
        """Make a query of the user's own harmless; ProbeFailed(QUERY) where that cannot be had."""
        try:
            await self.query(READ_ONLY)
        except ProbeFailed as failed:
            if failed.reason is Reason.QUERY:
                self.end()
                detail = f"not asked, because the session can't be made read-only: {failed.detail}"
                raise ProbeFailed(Reason.QUERY, detail, misconfigured=True) from failed
            raise

    @property
    def _asks_its_own(self) -> bool:
        return self._target.query != self._target.standard_query

    @property
    def _is_mariadb(self) -> bool:
        return self._greeting is not None and "MariaDB" in self._greeting.version

    async def _greeted(self) -> Greeting:
        """Return the server's first packet; read it, if it was not."""
        if self._greeting is None:
            packet = await self._packets.greeting(self._way.connected)
            if packet[:1] == bytes([_ERROR]):
                self._under_way = False
                raise mysql_errors.before_login(packet)
            self._greeting = read_greeting(packet)
            self._nonce, self._plugin = self._greeting.nonce, self._greeting.plugin
        return self._greeting

    def _response(self) -> bytes:
        target = self._target
        if self._plugin not in SPOKEN:
            self._plugin = NATIVE  # the server will switch to what it wants
        user = target.user.encode("utf-8", "surrogatepass")
        return response(self._capabilities, user, self._proof(), target.dbname.encode(), self._plugin)

    def _password(self) -> bytes:
        return self._target.password.reveal().encode("utf-8", "surrogatepass") if self._target.password else b""

    def _proof(self) -> bytes:
        return (native_proof if self._plugin == NATIVE else sha2_proof)(self._password(), self._nonce)

    async def _switch(self, packet: bytes) -> None:
        """Prove the password by the method that the server wants."""
        name, nonce = _asked_for(packet), packet[1:].partition(b"\0")[2]
        self._memory[_METHOD] = name.encode()
        if name in SPOKEN:
            if len(nonce.rstrip(b"\0")) != NONCE:  # a shorter one would make the proof worth less
                raise ProbeFailed(Reason.PROTOCOL, "the server's nonce is none")
            self._plugin, self._nonce = name, nonce[:NONCE]
            await self._packets.send(self._proof())
        elif self._target.socket is not None and self._target.password is None:
            await self._packets.send(b"")  # the kernel tells the server who we are
        else:
            await self._answer_wrongly(wrong_answer(name))
            raise ProbeFailed(Reason.AUTH, self._unspoken(name), misconfigured=True)

    def _unspoken(self, name: str) -> str:
        asked = shown(name.encode()) or "an old hash"
        unknown = "" if self._is_mariadb else "; it may also hide so that there is no such user"
        return f"the server asks for {asked}; it must be {NATIVE} or {SHA2}{unknown}"

    async def _more(self, data: bytes) -> None:
        if self._plugin != SHA2 or data not in {_FAST, _FULL}:
            raise ProbeFailed(Reason.PROTOCOL, "the server's answer to the password is none")
        if data == _FAST:
            return
        if self._way.private and self._target.password is not None:
            await self._packets.send(self._password() + b"\0")
            return
        await self._answer_wrongly(EMPTY_PASSWORD)
        detail = (
            "the server asks for the password itself, which it only gets inside verified TLS (tls: verify-full); "
            "it may also hide so that there is no such user"
        )
        raise ProbeFailed(Reason.AUTH, detail, misconfigured=True)

    async def _answer_wrongly(self, answer: bytes) -> None:
        """Go on with the login, without a password, until the server refuses; if it is silent, ``leave`` goes on."""
        with contextlib.suppress(ProbeFailed, OSError, TimeoutError):
            async with asyncio.timeout(_PATIENCE * self._target.timeout):  # noqa: TID251 - the failure is known
                for _ in range(_MOST_WRONG_ANSWERS):
                    await self._packets.send(answer)
                    packet = await self._login_packet()
                    if not self._under_way:
                        break
                    switched = packet[:1] == bytes([_EOF])
                    answer = wrong_answer(_asked_for(packet)) if switched else EMPTY_PASSWORD

    async def _login_packet(self) -> bytes:
        """Read what a login is answered with; after OK or an error the server waits for nothing of it any more."""
        try:
            packet = await self._packets.receive()
        except ProbeFailed:
            self._under_way = False
            raise
        self._under_way = packet[:1] not in {bytes([_OK]), bytes([_ERROR])}
        return packet


def _asked_for(switch: bytes) -> str:
    """Return the method that the server switches to."""
    return switch[1:].partition(b"\0")[0].decode("ascii", "replace")

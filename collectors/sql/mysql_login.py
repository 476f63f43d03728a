"""The login of MySQL and MariaDB, from the greeting to their yes or no.

The password is proved by mysql_native_password or caching_sha2_password. The latter's full form, which a server asks
for after its start, sends the password itself: only inside TLS whose certificate was verified, or over a Unix
socket.

These servers block a host that breaks off a hundred logins (``max_connect_errors``), with all its programs. So what is
refused here is refused by the server too: it gets the answer of a user without a name, or one that proves nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from collectors.contract import ProbeFailed
from collectors.sql import mysql_errors
from collectors.sql.dialect import Memory, Way, for_the_driver, no_tls
from collectors.sql.dialogue import Dialogue, readable
from collectors.sql.mysql_dialogue import Packets
from collectors.sql.mysql_packets import (
    CAPABILITIES,
    EMPTY_PASSWORD,
    EOF,
    ERROR,
    NATIVE,
    NONCE,
    OK,
    SHA2,
    SPOKEN,
    TLS,
    WITH_DB,
    Greeting,
    anonymous_login,
    beginning,
    native_proof,
    read_greeting,
    response,
    sha2_proof,
    wrong_answer,
)
from collectors.sql.target import DatabaseTarget
from collectors.terms import Reason

_MORE = 0x01
_FAST, _FULL = b"\x03", b"\x04"
_MOST_WRONG_ANSWERS = 4
_PATIENCE = 0.25
"""Of the timeout: how long the server's refusal is waited for, of a login that was refused here already."""
_OF_THE_DRIVER = ("mysql_clear_password", "sha256_password")
"""Methods that show the password, which a client library knows; the second works inside TLS alone."""
_METHOD = "the method that the server switched to"


class MySQLLogin:
    """One login under way; ``packets`` are those of its connection."""

    def __init__(self, dialogue: Dialogue, packets: Packets, target: DatabaseTarget, way: Way, memory: Memory) -> None:
        self._dialogue, self._packets = dialogue, packets
        self._target, self._way, self._memory = target, way, memory
        self._switched = False
        # Complete from the first: of what is sent inside TLS the server reads no capabilities any more.
        self._capabilities = CAPABILITIES | (WITH_DB if target.dbname else 0)
        self._greeting: Greeting | None = None
        self._nonce, self._plugin = b"", NATIVE
        self._under_way = True
        """The login is neither decided nor in the middle of TLS."""

    @property
    def session_number(self) -> int | None:
        """What the server calls the session; None: it has not greeted."""
        return self._greeting.thread if self._greeting else None

    @property
    def is_mariadb(self) -> bool:
        """Whether the greeting says so."""
        return self._greeting is not None and "MariaDB" in self._greeting.version

    async def secure(self, encrypt: Callable[[], Awaitable[None]]) -> None:
        """Read the greeting, and ask for TLS."""
        greeting = await self._greeted()
        if not greeting.offers & TLS:
            await self.decline()
            raise no_tls()
        self._capabilities |= TLS
        await self._packets.send(beginning(self._capabilities))
        if not self._dialogue.is_empty:
            raise ProbeFailed(Reason.PROTOCOL, "the server spoke before TLS began")
        self._under_way = False
        await encrypt()
        self._under_way = True

    async def authenticate(self) -> None:
        """Prove the password; ProbeFailed(AUTH), or whatever the server says against it."""
        await self._greeted()
        await self._packets.send(self._response())
        while True:
            packet = await self._login_packet()
            kind = packet[0] if packet else ERROR
            if kind == OK:
                break
            if kind == ERROR:
                raise mysql_errors.of_login(packet)
            if kind == EOF and not self._switched:
                self._switched = True
                await self._switch(packet)
            elif kind == _MORE:
                await self._more(packet[1:])
            else:
                raise ProbeFailed(Reason.PROTOCOL, f"a packet of kind {kind} is out of place")

    async def decline(self) -> None:
        """Have the server refuse the login; no password is sent."""
        await self._greeted()
        self._under_way = True  # also inside TLS, which was completed for this alone
        await self._answer_wrongly(anonymous_login(self._capabilities))

    def leave(self) -> None:
        """Answer in advance: to the greeting, if it has not come, and to what the server asks then."""
        if not self._under_way:
            return
        self._dialogue.stream.resets = False
        if self._greeting is None:
            self._packets.send_at_once(anonymous_login(self._capabilities))
        self._packets.send_at_once(wrong_answer(self._memory.get(_METHOD, b"unknown").decode()))

    async def _greeted(self) -> Greeting:
        """Return the server's first packet; read it, if it was not."""
        if self._greeting is None:
            packet = await self._packets.greeting(self._way.connected)
            if packet[:1] == bytes([ERROR]):
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
        asked = readable(name.encode()) or "an old hash"
        instead = f", or {for_the_driver(self._target)}" if name in _OF_THE_DRIVER else ""
        if name == _OF_THE_DRIVER[1] and self._target.socket is not None:
            instead = ", or set client: driver and, instead of the socket, host, with tls: verify-full"
        unknown = "" if self.is_mariadb else "; it may also hide so that there is no such user"
        return f"the server asks for {asked}; it must be {NATIVE} or {SHA2}{instead}{unknown}"

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
                    switched = packet[:1] == bytes([EOF])
                    answer = wrong_answer(_asked_for(packet)) if switched else EMPTY_PASSWORD

    async def _login_packet(self) -> bytes:
        """Read what a login is answered with; after OK or an error the server waits for nothing of it any more."""
        try:
            packet = await self._packets.receive()
        except ProbeFailed:
            self._under_way = False
            raise
        self._under_way = packet[:1] not in {bytes([OK]), bytes([ERROR])}
        return packet


def _asked_for(switch: bytes) -> str:
    """Return the method that the server switches to."""
    return switch[1:].partition(b"\0")[0].decode("ascii", "replace")

"""MySQL and MariaDB by their own protocol ("Client/Server Protocol" in both servers' documentation).

The password is proved by mysql_native_password or caching_sha2_password. The latter's full form, which a server asks
for after its start, sends the password itself: only inside TLS whose certificate was verified, or over a Unix
socket. A file is never sent (``LOCAL INFILE``), whoever asks.
"""

from __future__ import annotations

import contextlib
import hashlib
import struct
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from collectors import database, kernel
from collectors.contract import Context, Probe, ProbeFailed, Reason
from collectors.targets import DatabaseTarget
from collectors.wire import Wire, bounded, shown

_LONG_PASSWORD, _LONG_FLAG, _WITH_DB, _PROTOCOL_41 = 1, 4, 8, 1 << 9
_SSL, _TRANSACTIONS, _SECURE_CONNECTION, _PLUGIN_AUTH = 1 << 11, 1 << 13, 1 << 15, 1 << 19
_CAPABILITIES = _LONG_PASSWORD | _LONG_FLAG | _PROTOCOL_41 | _TRANSACTIONS | _SECURE_CONNECTION | _PLUGIN_AUTH
_UTF8MB4 = 45
_LARGEST_PACKET = 1 << 24
_VERSION_10 = 10
_OK, _MORE, _EOF, _ERROR, _INFILE = 0x00, 0x01, 0xFE, 0xFF, 0xFB
_LONGEST_EOF = 9
_FAST, _FULL = b"\x03", b"\x04"
_QUIT, _QUERY = b"\x01", b"\x03"
_NONCE = 20
_NATIVE, _SHA2 = "mysql_native_password", "caching_sha2_password"
_BEFORE_THE_TIMEOUT = 0.9
_HEAD = struct.Struct("<I")


def collector(context: Context) -> AbstractAsyncContextManager[Probe[DatabaseTarget]]:
    """Log in to MySQL and MariaDB servers, cold or kept."""
    return database.collector(MySQL, context)


class MySQL:
    """One session."""

    def __init__(self, wire: Wire, target: DatabaseTarget, connected: kernel.Moment, private: bool) -> None:  # noqa: FBT001 - the dialects' interface
        self._wire, self._target, self._connected, self._private = wire, target, connected, private
        self._sequence = 0
        self._switched = False
        self._encrypts = 0
        self._nonce, self._plugin, self._version, self._offers = b"", _NATIVE, "", 0

    async def secure(self, encrypt: Callable[[], Awaitable[None]]) -> None:
        """Take the greeting, and ask for TLS."""
        await self._take_greeting()
        if not self._offers & _SSL:
            await self.decline()
            raise ProbeFailed(
                Reason.TLS, "the server offers no TLS (tls: disable would do without)", misconfigured=True
            )
        self._encrypts = _SSL
        await self._send(self._beginning(_CAPABILITIES | _SSL))
        if not self._wire.is_empty:
            raise ProbeFailed(Reason.PROTOCOL, "the server spoke before TLS began")
        await encrypt()

    async def log_in(self) -> None:
        if not self._version:
            await self._take_greeting()
        await self._send(self._response())
        while True:
            packet = await self._packet()
            kind = packet[0] if packet else _ERROR
            if kind == _OK:
                break
            if kind == _ERROR:
                raise _error(packet, Reason.PROTOCOL)
            if kind == _EOF and not self._switched:
                self._switched = True
                await self._switch(packet)
            elif kind == _MORE:
                await self._more(packet[1:])
            else:
                raise ProbeFailed(Reason.PROTOCOL, f"a packet of kind {kind} is out of place")
        if self._target.query != self._target.standard_query:
            await self._limit_queries()

    async def _limit_queries(self) -> None:
        """Have a query of the user's own kept short and harmless; that is no part of the login."""
        self._wire.settle()
        before = self._wire.waited, self._wire.stream.round_trips
        for statement in _limits(self._version, self._target.timeout):
            await self.query(statement)
        self._wire.settle_silently()
        self._wire.waited, self._wire.stream.round_trips = before

    async def decline(self) -> None:
        """Have the login refused, as nobody without a password: who breaks off a hundred times is blocked."""
        await self._send(self._beginning(_CAPABILITIES | self._encrypts) + b"\0\0" + _NATIVE.encode() + b"\0")
        with contextlib.suppress(ProbeFailed):
            await self._packet()

    async def query(self, text: str) -> None:
        self._sequence = 0
        await self._send(_QUERY + text.encode())
        packet = await self._packet()
        kind = packet[0] if packet else _ERROR
        if kind == _ERROR:
            raise _error(packet, Reason.QUERY)
        if kind == _INFILE:
            raise ProbeFailed(Reason.PROTOCOL, "the server asks for a file of this host")
        if kind == _OK:
            return
        for _ in ("columns", "rows"):
            await self._until_end()

    def end(self) -> None:
        self._wire.channel.send_at_once(struct.pack("<I", len(_QUIT)) + _QUIT)

    async def _until_end(self) -> None:
        while True:
            packet = await self._packet()
            if packet[:1] == bytes([_ERROR]):
                raise _error(packet, Reason.QUERY)
            if packet[:1] == bytes([_EOF]) and len(packet) < _LONGEST_EOF:
                return

    async def _take_greeting(self) -> None:
        """Read the server's first packet: who it is, what it can, and the nonce."""
        (head,) = struct.unpack("<I", await self._wire.greeting(4, self._connected))
        packet = await self._wire.exactly(bounded(head & 0xFFFFFF))
        self._wire.settle_silently()
        self._sequence = 1
        if packet[:1] == bytes([_ERROR]):
            raise _error(packet, Reason.PROTOCOL)
        version, end, rest = packet[1:].partition(b"\0")
        if packet[:1] != bytes([_VERSION_10]) or not end or len(rest) < 44:  # noqa: PLR2004 - the fixed part below
            raise ProbeFailed(Reason.PROTOCOL, "this is not MySQL's greeting")
        self._version = shown(version)
        low, high = struct.unpack_from("<H", rest, 13)[0], struct.unpack_from("<H", rest, 18)[0]
        self._offers = low | high << 16
        self._nonce = (rest[4:12] + rest[31:43])[:_NONCE]
        self._plugin = rest[44:].partition(b"\0")[0].decode("ascii", "replace") or _NATIVE

    def _beginning(self, capabilities: int) -> bytes:
        return struct.pack("<IIB23x", capabilities, _LARGEST_PACKET, _UTF8MB4)

    def _response(self) -> bytes:
        target = self._target
        capabilities = _CAPABILITIES | self._encrypts | (_WITH_DB if target.dbname else 0)
        if self._plugin not in {_NATIVE, _SHA2}:
            self._plugin = _NATIVE  # the server will switch to what it wants
        proof = self._proof()
        database_name = target.dbname.encode() + b"\0" if target.dbname else b""
        return (
            self._beginning(capabilities)
            + target.user.encode("utf-8", "surrogatepass")
            + b"\0"
            + bytes([len(proof)])
            + proof
            + database_name
            + self._plugin.encode("ascii")
            + b"\0"
        )

    def _proof(self) -> bytes:
        password = self._target.password.reveal().encode("utf-8", "surrogatepass") if self._target.password else b""
        return (native_proof if self._plugin == _NATIVE else sha2_proof)(password, self._nonce)

    async def _switch(self, packet: bytes) -> None:
        """Prove the password by the method that the server wants."""
        plugin, _, nonce = packet[1:].partition(b"\0")
        name = shown(plugin)
        if name in {_NATIVE, _SHA2}:
            if len(nonce.rstrip(b"\0")) != _NONCE:  # a shorter one would make the proof worth less
                raise ProbeFailed(Reason.PROTOCOL, "the server's nonce is none")
            self._plugin, self._nonce = name, nonce[:_NONCE]
            await self._send(self._proof())
        elif self._target.socket is not None and self._target.password is None:
            await self._send(b"")  # the kernel tells the server who we are
        else:
            detail = f"the server asks for {name or 'an old hash'}; it must be {_NATIVE} or {_SHA2}"
            raise ProbeFailed(Reason.AUTH, detail, misconfigured=True)

    async def _more(self, data: bytes) -> None:
        if self._plugin != _SHA2 or data not in {_FAST, _FULL}:
            raise ProbeFailed(Reason.PROTOCOL, "the server's answer to the password is none")
        if data == _FAST:
            return
        if not self._private or self._target.password is None:
            detail = (
                "the server asks for the password itself, which it only gets inside verified TLS (tls: verify-full)"
            )
            raise ProbeFailed(Reason.AUTH, detail, misconfigured=True)
        await self._send(self._target.password.reveal().encode("utf-8", "surrogatepass") + b"\0")

    async def _send(self, payload: bytes) -> None:
        await self._wire.send(struct.pack("<I", len(payload) | self._sequence << 24) + payload)
        self._sequence = (self._sequence + 1) % 256

    async def _packet(self) -> bytes:
        (head,), body = await self._wire.message(_HEAD, _body_length)
        self._sequence = ((head >> 24) + 1) % 256
        return body


def _body_length(head: int) -> int:
    return head & 0xFFFFFF


def native_proof(password: bytes, nonce: bytes) -> bytes:
    """Return SHA1(password) XOR SHA1(nonce + SHA1(SHA1(password))); nothing for no password."""
    if not password:
        return b""
    once = hashlib.sha1(password).digest()  # noqa: S324 - the protocol's
    mask = hashlib.sha1(nonce + hashlib.sha1(once).digest()).digest()  # noqa: S324 - likewise
    return bytes(one ^ other for one, other in zip(once, mask, strict=True))


def sha2_proof(password: bytes, nonce: bytes) -> bytes:
    """Return SHA256(password) XOR SHA256(SHA256(SHA256(password)) + nonce); nothing for no password."""
    if not password:
        return b""
    once = hashlib.sha256(password).digest()
    mask = hashlib.sha256(hashlib.sha256(once).digest() + nonce).digest()
    return bytes(one ^ other for one, other in zip(once, mask, strict=True))


def _limits(version: str, timeout: float) -> tuple[str, str]:
    """Return what keeps a query of the user's own short and harmless."""
    limit = timeout * _BEFORE_THE_TIMEOUT
    longest = (
        f"SET SESSION max_statement_time = {limit:.3f}"
        if "MariaDB" in version
        else f"SET SESSION max_execution_time = {max(1, round(limit * 1000))}"
    )
    return longest, "SET SESSION TRANSACTION READ ONLY"


_BY_NUMBER = {
    1040: Reason.LIMIT,  # too many connections
    1203: Reason.LIMIT,  # too many connections of this user
    1226: Reason.LIMIT,  # a user's resource limit
    1135: Reason.LIMIT,  # no thread for it
    1129: Reason.REFUSED,  # the host is blocked
    1130: Reason.AUTH,  # the host may not connect
    1044: Reason.AUTH,
    1045: Reason.AUTH,
    1049: Reason.AUTH,  # unknown database
    1251: Reason.AUTH,  # a method of authentication that it does not take
    1698: Reason.AUTH,
    1820: Reason.AUTH,  # the password has to be changed
    1862: Reason.AUTH,  # it has expired
    3118: Reason.AUTH,  # the account is locked
    3159: Reason.AUTH,  # it insists on TLS
    4151: Reason.AUTH,  # locked, in MariaDB
    1053: Reason.RESET,  # server shutdown in progress
    1927: Reason.RESET,  # connection was killed
    4031: Reason.RESET,  # disconnected for inactivity
}
_CONFIGURATION = {1129, 1130, 1044, 1045, 1049, 1251, 1698, 1820, 1862, 3118, 3159, 4151}


def _error(packet: bytes, otherwise: Reason) -> ProbeFailed:
    """Classify an error packet by its number, which is not translated as its text is."""
    if len(packet) < 3:  # noqa: PLR2004 - kind and number
        return ProbeFailed(Reason.PROTOCOL, "an error without a number")
    (number,) = struct.unpack_from("<H", packet, 1)
    text = packet[9:] if packet[3:4] == b"#" else packet[3:]
    denied = otherwise is Reason.QUERY and number == 1044  # noqa: PLR2004 - of a table, not of the login
    reason = otherwise if denied else _BY_NUMBER.get(number, otherwise)
    return ProbeFailed(reason, f"{number}: {shown(text)}", misconfigured=number in _CONFIGURATION)

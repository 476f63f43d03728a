"""PostgreSQL by its own protocol, version 3 (PostgreSQL's documentation, chapter "Frontend/Backend Protocol").

A password is proved by SCRAM-SHA-256 and never shown: a server that asks for it in clear text, or hashed by MD5,
or that lets us in without asking, is refused; it may be an impostor's. Without a password whatever the
server accepts will do (``peer`` on a Unix socket).
"""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from collectors.contract import Context, Probe, ProbeFailed
from collectors.sql import postgresql_errors, session
from collectors.sql.dialect import Memory, Way, for_the_driver, no_tls
from collectors.sql.dialogue import Dialogue, bounded, readable
from collectors.sql.driven_postgresql import PostgreSQLDriver
from collectors.sql.postgresql_statements import statement
from collectors.sql.refusals import StrangerError
from collectors.sql.scram import MECHANISM, Scram
from collectors.sql.target import DatabaseTarget
from collectors.terms import Reason

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_CANCEL_REQUEST = 80877102
_LONGEST_KEY = 260
"""Bytes: the process, and a secret of up to 256 (protocol 3.2; ours is 3.0, where it has 4)."""
_PROTOCOL = 3 << 16
_TERMINATE = b"X\0\0\0\4"
_GSS, _SSPI, _SASL, _SASL_CONTINUE, _SASL_FINAL = 7, 9, 10, 11, 12
_REFUSED_METHODS = {3: "the password in clear text", 5: "an MD5 hash of the password"}
_ASIDE = b"SNKAI"
"""ParameterStatus, Notice, BackendKeyData, Notification, EmptyQueryResponse: nothing to do for us."""
_ROWS = b"TDCAIHdc"
"""Also what COPY TO STDOUT says."""
_FIRST = b"RvZ" + _ASIDE
"""Kinds of what comes first, beside errors."""
_MYSQL = b"\0\0\0\n"
"""MySQL's greeting, after a byte that may be any; no first message of PostgreSQL is so long."""
_IN_A_QUERY = _ROWS + _ASIDE
_HEAD = struct.Struct("!ci")


def collector(context: Context) -> AbstractAsyncContextManager[Probe[DatabaseTarget]]:
    """Log in to PostgreSQL servers, and ask them."""
    return session.collector(PostgreSQL, PostgreSQLDriver, context, "postgresql")


class PostgreSQL:
    """One session."""

    counts_broken_logins = False

    def __init__(self, dialogue: Dialogue, target: DatabaseTarget, _way: Way, memory: Memory) -> None:
        self._dialogue, self._target = dialogue, target
        password = target.password
        self._scram = Scram(password, memory, target.timeout) if password is not None else None
        self._proved = self._scram is None
        self._admitted = False
        self.key = b""

    async def secure(self, encrypt: Callable[[], Awaitable[None]]) -> None:
        """Ask for TLS; 'N' is no, and whatever else but 'S' is no PostgreSQL."""
        await self._dialogue.send(_SSL_REQUEST)
        answer = await self._dialogue.exactly(1)
        if answer == b"N" and self._dialogue.is_empty:
            raise no_tls()
        if answer == b"E":
            raise await self._refused()
        if answer != b"S" or not self._dialogue.is_empty:  # what follows in clear text may be anybody's
            raise StrangerError("the answer to the request for TLS is not PostgreSQL's; is type right?")
        await encrypt()

    async def log_in(self) -> None:
        await self._dialogue.send(_startup(self._target))
        kind, body = await self._first_message()
        while True:
            if kind == b"R":
                await self._authenticate(body)
            elif kind == b"Z" and self._admitted:
                return
            elif kind == b"E":
                raise postgresql_errors.of_login(body)
            elif kind == b"K" and len(body) <= _LONGEST_KEY:
                self.key = body
            elif kind not in _ASIDE:
                raise _unexpected(kind)
            kind, body = await self._message()

    async def decline(self) -> None:
        """Do nothing: PostgreSQL blocks no host, and one closed connection is enough."""

    def leave(self) -> None:
        """Do nothing, likewise."""

    async def query(self, text: str) -> None:
        data = statement(self._target, text).encode() + b"\0"
        await self._dialogue.send(b"Q" + struct.pack("!i", len(data) + 4) + data)
        error = b""
        while True:
            kind, body = await self._message()
            if kind == b"E":
                error = body
                if postgresql_errors.ends_the_session(body):
                    raise postgresql_errors.of_query(body)
            elif kind == b"Z":
                if error:
                    raise postgresql_errors.of_query(error)
                return
            elif kind == b"G":
                raise ProbeFailed(
                    Reason.QUERY, "it asks for data (COPY FROM STDIN); nothing is sent", misconfigured=True
                )
            elif kind not in _IN_A_QUERY:
                raise _unexpected(kind)

    async def stop(self, key: bytes) -> None:
        """Send a CancelRequest. The server, or PgBouncer, closes the connection when it has passed it on."""
        await self._dialogue.send(struct.pack("!ii", 8 + len(key), _CANCEL_REQUEST) + key)
        await self._dialogue.until_closed()

    def end(self) -> None:
        self._dialogue.channel.send_at_once(_TERMINATE)

    async def _authenticate(self, body: bytes) -> None:
        if len(body) < 4:  # noqa: PLR2004 - the code's
            raise ProbeFailed(Reason.PROTOCOL, "a request for authentication without its kind")
        (code,) = struct.unpack_from("!i", body)
        if code == 0:
            self._admitted = True
            if not self._proved:
                raise ProbeFailed(Reason.AUTH, "the server did not ask for the password: trust, or an impostor")
            return
        if code in {_GSS, _SSPI}:
            alone = ", without a password" if self._target.password else ""
            detail = f"the server asks for a ticket (GSSAPI); set client: driver{alone}"
            raise ProbeFailed(Reason.AUTH, detail, misconfigured=True)
        if self._scram is None:
            raise ProbeFailed(Reason.AUTH, "the server asks for a password; add password_file", misconfigured=True)
        if code == _SASL and MECHANISM.encode() in body[4:].split(b"\0"):
            first = self._scram.first()
            answer = f"{MECHANISM}\0".encode() + struct.pack("!i", len(first)) + first
        elif code == _SASL_CONTINUE:
            answer = await self._scram.final(body[4:])
        elif code == _SASL_FINAL:
            self._scram.verify(body[4:])
            self._proved = True
            return
        else:
            asked = _REFUSED_METHODS.get(code, f"a method that is not spoken here ({code})")
            instead = f", or {for_the_driver(self._target)}" if code in _REFUSED_METHODS else ""
            detail = f"the server asks for {asked}; it must be {MECHANISM}{instead}"
            raise ProbeFailed(Reason.AUTH, detail, misconfigured=True)
        await self._dialogue.send(b"p" + struct.pack("!i", len(answer) + 4) + answer)

    async def _first_message(self) -> tuple[bytes, bytes]:
        """Read the first answer to the startup message, which may be a refusal in the oldest of formats."""
        kind = await self._dialogue.exactly(1)
        if kind == b"E":
            raise await self._refused()
        head = await self._dialogue.exactly(4)
        if kind not in _FIRST or head == _MYSQL:
            raise StrangerError("this is not PostgreSQL's answer; is type right?")
        (length,) = struct.unpack("!i", head)
        return kind, await self._dialogue.exactly(bounded(length - 4))

    async def _refused(self) -> ProbeFailed:
        """Read the rest of an error that begins a conversation, after its 'E'; without a length it is text alone.

        A server that cannot start a process for us speaks so, whatever its version.
        """
        head = await self._dialogue.exactly(4)
        if head.isascii() and head.decode("ascii").isprintable():
            return ProbeFailed(Reason.REFUSED, readable(await self._dialogue.text(head)))
        (length,) = struct.unpack("!i", head)
        return postgresql_errors.of_login(await self._dialogue.exactly(bounded(length - 4)))

    async def _message(self) -> tuple[bytes, bytes]:
        (kind, _), body = await self._dialogue.message(_HEAD, _body_length)
        return kind, body


def _body_length(_kind: bytes, length: int) -> int:
    return length - 4  # it counts itself


def _startup(target: DatabaseTarget) -> bytes:
    settings = [("user", target.user), ("application_name", "latency-exporter"), ("client_encoding", "UTF8")]
    if target.dbname:
        settings.append(("database", target.dbname))
    body = b"".join(f"{name}\0{value}\0".encode("utf-8", "surrogatepass") for name, value in settings) + b"\0"
    return struct.pack("!ii", len(body) + 8, _PROTOCOL) + body


def _unexpected(kind: bytes) -> ProbeFailed:
    return ProbeFailed(Reason.PROTOCOL, f"a message of kind {readable(kind)!r} is out of place")

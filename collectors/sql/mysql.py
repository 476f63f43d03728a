"""MySQL and MariaDB by their own protocol ("Client/Server Protocol" in both servers' documentation).

A file is never sent (``LOCAL INFILE``), whoever asks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from collectors.contract import Context, Probe, ProbeFailed
from collectors.sql import mysql_errors, session
from collectors.sql.dialect import Memory, Way
from collectors.sql.dialogue import Dialogue
from collectors.sql.driven_mysql import MySQLDriver
from collectors.sql.mysql_dialogue import Packets
from collectors.sql.mysql_login import MySQLLogin
from collectors.sql.mysql_packets import EOF, ERROR, OK
from collectors.sql.mysql_statements import READ_ONLY, kill_query, limits
from collectors.sql.target import DatabaseTarget
from collectors.terms import Reason

_INFILE = 0xFB
_LONGEST_EOF = 9
_QUIT, _QUERY = b"\x01", b"\x03"


def collector(context: Context) -> AbstractAsyncContextManager[Probe[DatabaseTarget]]:
    """Log in to MySQL and MariaDB servers, and ask them."""
    return session.collector(MySQL, MySQLDriver, context)


class MySQL:
    """One session."""

    counts_broken_logins = True

    def __init__(self, dialogue: Dialogue, target: DatabaseTarget, way: Way, memory: Memory) -> None:
        self._dialogue, self._target = dialogue, target
        self._packets = Packets(dialogue)
        self._login = MySQLLogin(dialogue, self._packets, target, way, memory)

    async def secure(self, encrypt: Callable[[], Awaitable[None]]) -> None:
        await self._login.secure(encrypt)

    async def decline(self) -> None:
        await self._login.decline()

    def leave(self) -> None:
        self._login.leave()

    async def log_in(self) -> None:
        await self._login.authenticate()
        if self._asks_its_own:
            with self._dialogue.uncounted():
                await self._limit_queries()
                await self._read_only()

    async def query(self, text: str) -> None:
        self._packets.begin()
        await self._packets.send(_QUERY + text.encode())
        packet = await self._packets.receive()
        kind = packet[0] if packet else ERROR
        if kind == ERROR:
            raise mysql_errors.of_query(packet)
        if kind == _INFILE:
            raise ProbeFailed(Reason.PROTOCOL, "the server asks for a file of this host")
        if kind == OK:
            return
        for _ in ("columns", "rows"):
            await self._until_end()

    @property
    def key(self) -> bytes:
        """The number of the session; for the standard query there is none, because a KILL would be no quicker."""
        number = self._login.session_number
        return b"" if number is None or not self._asks_its_own else str(number).encode()

    async def stop(self, key: bytes) -> None:
        """Log in, and kill the query of the session of that number."""
        await self._login.authenticate()
        for statement in kill_query(int(key), self._target.query):
            await self.query(statement)
        self.end()
        await self._dialogue.until_closed()

    def end(self) -> None:
        self._packets.last_word(_QUIT)

    async def _until_end(self) -> None:
        while True:
            packet = await self._packets.receive()
            if packet[:1] == bytes([ERROR]):
                raise mysql_errors.of_query(packet)
            if packet[:1] == bytes([EOF]) and len(packet) < _LONGEST_EOF:
                return

    async def _limit_queries(self) -> None:
        """Have the server end a query of the user's own in time, as far as it can."""
        for statement in limits(self._target.timeout, is_mariadb=self._login.is_mariadb):
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

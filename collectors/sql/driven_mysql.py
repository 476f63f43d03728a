"""MySQL and MariaDB by mysql-connector-python, which gets a socket that is connected and shows where TLS ends."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

from collectors import failures
from collectors.contract import Facts, ProbeFailed
from collectors.drivers.turn import Turn
from collectors.sql import mysql_errors
from collectors.sql.dialect import no_tls
from collectors.sql.login import ROOM
from collectors.sql.mysql_statements import READ_ONLY, limits
from collectors.sql.pauses import Pauses
from collectors.sql.reach import Reach, Reached
from collectors.sql.target import DatabaseTarget
from collectors.terms import Phase, Reason, Seconds
from collectors.transport.trust import Contexts

_LOST = {2006, 2013, 2055}
"""The library's numbers of a connection that has ended."""


class Prepared(NamedTuple):
    """A connection on which nothing was sent yet, and how it is to be encrypted."""

    stack: contextlib.ExitStack
    reached: Reached
    context: ssl.SSLContext | None


class MySQLDriver:
    """Logs in by mysql-connector-python."""

    def __init__(self, reach: Reach) -> None:
        self._reach, self._contexts, self._pauses = reach, Contexts(), Pauses()
        self._library: Any = None

    async def prepare(self, target: DatabaseTarget, facts: Facts, phases: dict[Phase, Seconds]) -> Prepared:
        self._library = self._library or await asyncio.to_thread(_library)
        context = None
        if target.socket is None and target.tls != "disable":
            verify, names = target.tls != "require", target.tls == "verify-full"
            context = self._contexts.get(target.tls_ca_file, target.own_certificate, verify=verify, names=names)
        self._pauses.respect(target.server, context, time.monotonic())
        with contextlib.ExitStack() as stack:
            reached = await self._reach.connect(stack, target, facts, phases)
            return Prepared(stack.pop_all(), reached, context)

    def log_in(self, target: DatabaseTarget, prepared: Prepared, turn: Turn) -> _MySQLSession:
        try:
            session = _MySQLSession(self._library, target, prepared, turn)
        except ProbeFailed as failed:
            if failed.reason is Reason.TLS and not turn.is_over:
                self._pauses.begin(target.server, prepared.context, failed, time.monotonic())
            raise
        self._pauses.end(target.server)
        return session


class _MySQLSession:
    def __init__(self, library: Any, target: DatabaseTarget, prepared: Prepared, turn: Turn) -> None:  # noqa: ANN401 - see ``_library``
        self._mysql, self._target = library, target
        self.handshake = prepared.reached.handshake
        reached, close, context = prepared.reached, prepared.stack.close, prepared.context
        host = target.address.rstrip(".")
        try:
            self._connection = library.Connection(
                library.Link(reached.sock, close, context, host, private=target.is_private)
            )
        except OSError as error:
            close()
            raise failures.from_os_error(error) from None
        with self._translated(Reason.AUTH):
            turn.facts.phase = Phase.AUTH if context is None else Phase.TLS
            password = target.password.reveal() if target.password is not None else ""
            self._connection.log_in(target.user, password, target.dbname, ROOM, turn)
            self._time(reached, time.monotonic())
        with self._translated(Reason.QUERY):
            self._restrict(turn)

    def ask(self, turn: Turn) -> None:
        with self._translated(Reason.QUERY):
            self._connection.query(self._target.query, ROOM, turn)

    def is_quiet(self) -> bool:
        return bool(self._connection.is_quiet())

    def end(self) -> None:
        self._connection.part()

    def _time(self, reached: Reached, logged_in: Seconds) -> None:
        """Note how long the login and its phases took, by the user clock."""
        connected, secured = reached.connected.monotonic, self._connection.secured
        self.took = logged_in - connected
        self.phases: dict[Phase, Seconds] = {} if secured is None else {Phase.TLS: secured - connected}
        self.phases[Phase.AUTH] = logged_in - (secured or connected)
        if self.handshake is not None:
            self.took += self.handshake.took if self.handshake.rtt is None else self.handshake.rtt

    def _restrict(self, turn: Turn) -> None:
        """Let a query of the user's own read only, and have the server end it in time, as far as it can."""
        if self._target.query == self._target.standard_query:
            return
        for limit in limits(self._target.timeout, is_mariadb=self._connection.is_mariadb):
            try:
                self._connection.query(limit, ROOM, turn)
            except self._mysql.Error as error:
                if error.errno in _LOST:
                    raise
            else:
                break
        self._connection.query(READ_ONLY, ROOM, turn)

    @contextlib.contextmanager
    def _translated(self, otherwise: Reason) -> Iterator[None]:
        """Close after whatever goes wrong, and say it in our words; the error would hold the server's."""
        try:
            yield
        except BaseException as error:
            number, _ = self._mysql.number_of(error)
            if otherwise is Reason.QUERY and number and number not in _LOST:
                self._connection.part()  # the server has answered, and is told goodbye
            self._connection.close()
            if isinstance(error, ProbeFailed) or not isinstance(error, Exception):
                raise
            raise self._failed(error, otherwise) from None

    def _failed(self, error: Exception, otherwise: Reason) -> ProbeFailed:
        if isinstance(error, self._mysql.TlsNotOffered):
            return no_tls()
        if (cause := _cause(error)) is not None:
            return _ended(cause)
        number, sqlstate = self._mysql.number_of(error)
        if number in _LOST:
            return ProbeFailed(Reason.RESET, "the server closed the connection")
        if number:
            return mysql_errors.by_number(number, sqlstate, otherwise)
        return ProbeFailed(Reason.PROTOCOL, "the client library makes no sense of what the server sends")


def _library() -> ModuleType:
    """Import what only a host with such a database needs: megabytes, and a tenth of a second."""
    from collectors.drivers import mysql  # noqa: PLC0415 - see above

    return mysql


def _cause(error: BaseException | None) -> OSError | None:
    """Return the error of the socket that a library's error was made of, and that perhaps of another one."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__
    return error


def _ended(error: OSError) -> ProbeFailed:
    if isinstance(error, TimeoutError):
        return ProbeFailed(Reason.TIMEOUT, "no answer in time")
    return failures.from_os_error(error)

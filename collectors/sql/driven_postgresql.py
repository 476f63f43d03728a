"""PostgreSQL by psycopg2. libpq connects, begins TLS and logs in; what can be seen of that is TCP's handshake."""

from __future__ import annotations

import time
from collections.abc import Sequence

from collectors.contract import Facts, ProbeFailed
from collectors.drivers import postgresql
from collectors.drivers.turn import Turn
from collectors.sql.login import ROOM
from collectors.sql.postgresql_statements import statement
from collectors.sql.reach import Reach
from collectors.sql.refusals import Refusals, StrangerError
from collectors.sql.target import DatabaseTarget
from collectors.terms import Phase, Reason, Seconds


class PostgreSQLDriver:
    """Logs in by psycopg2."""

    def __init__(self, reach: Reach) -> None:
        self._reach, self._refusals = reach, Refusals()

    async def prepare(self, target: DatabaseTarget, facts: Facts, phases: dict[Phase, Seconds]) -> Sequence[str]:
        """Return the addresses to connect to; for a Unix socket an empty one."""
        self._refusals.avoid_stranger(target.server, time.monotonic())
        if target.socket is not None:
            return [""]
        return (await self._reach.resolve(target, facts, phases))[1]

    def log_in(self, target: DatabaseTarget, prepared: Sequence[str], turn: Turn) -> _PostgreSQLSession:
        try:
            session = _PostgreSQLSession(target, prepared, turn)
        except ProbeFailed as failed:
            if failed.reason is Reason.PROTOCOL and failed.misconfigured:
                self._refusals.of_stranger(target.server, StrangerError(failed.detail), time.monotonic())
            raise
        self._refusals.forget(target.server)
        return session


class _PostgreSQLSession:
    def __init__(self, target: DatabaseTarget, addresses: Sequence[str], turn: Turn) -> None:
        self._query = statement(target, target.query)
        self._connection = postgresql.log_in(target, addresses, turn)
        logged_in = time.monotonic()
        self.handshake = self._connection.handshake
        self.took = logged_in - self._connection.began
        self.phases: dict[Phase, Seconds] = {}
        if self.handshake is not None and self.handshake.rtt is not None:
            self.phases[Phase.CONNECT] = self.handshake.rtt
        if target.socket is not None or target.tls == "disable":
            self.phases[Phase.AUTH] = logged_in - self._connection.connected

    def ask(self, turn: Turn) -> None:
        self._connection.ask("query", self._query, None, turn, ROOM)

    def is_quiet(self) -> bool:
        return self._connection.is_quiet()

    def end(self) -> None:
        self._connection.part()

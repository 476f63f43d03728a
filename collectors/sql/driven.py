"""Databases whose own client library logs in and asks, in a thread for each target: a login, or a query on one session.

All times but TCP's handshake are by the user clock, in that thread. What the library does not show is in no phase, and
how often it waits for the server is not known.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

from collectors.contract import Facts, ProbeFailed
from collectors.drivers.turn import Turn
from collectors.drivers.worker import Worker
from collectors.replies import Login, Query, Reply
from collectors.sql.login import has_another_password
from collectors.sql.target import DatabaseTarget
from collectors.terms import Clock, Phase, Reason, Seconds
from collectors.transport.connection import Handshake

_UNDER_WAY: Seconds = 0.1
"""A session that ends within this time and a round trip was ending before the query reached the server."""

W = TypeVar("W")


class DrivenSession(Protocol):
    """A session of a client library, in the thread; whatever goes wrong, it is closed."""

    @property
    def handshake(self) -> Handshake | None:
        """TCP's; None for a Unix socket."""

    @property
    def took(self) -> Seconds:
        """From the first packet to logged in."""

    @property
    def phases(self) -> Mapping[Phase, Seconds]:
        """Those of the login that the library shows."""

    def ask(self, turn: Turn) -> None:
        """Send the query, and read all of the answer; ProbeFailed."""

    def is_quiet(self) -> bool:
        """Return whether nothing has come since it was asked last, an end of the session included."""

    def end(self) -> None:
        """Log out, without waiting for an answer."""


class Driver(Protocol[W]):
    """What a client library is given, and how it logs in."""

    async def prepare(self, target: DatabaseTarget, facts: Facts, phases: dict[Phase, Seconds]) -> W:
        """Do what precedes the thread's part: the lookup of the name, or all until the connection; ProbeFailed."""

    def log_in(self, target: DatabaseTarget, prepared: W, turn: Turn) -> DrivenSession:
        """Log in, in the thread; what was prepared is its to close. ProbeFailed."""


class _DrivenDatabase(Generic[W]):
    """One target: its thread, and what that keeps."""

    def __init__(self, driver: Driver[W], target: DatabaseTarget) -> None:
        self._driver, self.target = driver, target
        self._worker = Worker("database")
        self._kept: DrivenSession | None = None

    async def probe(self, facts: Facts) -> Reply:
        return await (self._log_in(facts) if self.target.logs_in else self._ask(facts))

    async def _log_in(self, facts: Facts) -> Login:
        phases: dict[Phase, Seconds] = {}
        prepared = await self._driver.prepare(self.target, facts, phases)

        def work(turn: Turn) -> Login:
            session = self._driver.log_in(self.target, prepared, turn)
            asked = _asked(session, turn)
            session.end()
            handshake = session.handshake
            return Login(
                rtt=handshake and handshake.rtt,
                clock=Clock.USER,
                duration=session.took,
                round_trips=None,
                phases={**phases, **session.phases, Phase.QUERY: asked},
            )

        return await self._worker.run(work, self.target.timeout, facts)

    async def _ask(self, facts: Facts) -> Query:
        """Ask on the session that is kept; on a new one if there is none, or if it had ended before the query."""
        response = await self._worker.run(self._ask_on_kept, self.target.timeout, facts)
        if response is None:
            prepared = await self._driver.prepare(self.target, facts, {})

            def work(turn: Turn) -> Seconds:
                return self._ask_and_keep(self._driver.log_in(self.target, prepared, turn), turn)

            response = await self._worker.run(work, self.target.timeout, facts)
        return Query(response, Clock.USER)

    def end(self) -> None:
        self._worker.end(self._end)

    def _end(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.end()

    def _ask_on_kept(self, turn: Turn) -> Seconds | None:
        session = self._kept
        if session is None:
            return None
        if not session.is_quiet():
            self._end()
            return None
        self._kept, asked = None, time.monotonic()
        try:
            return self._ask_and_keep(session, turn)
        except ProbeFailed as failed:
            rtt = (session.handshake and session.handshake.rtt) or 0.0
            if failed.reason is not Reason.RESET or time.monotonic() - asked > rtt + _UNDER_WAY:
                raise
        return None

    def _ask_and_keep(self, session: DrivenSession, turn: Turn) -> Seconds:
        response = _asked(session, turn)
        if self.target.kept:
            self._kept = session
        else:
            session.end()
        return response


def _asked(session: DrivenSession, turn: Turn) -> Seconds:
    turn.facts.phase, began = Phase.QUERY, time.monotonic()
    session.ask(turn)
    return time.monotonic() - began


class DrivenDatabases(Generic[W]):
    """Probes by logins and by queries; keeps a thread for each target, and a session for each of queries."""

    def __init__(self, driver: Driver[W]) -> None:
        self._driver = driver
        self._databases: dict[int, _DrivenDatabase[W]] = {}
        """By the identity of the target, as in ``collectors.sql.session``."""

    async def probe(self, target: DatabaseTarget, facts: Facts) -> Reply:
        """Probe once; once more where a login is refused, and another password stands in its file by now."""
        database = self._databases.get(id(target))
        if database is None:
            database = self._databases[id(target)] = _DrivenDatabase(self._driver, target)
        with contextlib.ExitStack() as stack:
            if not target.kept:
                stack.callback(self.forget, target)
            try:
                return await database.probe(facts)
            except ProbeFailed as failed:
                if not await has_another_password(target, failed):
                    raise
            return await database.probe(facts)

    def forget(self, target: DatabaseTarget) -> None:
        """End what is kept for a target."""
        database = self._databases.pop(id(target), None)
        if database is not None:
            database.end()

    def close(self) -> None:
        """End all that is kept."""
        for database in list(self._databases.values()):
            self.forget(database.target)

"""What all databases have in common: a connection for one login, or one that is kept for many queries.

A login's phases are those of ``collectors.sql.login``, and ``query``: its first query, to the last byte of the answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
from collections.abc import AsyncIterator, Callable
from typing import Any

from collectors import kernel
from collectors.contract import Context, Facts, Probe, ProbeFailed, one_by_one
from collectors.replies import Login, Query, Reply
from collectors.sql.dialect import Memory, Speak
from collectors.sql.driven import DrivenDatabases, Driver
from collectors.sql.login import ROOM, LoggedIn, Logins
from collectors.sql.reach import Reach
from collectors.sql.target import DatabaseTarget
from collectors.sql.withdrawals import Withdrawals
from collectors.terms import Phase, Reason, Seconds
from collectors.transport import connection

_UNDER_WAY: Seconds = 0.1
"""Beyond a round trip: an end of the connection that is noticed so soon was under way when we asked."""


@dataclasses.dataclass(slots=True)
class _Known:
    """A target, and what is kept for it until it is forgotten."""

    target: DatabaseTarget
    memory: Memory = dataclasses.field(default_factory=dict)
    kept: _Kept | None = None


@dataclasses.dataclass(slots=True)
class _Kept:
    """A connection between two queries."""

    stack: contextlib.ExitStack
    logged_in: LoggedIn

    def end(self) -> None:
        """Log out and close."""
        self.logged_in.session.end()
        self.stack.close()


class Databases:
    """Probes by logins and by queries; keeps a session for each target of queries."""

    def __init__(self, logins: Logins) -> None:
        self._logins, self._withdrawals = logins, Withdrawals(logins)
        self._loop = asyncio.get_running_loop()
        self._known: dict[int, _Known] = {}
        """By the identity of the target: an equal one, of another database or a probe for people, has its own."""

    async def probe(self, target: DatabaseTarget, facts: Facts) -> Reply:
        """Probe by a login, or by a query on the connection that is kept."""
        known = self._known.get(id(target)) or self._known.setdefault(id(target), _Known(target))
        return await (self._by_login(known, facts) if target.logs_in else self._by_query(known, facts))

    def forget(self, target: DatabaseTarget) -> None:
        """End what is kept for a target."""
        known = self._known.pop(id(target), None)
        if known is not None and known.kept is not None:
            known.kept.end()

    def close(self) -> None:
        """End all that is kept."""
        for known in list(self._known.values()):
            self.forget(known.target)

    async def _by_login(self, known: _Known, facts: Facts) -> Login:
        phases: dict[Phase, Seconds] = {}
        with contextlib.ExitStack() as stack:
            logged_in = await self._log_in(stack, known, facts, phases)
            session, dialogue, handshake = logged_in
            round_trips = dialogue.stream.round_trips + (handshake is not None)
            took = sum(phases.values()) - phases.get(Phase.DNS, 0.0)
            if handshake is not None and handshake.rtt is None:
                took += handshake.took
            await self._ask(stack, logged_in, known, facts)
            phases[Phase.QUERY] = dialogue.take_server_time()
            session.end()
            return Login(
                rtt=handshake and handshake.rtt,
                clock=connection.coarser(handshake, dialogue.stream.clock),
                duration=took,
                round_trips=round_trips,
                phases=phases,
            )

    async def _by_query(self, known: _Known, facts: Facts) -> Query:
        """Ask on the kept connection; on a new one if there is none, or if the kept one had ended before the query."""
        kept, known.kept = known.kept, None
        if kept is not None and kept.logged_in.dialogue.is_quiet():
            asked = self._loop.time()
            try:
                return await self._ask_on(kept, known, facts)
            except ProbeFailed as failed:
                if failed.reason is not Reason.RESET or self._loop.time() - asked > _rtt(kept) + _UNDER_WAY:
                    raise
        elif kept is not None:
            kept.end()
        return await self._ask_on(await self._begin(known, facts), known, facts)

    async def _ask_on(self, kept: _Kept, known: _Known, facts: Facts) -> Query:
        """Ask on a connection, which is kept unless something goes wrong."""
        session, dialogue, _ = kept.logged_in
        dialogue.stream.renew(ROOM, facts)
        with kept.stack as stack:
            await self._ask(stack, kept.logged_in, known, facts)
            response = dialogue.take_server_time()
            if not dialogue.is_empty:
                raise ProbeFailed(Reason.PROTOCOL, "the server says more than was asked")
            if known.target.kept:
                known.kept = _Kept(stack.pop_all(), kept.logged_in)
            else:
                session.end()
            return Query(response, dialogue.stream.take_clock())

    async def _begin(self, known: _Known, facts: Facts) -> _Kept:
        with contextlib.ExitStack() as stack:
            logged_in = await self._log_in(stack, known, facts, {})
            logged_in.dialogue.stream.take_clock()
            return _Kept(stack.pop_all(), logged_in)

    async def _log_in(
        self, stack: contextlib.ExitStack, known: _Known, facts: Facts, phases: dict[Phase, Seconds]
    ) -> LoggedIn:
        """Log in when no query is being withdrawn any more: those sessions count against the server's limits."""
        log_in = functools.partial(self._logins.log_in, stack, known.target, facts, phases, known.memory)
        await self._withdrawals.over(known.target)
        try:
            return await log_in()
        except ProbeFailed as failed:
            if failed.reason is not Reason.LIMIT or not await self._withdrawals.over(known.target):
                raise
        stack.close()
        phases.clear()
        return await log_in()

    async def _ask(self, stack: contextlib.ExitStack, logged_in: LoggedIn, known: _Known, facts: Facts) -> None:
        """Ask; leave with the facts how to withdraw a query that is given up while the server works on it."""
        session, dialogue, _ = logged_in
        facts.phase = Phase.QUERY
        try:
            await session.query(known.target.query)
        except (asyncio.CancelledError, ProbeFailed) as error:
            reason = error.reason if isinstance(error, ProbeFailed) else None
            if reason is Reason.QUERY:  # the session is well, and ends as it should
                session.end()
            elif reason is not Reason.RESET and session.key:
                if reason is None:  # the deadline's
                    dialogue.stream.note_gap()
                facts.withdrawal = functools.partial(
                    self._withdrawals.withdraw, stack.pop_all(), logged_in, known.target, known.memory
                )
            raise


@contextlib.asynccontextmanager
async def collector(
    speak: Speak, drive: Callable[[Reach], Driver[Any]], context: Context, alpn: str = ""
) -> AsyncIterator[Probe[DatabaseTarget]]:
    """Probe databases by one dialect, or by its client library; kept sessions end with it."""
    with kernel.keep_stamping(), connection.Connector() as connector:
        native = Databases(Logins(speak, context, connector, alpn))
        driven = DrivenDatabases(drive(Reach(context, connector)))

        def client(target: DatabaseTarget) -> Databases | DrivenDatabases[Any]:
            return driven if target.client == "driver" else native

        try:
            yield one_by_one(
                lambda target, facts: client(target).probe(target, facts), lambda target: client(target).forget(target)
            )
        finally:
            native.close()
            driven.close()


def _rtt(kept: _Kept) -> Seconds:
    handshake = kept.logged_in.handshake
    return (handshake and handshake.rtt) or 0.0

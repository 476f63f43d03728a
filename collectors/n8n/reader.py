"""n8n, read in the background from its PostgreSQL database: what has ended since the last read, and what is open.

A read is one transaction of psycopg2 in a thread of its own for each n8n. It ends at the target's ``timeout`` at the
latest, or when the caller gives it up. It gives an ``N8nReading``: a reply without a round trip.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future
from typing import NamedTuple

from collectors.contract import Context, Facts, Probe, ProbeFailed, one_by_one
from collectors.n8n.keeper import Keeper
from collectors.n8n.reading import N8nReading
from collectors.n8n.session import Before, ReadingSession
from collectors.n8n.target import N8nTarget
from collectors.terms import Reason, Seconds
from collectors.transport import resolver

_HANDED_OVER_WITHIN: Seconds = 300.0
"""A target that replaces another one is read at once after a reload; of one that is gone nothing is kept for longer."""


class _Left(NamedTuple):
    """What was counted for a target that is gone."""

    database: tuple[object, ...]
    counted: Before


class _Open(NamedTuple):
    """What is kept for a target, and the target itself, so that no other object gets its ``id`` meanwhile."""

    target: N8nTarget
    session: ReadingSession
    keeper: Keeper | None


class Reader:
    """Reads n8n's databases, and keeps what each needs for its next read."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._sessions: dict[int, _Open] = {}
        """By the identity of the target."""
        self._left: list[_Left] = []
        self._closed: dict[str, Future[None]] = {}
        """By a state file's path: when the session before has closed it."""

    async def read(self, target: N8nTarget, facts: Facts) -> N8nReading:
        """Read once; ProbeFailed."""
        session = (self._sessions.get(id(target)) or self._begin(target)).session
        addresses = await self._addresses(target, facts)
        try:
            return await session.read(addresses, facts)
        except ProbeFailed as failed:
            if failed.reason is Reason.AUTH and target.password is not None:
                await target.password.has_changed()  # the next read takes what stands there now
            raise

    def forget(self, target: N8nTarget) -> None:
        """End what is kept for a target; a next one in the same database goes on from its counts, if it comes soon."""
        ending = self._sessions.pop(id(target), None)
        if ending is not None:
            left = _Left(target.database, self._end(ending))
            if target.counts_go_on:
                self._left.append(left)
                asyncio.get_running_loop().call_later(_HANDED_OVER_WITHIN, self._take, left)

    def close(self) -> None:
        """End all that is kept."""
        while self._sessions:
            self._end(self._sessions.popitem()[1])

    def _begin(self, target: N8nTarget) -> _Open:
        left = next((one for one in self._left if target.counts_go_on and one.database == target.database), None)
        if left is not None:
            self._take(left)
        file = target.state_file
        keeper = None if file is None else Keeper(file, self._closed.pop(file, None))
        begun = self._sessions[id(target)] = _Open(
            target, ReadingSession(target, keeper, left and left.counted), keeper
        )
        return begun

    def _end(self, ending: _Open) -> Before:
        if ending.target.state_file is not None and ending.keeper is not None:
            self._closed[ending.target.state_file] = ending.keeper.closed
        return ending.session.end()

    def _take(self, left: _Left) -> None:
        with contextlib.suppress(ValueError):  # a session has it already
            self._left.remove(left)

    async def _addresses(self, target: N8nTarget, facts: Facts) -> Sequence[str]:
        """Return where to connect: for a name, its addresses of the first family of which it has any."""
        if target.socket is not None:
            return [""]
        return (await resolver.resolve_first(self._context, target.address, target.ip_families, facts, {}))[1]


@contextlib.asynccontextmanager
async def collector(context: Context) -> AsyncIterator[Probe[N8nTarget]]:
    """Read n8n's databases; leaving ends their threads and connections."""
    with contextlib.closing(Reader(context)) as reader:
        yield one_by_one(reader.read, reader.forget)

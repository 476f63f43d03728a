"""n8n, read in the background from its PostgreSQL database: what has ended since the last read, and what is open.

A read is one transaction of psycopg2 in a thread of its own for each n8n. It ends at the target's ``timeout`` at the
latest, or when the caller gives it up. It gives an ``N8nReading``: a reply without a round trip.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections.abc import AsyncIterator, Sequence

from collectors.contract import Context, Facts, Probe, ProbeFailed, one_by_one
from collectors.n8n.reading import N8nReading
from collectors.n8n.session import Session
from collectors.n8n.target import N8nTarget
from collectors.terms import Reason
from collectors.transport import resolver


class Reader:
    """Reads n8n's databases, and keeps what each needs for its next read."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._sessions: dict[int, tuple[N8nTarget, Session]] = {}
        """By the identity of the target, which is kept with it so that no other gets its number."""
        self._saving: dict[str, concurrent.futures.Future[None]] = {}
        """By the file: what the session before, of a target that is no more, saves there."""

    async def read(self, target: N8nTarget, facts: Facts) -> N8nReading:
        """Read once; ProbeFailed."""
        addresses = await self._addresses(target, facts)
        if id(target) not in self._sessions:
            await self._saved(target)
            self._sessions[id(target)] = target, Session(target)
        try:
            return await self._sessions[id(target)][1].read(addresses, facts)
        except ProbeFailed as failed:
            if failed.reason is Reason.AUTH and target.password is not None:
                await target.password.has_changed()  # the next read takes what stands there now
            raise

    def forget(self, target: N8nTarget) -> None:
        """End what is kept for a target."""
        _, session = self._sessions.pop(id(target), (None, None))
        if session is not None:
            saving = session.end()
            if target.state_file is not None:
                self._saving[target.state_file] = saving

    def close(self) -> None:
        """End all that is kept."""
        for target, _ in list(self._sessions.values()):
            self.forget(target)

    async def _saved(self, target: N8nTarget) -> None:
        """Wait until the session before has saved what this one is to go on from."""
        if (saving := self._saving.get(target.state_file or "")) is not None:
            await asyncio.wait([asyncio.wrap_future(saving)])
            self._saving.pop(target.state_file or "", None)

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

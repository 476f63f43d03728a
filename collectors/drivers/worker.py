"""A thread for one target, in which a client library may wait: a server that hangs holds up nobody else's."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable
from typing import TypeVar

from collectors.contract import Facts, ProbeFailed
from collectors.drivers.turn import Turn
from collectors.terms import Seconds

T = TypeVar("T")


class Worker:
    """One thread, which begins with the first piece of work and does one after the other."""

    def __init__(self, name: str) -> None:
        self._thread = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix=name)
        self._turn: Turn | None = None

    async def run(self, work: Callable[[Turn], T], lasts: Seconds, facts: Facts) -> T:
        """Run something in the thread, for its result. ``facts`` say, also when cancelled, what it saw.

        Work that is given up is ended, and always begun: what it was given to close is closed.
        """
        self._turn = turn = Turn(lasts)
        done = self._thread.submit(work, turn)
        done.add_done_callback(lambda _: turn.close())
        try:
            return await asyncio.shield(asyncio.wrap_future(done))
        except asyncio.CancelledError:
            facts.is_queued = turn.facts.phase is None
            raise
        except ProbeFailed as failed:
            failed.__context__ = failed.__traceback__ = None  # they hold packets, as long as the failure is remembered
            raise
        finally:
            turn.end()
            _copy(turn.facts, facts)

    def end(self, last: Callable[[], T]) -> concurrent.futures.Future[T]:
        """End the work under way; then the thread does the ``last`` piece and ends. Wait for neither."""
        if self._turn is not None:
            self._turn.end()
        done = self._thread.submit(last)
        self._thread.shutdown(wait=False)
        return done


def _copy(seen: Facts, facts: Facts) -> None:
    facts.phase = seen.phase or facts.phase
    facts.address = seen.address or facts.address
    facts.tried += seen.tried
    facts.retransmitted |= seen.retransmitted

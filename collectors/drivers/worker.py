"""A thread for one target, in which a client library may wait: a server that hangs holds up nobody else's."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from collectors.contract import Facts, ProbeFailed
from collectors.drivers.own_thread import OwnThread
from collectors.drivers.turn import Stopped, Turn
from collectors.terms import Seconds

T = TypeVar("T")


class Worker:
    """One thread, which begins with the first piece of work and does one after the other."""

    def __init__(self, name: str) -> None:
        self._thread = OwnThread(name)
        self._turn: Turn | None = None

    async def run(self, work: Callable[[Turn], T], lasts: Seconds, facts: Facts) -> T:
        """Run something in the thread, for its result. ``facts`` say, also when cancelled, what it saw.

        Work that is given up is ended, and always begun: what it was given to close is closed.
        """
        self._turn = turn = Turn(lasts)
        done = self._thread.submit(functools.partial(work, turn))
        done.add_done_callback(lambda _: turn.close())
        result = asyncio.wrap_future(done)
        try:
            await asyncio.wait([result])  # unlike shield, it leaves no exception that nobody takes
            return result.result()
        except asyncio.CancelledError:
            result.add_done_callback(_taken)
            facts.is_queued = turn.facts.phase is None
            raise
        except ProbeFailed as failed:
            failed.__context__ = failed.__traceback__ = None  # they hold packets, as long as the failure is remembered
            raise
        finally:
            turn.end()
            _copy(turn.facts, facts)

    def end(self, last: Callable[[], T]) -> Future[T]:
        """End the work under way; then the thread does the ``last`` piece and ends. Wait for neither."""
        if self._turn is not None:
            self._turn.end()
        done = self._thread.submit(last)
        self._thread.end()
        return done


def _taken(given_up: asyncio.Future[T]) -> None:
    """Retrieve the result of work that was given up, since nobody else does. A bug is still logged."""
    error = given_up.exception()
    if error is not None and not isinstance(error, (Stopped, ProbeFailed)):
        given_up.get_loop().call_exception_handler({"message": "a bug in work that was given up", "exception": error})


def _copy(seen: Facts, facts: Facts) -> None:
    facts.phase = seen.phase or facts.phase
    facts.address = seen.address or facts.address
    facts.tried += seen.tried
    facts.retransmitted |= seen.retransmitted

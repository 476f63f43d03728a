"""When each probe starts and when it is over; the one place that waits, spawns and times out.

Every job has its own fixed cadence. Its phase within the interval is a stable hash of who measures
what, so that a fleet that is started by one command never fires in the same moment. Jobs that are
due within one slot are handed to their collector together. A job that could not start in time waits
for its next turn: after a pause nothing is caught up, what was missed is counted.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import itertools
import logging
import math
import traceback
from collections import defaultdict
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, Generic, Protocol, Self, TypeVar

from collectors.contract import Facts, Probe, ProbeFailed, Reason, Reply, Seconds

_log = logging.getLogger(__name__)

SLOT: Seconds = 0.05
"""What is due within one slot starts together at its end; fewer wake-ups are what makes probes cheap."""
_TOO_LATE: Seconds = 1.0
"""A probe that is later than this is skipped: starting it would bunch all that a pause has delayed."""
_HELD_UP: Seconds = 0.1
"""A deadline that is noticed later than this was missed by us: answers may be waiting unread."""
_FIRST_ROUND: Seconds = 0.2
_FIRST_ROUND_RATE = 500
"""How long the first round takes, and its probes per second if they are many: it begins at once."""


class Job(Protocol):
    """What the scheduler has to know of a pair, or of anything else that is done again and again."""

    @property
    def identity(self) -> tuple[str, ...]: ...
    @property
    def interval(self) -> Seconds: ...
    @property
    def timeout(self) -> Seconds: ...
    @property
    def spec(self) -> Any: ...  # noqa: ANN401 - the target, whose type only its collector knows


J = TypeVar("J", bound=Job)
J_contra = TypeVar("J_contra", bound=Job, contravariant=True)
Outcome = Reply | ProbeFailed


class Watcher(Protocol[J_contra]):
    """Who is told what became of the jobs; ``exporter.metrics`` for pairs."""

    def decided(self, job: J_contra, facts: Facts, outcome: Outcome) -> None:
        """Take the end of a probe: answered, failed or timed out."""

    def started_late(self, lateness: Seconds) -> None:
        """Take how long after its slot a probe was handed to its collector."""

    def skipped(self, probes: int) -> None:
        """Take how many turns passed without a probe."""


class _Turn(Generic[J]):
    """A job and when it is due next; the same through every reload that keeps the job."""

    __slots__ = ("due", "future", "job", "next_due", "probe", "removed")

    def __init__(self, job: J, probe: Probe[Any], due: Seconds, next_due: Seconds) -> None:
        self.job, self.probe, self.due, self.next_due = job, probe, due, next_due
        self.future: asyncio.Future[Reply] | None = None
        self.removed = False

    def advance(self, now: Seconds) -> int:
        """Move on to the first date after ``now``; return how many dates that leaves behind."""
        missed = max(0, math.floor((now - self.next_due) / self.job.interval) + 1)
        self.due = self.next_due + missed * self.job.interval
        self.next_due = self.due + self.job.interval
        return 1 + missed


class Scheduler(Generic[J]):
    """Starts jobs on their cadence while it is entered; leaving cancels what is under way.

    ``source`` is this host's name, part of the phase. ``at_once`` starts all first probes together.
    """

    def __init__(self, source: str, watcher: Watcher[J], *, at_once: bool = False) -> None:
        self._source, self._watcher, self._at_once = source, watcher, at_once
        self._loop = asyncio.get_running_loop()
        self._turns: dict[tuple[str, ...], _Turn[J]] = {}
        self._calendar: list[tuple[Seconds, int, _Turn[J]]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._under_way: set[asyncio.Future[Reply]] = set()
        self._known_bugs: set[tuple[str, int]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.replace([])
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=1.0)

    def replace(self, jobs: Iterable[tuple[J, Probe[Any]]]) -> None:
        """Make these the jobs: who stays keeps his cadence, who goes is cancelled and not decided."""
        before, now = self._turns, self._loop.time()
        self._turns = {}
        jobs = list(jobs)
        new = sum(job.identity not in before for job, _ in jobs)
        lead = 0.0 if self._at_once else max(_FIRST_ROUND, new / _FIRST_ROUND_RATE)
        for job, probe in jobs:
            turn = before.get(job.identity)
            if turn is None or turn.job.interval != job.interval:
                phase = self._phase(job)
                cadence = now + (phase if self._at_once else 1 + phase) * job.interval
                turn = _Turn(job, probe, now + phase * min(job.interval, lead), cadence)
            else:
                del before[job.identity]
                turn.job, turn.probe = job, probe
            self._turns[job.identity] = turn
        for gone in before.values():
            gone.removed = True
            if gone.future:
                gone.future.cancel()
        self._calendar = [(turn.due, next(self._order), turn) for turn in self._turns.values()]
        heapq.heapify(self._calendar)
        self._set_timer()

    def _phase(self, job: J) -> float:
        """Return where in its interval a job lies, in [0, 1)."""
        text = "\0".join((self._source, *job.identity)).encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest(), "big") / (1 << 48)

    def _set_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_at(_slot(self._calendar[0][0]), self._tick) if self._calendar else None

    def _tick(self) -> None:
        try:
            self._start_due(self._loop.time())
        finally:
            self._set_timer()  # whatever happens, there is a next slot

    def _start_due(self, now: Seconds) -> None:
        slots: dict[Probe[Any], list[_Turn[J]]] = defaultdict(list)
        while self._calendar and _slot(self._calendar[0][0]) <= now:
            due, _, turn = heapq.heappop(self._calendar)
            if self._may_start(turn, now):
                self._watcher.started_late(now - _slot(due))
                slots[turn.probe].append(turn)
            heapq.heappush(self._calendar, (turn.due, next(self._order), turn))
        for probe, turns in slots.items():
            self._start(probe, turns)

    def _may_start(self, turn: _Turn[J], now: Seconds) -> bool:
        """Move a turn to its next date after ``now``; tell whether this one can still be kept."""
        start = turn.future is None and now - _slot(turn.due) <= _TOO_LATE
        skipped = turn.advance(now) - start
        if skipped:
            self._watcher.skipped(skipped)
        return start

    def _start(self, probe: Probe[Any], turns: Sequence[_Turn[J]]) -> None:
        slot = [(turn.job.spec, Facts()) for turn in turns]
        try:
            started = list(zip(turns, slot, probe(slot), strict=True))
        except Exception as bug:  # noqa: BLE001 - a collector's bug must not end the schedule of the others
            for turn, (_, facts) in zip(turns, slot, strict=True):
                self._watcher.decided(turn.job, facts, self._bug(turn.job, bug))
            return
        by_timeout: dict[Seconds, list[asyncio.Future[Reply]]] = defaultdict(list)
        for turn, (_, facts), awaitable in started:
            by_timeout[turn.job.timeout].append(self._spawn(awaitable, turn, facts))
        now = self._loop.time()
        for timeout, futures in by_timeout.items():
            self._loop.call_at(now + timeout, self._expire, futures, now, timeout)

    def _spawn(self, awaitable: Awaitable[Reply], turn: _Turn[J], facts: Facts) -> asyncio.Future[Reply]:
        future = asyncio.ensure_future(awaitable)
        turn.future = future
        self._under_way.add(future)

        def done(future: asyncio.Future[Reply]) -> None:
            self._under_way.discard(future)
            turn.future = None
            outcome = self._outcome(turn, facts, future)
            if not turn.removed:
                self._watcher.decided(turn.job, facts, outcome)

        future.add_done_callback(done)
        return future

    def _expire(self, futures: Iterable[asyncio.Future[Reply]], started: Seconds, timeout: Seconds) -> None:
        """Cancel who has not ended; if we were held up, give back the time that we took, once, up to a timeout."""
        late = self._loop.time() - started - timeout
        if late > _HELD_UP:
            self._loop.call_later(min(late, timeout), _cancel, futures)
        else:
            _cancel(futures)

    def _outcome(self, turn: _Turn[J], facts: Facts, future: asyncio.Future[Reply]) -> Outcome:
        timeout = turn.job.timeout
        if future.cancelled():
            return ProbeFailed(facts.silence, f"no answer within {timeout:g} s")
        error = future.exception()
        if isinstance(error, ProbeFailed):
            return error
        if error is not None:
            return self._bug(turn.job, error)
        reply = future.result()
        took = max(reply.rtt or 0.0, reply.duration or 0.0)
        facts.answered_late = took > timeout
        return ProbeFailed(Reason.TIMEOUT, f"answered after {took:g} s") if facts.answered_late else reply

    def _bug(self, job: J, error: BaseException) -> ProbeFailed:
        """Log a bug once with its traceback; it counts as ours."""
        place = _place(error)
        if place not in self._known_bugs:
            self._known_bugs.add(place)
            _log.error("a bug in a collector: probing %s failed", job.identity, exc_info=error)
        return ProbeFailed(Reason.LOCAL, f"a bug: {type(error).__name__}")


def _place(error: BaseException) -> tuple[str, int]:
    """Return where in the code an error was raised."""
    frames = list(traceback.walk_tb(error.__traceback__))
    return (frames[-1][0].f_code.co_filename, frames[-1][1]) if frames else ("", 0)


def _slot(due: Seconds) -> Seconds:
    return math.ceil(due / SLOT) * SLOT


def _cancel(futures: Iterable[asyncio.Future[Reply]]) -> None:
    for future in futures:
        future.cancel()

"""When each probe starts and when it is over; the one place that waits, spawns and times out.

Every job has its own fixed cadence. Its phase within the interval is a stable hash of which host measures
what, so that a fleet that is started by one command never probes in the same moment. Jobs that are
due within one slot are handed to their collector together, and stay together: what is done once per slot
instead of once per probe is most of what makes a probe cheap. A job that could not start in time waits
for its next date. After a pause nothing is caught up: what was missed is counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import logging
import math
import traceback
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, Generic, Self

from collectors.contract import Attempt, Outcome, Probe, ProbeFailed
from collectors.replies import Reply
from collectors.terms import Reason, Seconds
from exporter.probing.bursts import spread
from exporter.probing.cadence import SLOT, first_dates, slot_after, without_first
from exporter.probing.jobs import Deadline, Group, J, RunningAttempt, ScheduledJob, Watcher, deadline_outcome

_log = logging.getLogger(__name__)

_TOO_LATE: Seconds = 1.0
"""A probe that is later than this is skipped: else all that a pause has delayed would start in one moment."""
_HELD_UP: Seconds = 0.1
"""A deadline that is noticed later than this was missed by this program: answers may be waiting unread."""
_LONGEST_WITHDRAWAL: Seconds = 2.0
"""How long it may take to tell a server that a probe was given up."""
_WITHDRAWAL_AT_THE_END: Seconds = 0.25
"""The same at the end of the program, which waits for it."""
_FIRST_ROUND: Seconds = 0.2
"""How long the first round takes, which begins at once."""
_FIRST_ROUND_RATE = 500
"""Its probes per second, where they are so many that it takes longer."""
_BETWEEN_BURSTS: Seconds = 0.0025
"""At least, after a hold-up: as long as the first may keep the uplink busy."""


class Scheduler(Generic[J]):
    """Starts jobs on their cadence while it is entered; leaving cancels what is under way.

    ``source`` is this host's name, part of the phase. ``at_once`` starts all first probes in one slot.
    """

    def __init__(self, source: str, watcher: Watcher[J], *, at_once: bool = False) -> None:
        self._source, self._watcher, self._at_once = source, watcher, at_once
        self._loop = asyncio.get_running_loop()
        self._jobs: dict[tuple[str, ...], ScheduledJob[J]] = {}
        self._calendar: list[tuple[Seconds, int, Group[J]]] = []
        self._deadlines: list[Deadline] = []
        self._order = itertools.count()
        self._next_burst: Seconds = 0.0
        """No job starts before."""
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Reply]] = set()
        self._withdrawals: set[asyncio.Task[None]] = set()
        self._known_bugs: set[tuple[str, int]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.replace([])
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)
        if self._withdrawals:
            await asyncio.wait(self._withdrawals, timeout=_WITHDRAWAL_AT_THE_END)
        for withdrawal in self._withdrawals:
            withdrawal.cancel()
        if self._withdrawals:
            await asyncio.wait(self._withdrawals, timeout=1.0)

    def replace(self, jobs: Iterable[tuple[J, Probe[Any]]]) -> None:
        """Make these the jobs: one that stays keeps its cadence, one that goes is given up.

        One that has another target now goes, and begins at once as a new one does.
        """
        before, now, jobs = self._jobs, self._loop.time(), list(jobs)
        self._jobs = {}
        for job, _ in jobs:
            if job.identity in before and not before[job.identity].aims_at(job.aim):
                before.pop(job.identity).give_up()
        new = sum(job.identity not in before for job, _ in jobs)
        lead = 0.0 if self._at_once else max(_FIRST_ROUND, new / _FIRST_ROUND_RATE)
        groups: dict[tuple[object, ...], Group[J]] = {}
        for job, probe in jobs:
            scheduled = before.pop(job.identity, None)
            if scheduled is None or scheduled.job.interval != job.interval:
                dates = first_dates(self._source, job, now, lead)
                if scheduled is not None and scheduled.attempt is not None:
                    dates = without_first(dates, job.interval)
            else:
                dates = scheduled.group.dates
            if scheduled is None:
                scheduled = ScheduledJob(job, self._watcher)
            else:
                scheduled.job = job
            self._jobs[job.identity] = scheduled
            together = (probe, job.interval, job.timeout, dates)
            group = groups.get(together) or groups.setdefault(together, Group(*together))
            group.add(scheduled, probe.share(job.aim))
        for gone in before.values():
            gone.give_up()
        self._calendar = [self._entry(group) for group in spread(list(groups.values()))]
        heapq.heapify(self._calendar)
        self._set_timer()

    def _entry(self, group: Group[J]) -> tuple[Seconds, int, Group[J]]:
        return slot_after(group.due) + group.delay, next(self._order), group

    def _set_timer(self) -> None:
        """Wake up for the next start, or for the first deadline that an attempt still waits for."""
        while self._deadlines and self._deadlines[0].is_idle():
            heapq.heappop(self._deadlines)
        if self._timer:
            self._timer.cancel()
        dates = [max(self._calendar[0][0], self._next_burst)] if self._calendar else []
        dates += [self._deadlines[0].date] if self._deadlines else []
        self._timer = self._loop.call_at(min(dates), self._tick) if dates else None

    def _tick(self) -> None:
        try:
            now = self._loop.time()
            self._expire(now)
            if now >= self._next_burst:
                self._start_due(now)
        finally:
            self._set_timer()  # whatever happens, there is a next slot

    def _start_due(self, now: Seconds) -> None:
        """Start one burst at most: after a hold-up more may be due, and follow one after the other.

        What has one place begins together, whatever it comes to: `spread` has seen to that.
        """
        burst, place = 0.0, math.inf
        while self._calendar and self._calendar[0][0] <= now:
            start, _, group = self._calendar[0]
            jobs = group.jobs
            ready = [scheduled for scheduled in jobs if scheduled.attempt is None] if now - start <= _TOO_LATE else []
            if ready and start > place and burst + group.share > 1:
                self._next_burst = self._loop.time() + _BETWEEN_BURSTS
                return
            passed = group.advance(now - group.delay - SLOT / 2)  # a slot counts until its end
            skipped = passed * len(jobs) - len(ready)
            if skipped:
                self._watcher.skipped(skipped)
            heapq.heapreplace(self._calendar, self._entry(group))
            if ready:
                burst, place = burst + group.share, min(place, start)
                self._start(group, ready)
                # Behind the first steps of the coroutines that were just spawned, if there are any.
                self._loop.call_soon(self._started, start, len(ready))

    def _started(self, start: Seconds, probes: int) -> None:
        self._watcher.started_late(self._loop.time() - start, probes)

    def _start(self, group: Group[J], ready: Sequence[ScheduledJob[J]]) -> None:
        slot = []
        for scheduled in ready:
            attempt = scheduled.attempt = RunningAttempt(scheduled.job.aim, scheduled.attempt_ended)
            slot.append(attempt)
        try:
            coroutines = group.probe(slot)
            for scheduled, attempt, coroutine in zip(ready, slot, coroutines, strict=True) if coroutines else ():
                self._spawn(scheduled, attempt, coroutine)
        except Exception as bug:  # noqa: BLE001 - a collector's bug must not end the schedule of the others
            for scheduled, attempt in zip(ready, slot, strict=True):
                if attempt.task is None:
                    attempt.end(self._bug(scheduled.job, bug))
        self._watch(Deadline(self._loop.time() + group.timeout, next(self._order), slot, group.timeout))

    def _watch(self, deadline: Deadline) -> None:
        if not deadline.is_idle():
            heapq.heappush(self._deadlines, deadline)

    def _spawn(
        self, scheduled: ScheduledJob[J], attempt: RunningAttempt, coroutine: Coroutine[Any, Any, Reply]
    ) -> None:
        task = attempt.task = asyncio.create_task(coroutine)
        self._tasks.add(task)

        def done(task: asyncio.Task[Reply]) -> None:
            self._tasks.discard(task)
            attempt.task = None
            attempt.end(self._outcome(scheduled.job, attempt, task))
            if attempt.withdrawal is not None:
                self._withdraw(scheduled.job, attempt.withdrawal())
                attempt.withdrawal = None

        task.add_done_callback(done)

    def _withdraw(self, job: J, withdrawal: Coroutine[Any, Any, None]) -> None:
        """Tell a server that a probe was given up; only the end of the program waits for it."""
        task = asyncio.create_task(_within(min(job.timeout, _LONGEST_WITHDRAWAL), withdrawal))
        self._withdrawals.add(task)

        def done(task: asyncio.Task[None]) -> None:
            self._withdrawals.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                self._bug(job, error)

        task.add_done_callback(done)

    def _outcome(self, job: J, attempt: Attempt[Any], task: asyncio.Task[Reply]) -> Outcome:
        if task.cancelled():
            return deadline_outcome(attempt, job.timeout)
        error = task.exception()
        if error is None:
            return task.result()
        return error if isinstance(error, ProbeFailed) else self._bug(job, error)

    def _expire(self, now: Seconds) -> None:
        """End what has reached its deadline; one noticed late is put off by as much, once, by at most a timeout."""
        while self._deadlines and self._deadlines[0].date <= now:
            deadline = heapq.heappop(self._deadlines)
            late = now - deadline.date
            if late > _HELD_UP and not deadline.put_off:
                self._watch(deadline._replace(date=now + min(late, deadline.timeout), put_off=True))
            else:
                deadline.give_up()

    def _bug(self, job: J, error: BaseException) -> ProbeFailed:
        """Log a bug once with its traceback; the probe fails as ``local``."""
        line = _code_line(error)
        if line not in self._known_bugs:
            self._known_bugs.add(line)
            _log.error("a bug in a collector: probing %s failed", job.identity, exc_info=error)
        return ProbeFailed(Reason.LOCAL, f"a bug: {type(error).__name__}")


async def _within(seconds: Seconds, work: Coroutine[Any, Any, None]) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await work


def _code_line(error: BaseException) -> tuple[str, int]:
    """Return the file and line of the code that raised an error."""
    frames = list(traceback.walk_tb(error.__traceback__))
    return (frames[-1][0].f_code.co_filename, frames[-1][1]) if frames else ("", 0)

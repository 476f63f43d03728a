"""What the scheduler keeps: its jobs, their attempts, the groups of jobs that start together, and deadlines.

Plain objects that neither wait nor spawn.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from collectors.contract import Attempt, Facts, Outcome, Probe, ProbeFailed
from collectors.replies import Reply
from collectors.terms import Gap, Reason, Seconds


class Job(Protocol):
    """What the scheduler has to know of a pair, or of anything else that is done at intervals."""

    @property
    def identity(self) -> tuple[str, ...]: ...
    @property
    def interval(self) -> Seconds: ...
    @property
    def timeout(self) -> Seconds: ...
    @property
    def slots(self) -> int:
        """How many of the scheduler's slots it may wait for other jobs, so that they start together."""

    @property
    def aim(self) -> Any: ...  # noqa: ANN401 - the target, whose type only its collector knows


J = TypeVar("J", bound=Job)
J_contra = TypeVar("J_contra", bound=Job, contravariant=True)


class Watcher(Protocol[J_contra]):
    """Records what became of the jobs: ``exporter.recording.recorder`` for pairs, ``Addresses`` for look-ups."""

    def probe_ended(self, job: J_contra, facts: Facts, outcome: Outcome) -> None:
        """Record how a probe ended: answered, failed or timed out."""

    def started_late(self, lateness: Seconds, probes: int) -> None:
        """Record how many seconds after the end of its slot a group's last probe was started."""

    def skipped(self, probes: int) -> None:
        """Count probes that were due and not started."""


class RunningAttempt(Attempt[Any]):
    """An attempt that the scheduler has started."""

    task: asyncio.Task[Reply] | None = None
    """Runs the collector's coroutine, where it returned one."""


class ScheduledJob(Generic[J]):
    """A job, and its attempt while one is under way; the same object through every reload that keeps the job."""

    __slots__ = ("attempt", "group", "job", "watcher")

    def __init__(self, job: J, watcher: Watcher[J]) -> None:
        self.job, self.watcher = job, watcher
        self.group: Group[J]
        self.attempt: RunningAttempt | None = None

    def attempt_ended(self, attempt: Attempt[Any], outcome: Outcome) -> None:
        """Pass on how an attempt ended; a reply that took longer than the timeout is none."""
        self.attempt = None
        if not isinstance(outcome, ProbeFailed) and outcome.took > self.job.timeout:
            attempt.answered_late = True
            outcome = ProbeFailed(Reason.TIMEOUT, f"answered after {outcome.took:g} s")
        self.watcher.probe_ended(self.job, attempt, outcome)

    def aims_at(self, target: object) -> bool:
        """Return whether a target is the job's own, or equals it."""
        return bool(target is self.job.aim or target == self.job.aim)

    def give_up(self) -> None:
        """Give up the job's target: an attempt under way is cancelled and not recorded, the collector forgets it.

        The job leaves its group, which has it: of a cycle that was frozen the garbage collector would free nothing.
        """
        attempt, self.attempt = self.attempt, None
        if attempt is not None:
            attempt.over = True
            if attempt.task:
                attempt.task.cancel()
        self.group.probe.forget(self.job.aim)
        del self.group


class Group(Generic[J]):
    """Jobs of one probe that start together: their interval, timeout, dates and delay are the same.

    ``dates`` are the next two at which they are due, and more while the first round's gaps differ from the interval.
    ``delay`` is the time from the end of the slot of a date until they start.
    """

    __slots__ = ("dates", "delay", "interval", "jobs", "probe", "share", "timeout")

    def __init__(self, probe: Probe[Any], interval: Seconds, timeout: Seconds, dates: tuple[Seconds, ...]) -> None:
        self.probe, self.interval, self.timeout, self.dates = probe, interval, timeout, dates
        self.delay: Seconds = 0.0
        self.jobs: list[ScheduledJob[J]] = []
        self.share = 0.0
        """Of a burst, all jobs together."""

    def add(self, scheduled: ScheduledJob[J], share: float) -> None:
        """Take a job in."""
        scheduled.group = self
        self.jobs.append(scheduled)
        self.share += share

    def part(self, delay: Seconds) -> Group[J]:
        """Return a group without jobs that starts so much later."""
        part: Group[J] = Group(self.probe, self.interval, self.timeout, self.dates)
        part.delay = delay
        return part

    @property
    def due(self) -> Seconds:
        """When the jobs are due."""
        return self.dates[0]

    def advance(self, now: Seconds) -> int:
        """Move on to the first date after ``now``; return how many dates have passed."""
        passed = 1
        while len(self.dates) > 2 and self.dates[1] <= now:  # noqa: PLR2004 - two dates are a cadence
            self.dates = self.dates[1:]
            passed += 1
        due, *later = self.dates[1:]
        if later:
            self.dates = due, *later
            return passed
        missed = max(0, math.floor((now - due) / self.interval) + 1)
        due += missed * self.interval
        self.dates = due, due + self.interval
        return passed + missed


class Deadline(NamedTuple):
    """When the attempts of a group are over. ``order`` decides between equal dates."""

    date: Seconds
    order: int
    slot: Sequence[RunningAttempt]
    timeout: Seconds
    put_off: bool = False

    def is_idle(self) -> bool:
        """Return whether all its attempts are over."""
        return all(attempt.over for attempt in self.slot)

    def give_up(self) -> None:
        """End the attempts that are not over."""
        for attempt in self.slot:
            if attempt.task:
                attempt.task.cancel()
            elif not attempt.over:
                attempt.end(deadline_outcome(attempt, self.timeout))


_WHY_OF_GAP = {
    Gap.ANSWER: ": later packets of the answer came and an earlier one did not, which is large; look at the path's MTU",
    Gap.REQUEST: ": what was sent got lost each time, or its acknowledgement; look at the path, and at its MTU",
}
_WHY_IF_QUEUED = ": its thread is still busy; the server may have asked for too many SCRAM iterations, or a disk hangs"
_WHAT_OF_SILENCE = {
    Reason.PROTOCOL: "what came is not the answer: cut short, or altered on the way; no other",
    Reason.LOCAL: "packets got lost on this host, the answer perhaps among them: none",
    Reason.DNS: "no answer of the resolver",
}


def deadline_outcome(attempt: Attempt[Any], timeout: Seconds) -> ProbeFailed:
    """Return how an attempt ends that has reached its deadline."""
    asked = f" from {attempt.address}" if attempt.address else ""
    before = f" (before it: {'; '.join(attempt.tried)})" if attempt.tried else ""
    why = _WHY_OF_GAP[attempt.gap] if attempt.gap else _WHY_IF_QUEUED if attempt.is_queued else ""
    what = _WHAT_OF_SILENCE.get(attempt.silence, "no answer")
    return ProbeFailed(attempt.silence, f"{what}{asked} within {timeout:g} s{before}{why}")

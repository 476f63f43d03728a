"""What the scheduler keeps: a job's turn, the group it comes round with, its attempt, and when that is over.

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
    """What the scheduler has to know of a pair, or of anything else that is done again and again."""

    @property
    def identity(self) -> tuple[str, ...]: ...
    @property
    def interval(self) -> Seconds: ...
    @property
    def timeout(self) -> Seconds: ...
    @property
    def slot(self) -> Seconds:
        """How long it may wait for others, so that they start together: a multiple of the scheduler's."""

    @property
    def aim(self) -> Any: ...  # noqa: ANN401 - the target, whose type only its collector knows


J = TypeVar("J", bound=Job)
J_contra = TypeVar("J_contra", bound=Job, contravariant=True)


class Watcher(Protocol[J_contra]):
    """Who is told what became of the jobs; ``exporter.recording.recorder`` for pairs."""

    def decided(self, job: J_contra, facts: Facts, outcome: Outcome) -> None:
        """Take the end of a probe: answered, failed or timed out."""

    def started_late(self, lateness: Seconds, probes: int) -> None:
        """Take how long after their slot the last of some probes was started."""

    def skipped(self, probes: int) -> None:
        """Take how many turns passed without a probe."""


class RunningAttempt(Attempt[Any]):
    """An attempt of ours; ``task`` runs its coroutine, if it has one."""

    task: asyncio.Task[Reply] | None = None


class ScheduledJob(Generic[J]):
    """A job, and its attempt while one is under way; the same through every reload that keeps the job."""

    __slots__ = ("attempt", "group", "job", "watcher")

    def __init__(self, job: J, watcher: Watcher[J]) -> None:
        self.job, self.watcher = job, watcher
        self.group: Group[J]
        self.attempt: RunningAttempt | None = None

    def decided(self, attempt: Attempt[Any], outcome: Outcome) -> None:
        """Take the end of an attempt; a reply that took longer than the timeout is none."""
        self.attempt = None
        if not isinstance(outcome, ProbeFailed) and outcome.took > self.job.timeout:
            attempt.answered_late = True
            outcome = ProbeFailed(Reason.TIMEOUT, f"answered after {outcome.took:g} s")
        self.watcher.decided(self.job, attempt, outcome)

    def take(self, job: J) -> None:
        """Go on with a job of the same identity; another target is another beginning."""
        if job.aim is not self.job.aim and job.aim != self.job.aim:
            self.leave()
        self.job = job

    def leave(self) -> None:
        """Give up the job's target: what is under way is not decided any more, and nothing is kept for it."""
        attempt, self.attempt = self.attempt, None
        if attempt is not None:
            attempt.over = True
            if attempt.task:
                attempt.task.cancel()
        self.group.probe.forget(self.job.aim)


class Group(Generic[J]):
    """Turns of one probe that come round together: of the same interval, timeout and slot.

    ``dates`` are when they are due now and next, and further dates until the interval alone holds.
    """

    __slots__ = ("dates", "interval", "probe", "timeout", "turns")

    def __init__(self, probe: Probe[Any], interval: Seconds, timeout: Seconds, dates: tuple[Seconds, ...]) -> None:
        self.probe, self.interval, self.timeout, self.dates = probe, interval, timeout, dates
        self.turns: list[ScheduledJob[J]] = []

    @property
    def due(self) -> Seconds:
        """When they are due now."""
        return self.dates[0]

    def advance(self, now: Seconds) -> int:
        """Move on to the first date after ``now``; return how many dates that leaves behind."""
        left = 1
        while len(self.dates) > 2 and self.dates[1] <= now:  # noqa: PLR2004 - two dates are a cadence
            self.dates = self.dates[1:]
            left += 1
        due, *later = self.dates[1:]
        if later:
            self.dates = due, *later
            return left
        missed = max(0, math.floor((now - due) / self.interval) + 1)
        due += missed * self.interval
        self.dates = due, due + self.interval
        return left + missed


class Deadline(NamedTuple):
    """When the attempts of a slot are over."""

    date: Seconds
    order: int
    slot: Sequence[RunningAttempt]
    timeout: Seconds
    put_off: bool = False

    def is_idle(self) -> bool:
        """Tell whether nobody waits for it any more."""
        return all(attempt.over for attempt in self.slot)

    def give_up(self) -> None:
        """End who is not over."""
        for attempt in self.slot:
            if attempt.task:
                attempt.task.cancel()
            elif not attempt.over:
                attempt.end(deadline_outcome(attempt, self.timeout))


_OF_GAPS = {
    Gap.ANSWER: ": later packets of the answer came and an earlier one did not, which is large; look at the path's MTU",
    Gap.REQUEST: ": what was sent got lost each time, or its acknowledgement; look at the path, and at its MTU",
}


_SILENCES = {
    Reason.PROTOCOL: "what came is not the answer: cut short, or altered on the way; no other",
    Reason.LOCAL: "packets got lost on this host, the answer perhaps among them: none",
    Reason.DNS: "no answer of the resolver",
}


def deadline_outcome(attempt: Attempt[Any], timeout: Seconds) -> ProbeFailed:
    """Return how an attempt ends that nobody answered."""
    asked = f" from {attempt.address}" if attempt.address else ""
    before = f" (before it: {'; '.join(attempt.tried)})" if attempt.tried else ""
    why = _OF_GAPS[attempt.gap] if attempt.gap else ""
    what = _SILENCES.get(attempt.silence, "no answer")
    return ProbeFailed(attempt.silence, f"{what}{asked} within {timeout:g} s{before}{why}")

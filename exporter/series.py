"""The state behind the series of one pair: what was counted, and what the latest probe was like.

Plain attributes that ``exporter.metrics`` reads through its table; no names, no text.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from collectors.contract import Facts, Phase, ProbeFailed, Reason, Reply, Seconds
from collectors.kernel import Moment


class Histogram:
    """Counts observations in buckets with the given upper bounds, and one above them all."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value; a bound belongs to the bucket below it (``le``)."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def row(self) -> tuple[float, ...]:
        """Return the cumulative counts, then the sum, then the count: the order of their lines."""
        cumulative = tuple(accumulate(self.counts))
        return (*cumulative, self.total, cumulative[-1])


@dataclasses.dataclass(frozen=True, slots=True)
class Latest:
    """The latest decided probe: what it measured, and what it saw."""

    success: int
    facts: Facts
    reply: Reply | None

    @property
    def server(self) -> Seconds | None:
        """What the server took, seen from outside; two clocks' noise must not make it negative."""
        if self.reply is None or self.reply.response is None or self.reply.rtt is None:
            return None
        return max(0.0, self.reply.response - self.reply.rtt)


class PairSeries:
    """Everything that is counted of one pair; goes on through every reload that keeps the pair.

    ``aim`` it before the first probe, and again at each reload.
    """

    __slots__ = (
        "decided_at",
        "duplicate_replies",
        "duration",
        "failures",
        "fresh_for",
        "last_success",
        "late_replies",
        "latest",
        "phases",
        "probes",
        "response",
        "retransmitted",
        "rtt",
    )

    def __init__(self, reasons: Sequence[Reason]) -> None:
        self.fresh_for: Seconds = 0.0
        self.probes = 0
        self.failures = dict.fromkeys(reasons, 0)
        self.retransmitted = self.late_replies = self.duplicate_replies = 0
        self.rtt, self.response, self.duration = Histogram(()), Histogram(()), Histogram(())
        self.phases: dict[Phase, tuple[Seconds, int]] = {}
        self.latest: Latest | None = None
        self.last_success: float | None = None
        self.decided_at: Seconds = 0.0

    def record(self, facts: Facts, outcome: Reply | ProbeFailed, now: Moment) -> None:
        """Take one probe that was decided now."""
        self.probes += 1
        self.retransmitted += facts.retransmitted
        self.late_replies += facts.answered_late
        self.decided_at = now.monotonic
        if isinstance(outcome, ProbeFailed):
            reason = outcome.reason if outcome.reason in self.failures else Reason.LOCAL
            self.failures[reason] += 1
            self.latest = Latest(0, facts, None)
            return
        self.latest = Latest(1, facts, outcome)
        self.last_success = now.wall
        for histogram, value in (
            (self.rtt, outcome.rtt),
            (self.response, outcome.response),
            (self.duration, outcome.duration),
        ):
            if value is not None:
                histogram.observe(value)
        for phase, seconds in outcome.phases.items():
            if phase in self.phases:  # a probe that a reload overtook may have one that its target no longer has
                total, count = self.phases[phase]
                self.phases[phase] = total + seconds, count + 1

    def aim(self, phases: Sequence[Phase], buckets: Sequence[float], fresh_for: Seconds) -> None:
        """Go on with what is configured now: other buckets begin the histograms anew, what is counted goes on.

        Another address or scheme of the target may have other phases.
        """
        self.phases = {phase: self.phases.get(phase, (0.0, 0)) for phase in phases}
        self.fresh_for = fresh_for
        if self.rtt.bounds != buckets:
            self.rtt, self.response, self.duration = Histogram(buckets), Histogram(buckets), Histogram(buckets)

    def phase_row(self) -> tuple[float, ...]:
        """Return sum and count of each phase, in order."""
        return tuple(number for phase in self.phases.values() for number in phase)

    def shown(self, monotonic: Seconds) -> Latest | None:
        """Return the latest probe, or None when it is too long ago to be shown as the present."""
        return self.latest if monotonic - self.decided_at <= self.fresh_for else None

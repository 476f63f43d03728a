"""The state behind the series of one pair: what was counted, and what the latest probe was like.

Plain attributes that ``exporter.metrics`` reads through its table; no names, no text.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from collectors.contract import Facts, Outcome, Phase, ProbeFailed, Reason, Reply, Seconds


class Histogram:
    """Counts observations in buckets with the given upper bounds, and one above them all."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Count a value; a bound belongs to the bucket below it (``le``)."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.total += value * times

    def row(self) -> tuple[float, ...]:
        """Return the cumulative counts, then the sum, then the count: the order of their lines."""
        cumulative = tuple(accumulate(self.counts))
        return (*cumulative, self.total, cumulative[-1])


class PairSeries:
    """Everything that is counted of one pair; goes on through every reload that keeps the pair.

    ``aim`` it before the first probe, and again at each reload.
    """

    __slots__ = (
        "decided_at",
        "duplicate_replies",
        "duration",
        "facts",
        "failures",
        "fresh_for",
        "last_success",
        "late_replies",
        "phases",
        "probes",
        "reply",
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
        self.facts: Facts | None = None
        """What the latest decided probe saw; None before the first."""
        self.reply: Reply | None = None
        """What it measured; None if it failed."""
        self.last_success: float | None = None
        self.decided_at: Seconds = 0.0

    def record(self, facts: Facts, outcome: Outcome, now: Seconds, wall: float) -> None:
        """Take one probe that was decided now, by the monotonic and by the wall clock."""
        self.probes += 1
        self.facts, self.decided_at = facts, now
        if facts.retransmitted:
            self.retransmitted += 1
        if isinstance(outcome, ProbeFailed):
            self.reply = None
            self.late_replies += facts.answered_late
            reason = outcome.reason if outcome.reason in self.failures else Reason.LOCAL
            self.failures[reason] += 1
            return
        self.reply, self.last_success = outcome, wall
        if outcome.rtt is not None:
            self.rtt.observe(outcome.rtt)
        if outcome.response is not None:
            self.response.observe(outcome.response)
        if outcome.duration is not None:
            self.duration.observe(outcome.duration)
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

    def shown(self, now: Seconds) -> bool:
        """Tell whether the latest probe is recent enough to be shown as the present."""
        return self.facts is not None and now - self.decided_at <= self.fresh_for

    @property
    def server(self) -> Seconds | None:
        """What the server took, seen from outside; two clocks' noise must not make it negative."""
        if self.reply is None or self.reply.response is None or self.reply.rtt is None:
            return None
        return max(0.0, self.reply.response - self.reply.rtt)

"""The state behind the series of one pair: what was counted, and what the latest probe was like.

Plain attributes that ``exporter.recording.metrics`` reads through its table; no names, no text.
"""

from __future__ import annotations

import copy
import dataclasses
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from collectors.contract import Facts, Outcome, ProbeFailed
from collectors.replies import Exchange, Login, Query, Reply, RoundTrip
from collectors.terms import Phase, Reason, Seconds
from exporter.recording.history import FAILED, LOST, NOTHING_USUAL, RESENT, UNMEASURED, Recent, Usual, UsualLoss


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

    def as_it_is(self) -> Histogram:
        """Return a copy that counts no further."""
        kept = Histogram(self.bounds)
        kept.counts, kept.total = self.counts.copy(), self.total
        return kept

    def row(self) -> tuple[float, ...]:
        """Return the cumulative counts, then the sum, then the count: the order of their lines."""
        cumulative = tuple(accumulate(self.counts))
        return (*cumulative, self.total, cumulative[-1])


class Failure(NamedTuple):
    """How a probe failed: what is kept of a ``ProbeFailed``, which would keep all that it passed through."""

    reason: Reason
    detail: str
    misconfigured: bool
    phase: Phase | None
    wall: float
    """When, in seconds since the epoch."""

    @property
    def silent(self) -> bool:
        """Nothing came back: no answer, or a router's that there is no way, before anything was connected."""
        return self.reason in _SILENCE and self.phase not in _CONNECTED


@dataclasses.dataclass(slots=True)
class LastProbe:
    """The latest probe that was decided. Each one overwrites it: a new object would cost a tenth of all recording."""

    facts: Facts | None = None
    """What it saw; None before the first."""
    reply: Reply | None = None
    """What it measured; None if it failed."""
    at: Seconds = 0.0
    """When it was decided, by the monotonic clock."""


class Failing(NamedTuple):
    """The failures since the last success, by the monotonic clock."""

    since: Seconds
    """When the last probe succeeded; if none ever did, when the first one failed."""
    first: Seconds
    """When the first of them was decided."""
    in_a_row: int


class Moved(NamedTuple):
    """The latest change of the address that a pair measures."""

    before: str
    after: str
    why: str
    """Empty where the resolver gave another address; else what was wrong with the one before."""
    at: Seconds
    """When, by the monotonic clock."""
    wall: float
    """When, in seconds since the epoch."""

    def __str__(self) -> str:
        return f"{self.before} -> {self.after}" + (f" ({self.why})" if self.why else "")


_SILENCE = (Reason.TIMEOUT, Reason.UNREACHABLE)
_CONNECTED = (Phase.TLS, Phase.AUTH, Phase.QUERY, Phase.PROCESSING, Phase.TRANSFER)


class PairSeries:
    """Everything that is counted of one pair; goes on through every reload that keeps the pair.

    ``for_configuration`` gives the one for a configuration, before the first probe and again at each reload.
    """

    __slots__ = (
        "duplicate_replies",
        "duration",
        "ever_succeeded",
        "failing",
        "failures",
        "fresh_for",
        "last_failure",
        "last_success",
        "late_replies",
        "latest",
        "moved",
        "phases",
        "probes",
        "recent",
        "resent",
        "response",
        "retransmitted",
        "rtt",
        "usual_loss",
        "usual_rtt",
        "usual_server",
    )

    def __init__(self, reasons: Sequence[Reason]) -> None:
        self.fresh_for: Seconds = 0.0
        self.probes = 0
        self.failures = dict.fromkeys(reasons, 0)
        self.resent = 0
        """Handshakes that needed another SYN and then succeeded."""
        self.retransmitted = self.late_replies = self.duplicate_replies = 0
        self.rtt, self.response, self.duration = Histogram(()), Histogram(()), Histogram(())
        self.phases: dict[Phase, tuple[Seconds, int]] = {}
        self.latest = LastProbe()
        self.last_success: float | None = None
        """When, in seconds since the epoch."""
        self.failing: Failing | None = None
        """None if the latest probe succeeded."""
        self.last_failure: Failure | None = None
        self.restart_usual()

    def restart_usual(self) -> None:
        """Begin anew with what is usual, and whether it ever worked; what is counted goes on."""
        self.moved: Moved | None = None
        """The latest change of its address; None: none was seen."""
        self.recent = Recent()
        self.usual_rtt, self.usual_server, self.usual_loss = Usual(), NOTHING_USUAL, UsualLoss()
        self.ever_succeeded = False

    def record(self, facts: Facts, outcome: Outcome, now: Seconds, wall: float, *, learn: bool = True) -> None:
        """Record one probe that was decided now, by the monotonic and by the wall clock.

        ``learn`` is False while this host's own queue is in the numbers: they are not learnt as usual.
        """
        if now >= self.usual_loss.ends:
            local = self.failures.get(Reason.LOCAL, 0)
            self.usual_loss.turn(self.probes - local, sum(self.failures.values()) - local + self.resent, now)
        self.probes += 1
        if facts.retransmitted:
            self.retransmitted += 1
        if isinstance(outcome, ProbeFailed):
            self._fail(facts, outcome, now, wall)
        else:
            self._succeed(facts, outcome, now, wall, learn)
        latest = self.latest
        latest.facts, latest.at = facts, now

    def _fail(self, facts: Facts, failed: ProbeFailed, now: Seconds, wall: float) -> None:
        self.latest.reply = None
        self.late_replies += facts.answered_late
        reason = failed.reason if failed.reason in self.failures else Reason.LOCAL
        self.failures[reason] += 1
        failing = self.failing or Failing(self.latest.at or now, now, 0)
        self.failing = Failing(failing.since, failing.first, failing.in_a_row + 1)
        self.last_failure = Failure(reason, failed.detail, failed.misconfigured, facts.phase, wall)
        if reason is Reason.LOCAL:
            self.recent.add(UNMEASURED, now)
        else:
            self.recent.add(LOST if self.last_failure.silent or reason is Reason.DNS else FAILED, now)

    def _succeed(self, facts: Facts, reply: Reply, now: Seconds, wall: float, learn: bool) -> None:  # noqa: FBT001 - see ``record``
        self.latest.reply, self.last_success, self.failing, self.ever_succeeded = reply, wall, None, True
        rtt = None
        match reply:
            case RoundTrip():
                rtt = reply.rtt
            case Exchange():
                rtt = reply.rtt
                self.response.observe(reply.response)
                self.duration.observe(reply.duration)
            case Login():
                rtt = reply.rtt
                self.duration.observe(reply.duration)
            case Query():
                self.response.observe(reply.response)
        if rtt is not None:
            self.rtt.observe(rtt)
            if learn:
                self.usual_rtt.add(rtt, now)
        headline = reply.headline
        if facts.retransmitted:
            self.resent += 1
            headline = RESENT
        self.recent.add(UNMEASURED if headline is None else headline, now)
        server = reply.server
        if server is not None and learn:
            self._learn_server(server, now)
        if reply.phases:
            self._add_phases(reply.phases)

    def _learn_server(self, server: Seconds, now: Seconds) -> None:
        if self.usual_server is NOTHING_USUAL:
            self.usual_server = Usual()
        self.usual_server.add(server, now)

    def _add_phases(self, phases: Mapping[Phase, Seconds]) -> None:
        for phase, seconds in phases.items():
            if phase in self.phases:  # a probe that a reload overtook may have one that its target no longer has
                total, count = self.phases[phase]
                self.phases[phase] = total + seconds, count + 1

    def for_configuration(self, phases: Sequence[Phase], buckets: Sequence[float], fresh_for: Seconds) -> PairSeries:
        """Return what goes on with what is configured now: other buckets begin the histograms anew, the counts go on.

        Another address or scheme of the target may have other phases. Whatever changes the number of lines is a
        new object: a page may be under way that goes on with the old one.
        """
        same = self.rtt.bounds == buckets and tuple(self.phases) == tuple(phases)
        series = self if same else self.as_it_is()
        series.fresh_for = fresh_for
        if not same:
            series.phases = {phase: self.phases.get(phase, (0.0, 0)) for phase in phases}
        if self.rtt.bounds != buckets:
            series.rtt, series.response, series.duration = Histogram(buckets), Histogram(buckets), Histogram(buckets)
        return series

    def as_it_is(self) -> PairSeries:
        """Return a copy that goes on to show this moment."""
        kept = copy.copy(self)
        kept.latest = copy.copy(self.latest)
        kept.failures, kept.phases = self.failures.copy(), self.phases.copy()
        kept.rtt, kept.response, kept.duration = (
            histogram.as_it_is() for histogram in (self.rtt, self.response, self.duration)
        )
        return kept

    def phase_row(self) -> tuple[float, ...]:
        """Return sum and count of each phase, in order."""
        return tuple(number for phase in self.phases.values() for number in phase)

    def shown(self, now: Seconds) -> bool:
        """Tell whether the latest probe is recent enough to be shown as the present."""
        return self.latest.facts is not None and now - self.latest.at <= self.fresh_for

    @property
    def server(self) -> Seconds | None:
        """What the server took in the latest probe."""
        return self.latest.reply and self.latest.reply.server

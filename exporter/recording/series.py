"""The state behind the series of one pair: what was counted, and what is usual.

Plain attributes that ``exporter.recording.metrics`` reads through its table; no names, no text.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

from collectors.contract import Facts, Outcome, ProbeFailed
from collectors.replies import Exchange, Login, Query, Reading, Reply
from collectors.terms import Phase, Reason, Seconds
from exporter.clock import wall_clock
from exporter.recording.histogram import Histogram
from exporter.recording.history import FAILED, LOST, NOTHING_USUAL, RESENT, UNMEASURED, Recent, Usual, UsualLoss
from exporter.recording.latest import Failing, Failure, LastProbe, Moved

_NOWHERE = ""


class PairSeries:
    """Everything that is counted of one pair; it goes on through every reload that keeps the pair.

    ``for_configuration`` adapts it to a configuration, before the first probe and again at each reload.
    """

    __slots__ = (
        "_answered",
        "_answered_at",
        "created",
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
        "reading",
        "recent",
        "resent",
        "response",
        "retransmitted",
        "rtt",
        "usual_loss",
        "usual_rtt",
        "usual_server",
        "variation",
        "variations",
    )

    def __init__(self, reasons: Sequence[Reason]) -> None:
        self.fresh_for: Seconds = 0.0
        self.created = wall_clock()
        """Since when it is counted, in seconds since the epoch."""
        self.probes = 0
        self.failures = dict.fromkeys(reasons, 0)
        self.resent = 0
        """Handshakes that needed another SYN and then succeeded."""
        self.retransmitted = self.late_replies = self.duplicate_replies = 0
        self.rtt, self.response, self.duration = Histogram(()), Histogram(()), Histogram(())
        self.variation: Seconds = 0.0
        """How much each round trip differs from the one before it, added up (RFC 3550, A.8, without its smoothing).

        Probes between the two that were lost or gave none do not matter.
        """
        self.variations = 0
        """How many differences that is."""
        self.phases: dict[Phase, tuple[Seconds, int]] = {}
        self.latest = LastProbe()
        self.last_success: float | None = None
        """When, in seconds since the epoch."""
        self.failing: Failing | None = None
        """None if the latest probe succeeded."""
        self.last_failure: Failure | None = None
        self.restart_usual()

    def restart_usual(self) -> None:
        """Forget what is usual, what was read, and whether it ever succeeded; what is counted here goes on."""
        self.moved: Moved | None = None
        """The latest change of its address; None if there was none."""
        self.recent = Recent()
        self.usual_rtt, self.usual_server, self.usual_loss = Usual(), NOTHING_USUAL, UsualLoss()
        self.ever_succeeded = False
        self.reading: Reading | None = None
        """The latest, which stays while reads fail: what is counted in it is true still."""
        self._answered: Seconds = 0.0
        """The latest round trip."""
        self._answered_at: str | None = _NOWHERE
        """To which address it was, as ``Facts`` has it; ``_NOWHERE`` before the first."""

    def record(self, facts: Facts, outcome: Outcome, now: Seconds, wall: float, *, learn: bool = True) -> None:
        """Record one probe that was decided now, by the monotonic and by the wall clock.

        ``learn`` is False while this host's own queue is in the numbers: they are not learnt as usual.
        """
        if now >= self.usual_loss.ends:
            local = self.failures.get(Reason.LOCAL, 0)
            self.usual_loss.begin_slot(self.probes - local, sum(self.failures.values()) - local + self.resent, now)
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
        rtt = self._observe(reply)
        if rtt is not None:
            self.rtt.observe(rtt)
            if self._answered_at == facts.address:  # two addresses of a name are two paths
                self.variation += abs(rtt - self._answered)
                self.variations += 1
            self._answered, self._answered_at = rtt, facts.address
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

    def _observe(self, reply: Reply) -> Seconds | None:
        """Record what is particular to a kind of reply; return the network's round trip, if it has one."""
        match reply:
            case Exchange():
                self.response.observe(reply.response)
                self.duration.observe(reply.duration)
            case Login():
                self.duration.observe(reply.duration)
            case Query():
                self.response.observe(reply.response)
                return None
            case Reading():
                self.reading = reply
                return None
        return reply.rtt

    def _learn_server(self, server: Seconds, now: Seconds) -> None:
        if self.usual_server is NOTHING_USUAL:
            self.usual_server = Usual()
        self.usual_server.add(server, now)

    def _add_phases(self, phases: Mapping[Phase, Seconds]) -> None:
        for phase, seconds in phases.items():
            if phase in self.phases:  # a reload during the probe may have taken it away
                total, count = self.phases[phase]
                self.phases[phase] = total + seconds, count + 1

    def for_configuration(self, phases: Sequence[Phase], buckets: Sequence[float], fresh_for: Seconds) -> PairSeries:
        """Return these series as the configuration in force wants them. All counts go on.

        Other ``buckets`` begin the histograms anew. Another address or scheme of the target can mean other ``phases``.
        Either changes the number of lines: then a new object is returned, since a page under way needs the old one.
        Once nothing was probed for ``fresh_for``, the latest probe is no longer shown as the present.
        """
        same = self.rtt.bounds == buckets and tuple(self.phases) == tuple(phases)
        series = self if same else self.copy()
        series.fresh_for = fresh_for
        if not same:
            series.phases = {phase: self.phases.get(phase, (0.0, 0)) for phase in phases}
        if self.rtt.bounds != buckets:
            series.rtt, series.response, series.duration = Histogram(buckets), Histogram(buckets), Histogram(buckets)
        return series

    def copy(self) -> PairSeries:
        """Return a copy that does not change when this one does; but for what is usual, which no page shows."""
        series = copy.copy(self)
        series.latest = self.latest.copy()
        series.failures, series.phases = self.failures.copy(), self.phases.copy()
        series.rtt, series.response, series.duration = self.rtt.copy(), self.response.copy(), self.duration.copy()
        return series

    def phase_row(self) -> tuple[float, ...]:
        """Return sum and count of each phase, in order."""
        return tuple(number for phase in self.phases.values() for number in phase)

    def is_fresh(self, now: Seconds) -> bool:
        """Return whether the latest probe is recent enough to be shown as the present."""
        latest = self.latest
        return latest.facts is not None and now - latest.at <= self.fresh_for

    @property
    def server(self) -> Seconds | None:
        """What the server took in the latest probe."""
        return None if self.latest.reply is None else self.latest.reply.server

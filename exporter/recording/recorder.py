"""What happened goes in, the page of metrics comes out: each event is handed to whatever counts it.

``configure`` comes first, and again at every reload: pairs that stay keep what was counted of them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from collectors.contract import (
    DuplicateReply,
    Facts,
    LateReply,
    Notice,
    Outcome,
    ProbeFailed,
    ReceiveOverflow,
    SocketOpened,
)
from collectors.n8n.reading import N8nReading
from collectors.replies import Reading, RoundTrip
from collectors.terms import IpFamily, Seconds
from exporter.clock import wall_clock
from exporter.fleet import CheckedFile, Fleet, Host, Pair, pinging, sampled_datacenters
from exporter.probing import Move
from exporter.recording import metrics
from exporter.recording.exposition import Exposition
from exporter.recording.icmp_sockets import IcmpSockets
from exporter.recording.lookup_failures import LookupFailures
from exporter.recording.moves import Choice, Moves
from exporter.recording.outages import Outages
from exporter.recording.own_health import OwnHealth, RecentHealth
from exporter.recording.pair_records import PairRecords
from exporter.recording.pings import Pings
from exporter.recording.series import PairSeries
from exporter.recording.states_kept import StatesKept

_log = logging.getLogger(__name__)


class Recorder:
    """All that this program counts; the watcher of the pairs' scheduler and the server's view."""

    def __init__(self, version: str, choice: Choice) -> None:
        """``choice`` chooses the addresses of the pairs, and needs to know where nobody answers."""
        self._pairs = PairRecords()
        self._outages, self._moves = Outages(), Moves(choice)
        self._health, self._sockets = RecentHealth(), IcmpSockets()
        self._pings, self._lookups = Pings(), LookupFailures()
        self._states_kept = StatesKept()
        self._counts = metrics.ProbeCounts()
        self._counts_page = Exposition(metrics.probe_families(self._counts))
        self._counts_page.add(None, (), None, wall_clock())
        self._own = metrics.OwnMetrics(version)
        self._file: CheckedFile | None = None
        self.discovery = metrics.DiscoveryMetrics(self._own.registry)

    # What is configured

    def configure(self, fleet: Fleet, host: Host, pairs: Sequence[Pair]) -> None:
        """Record these pairs of a fleet, seen from this host.

        Raises BadFile, and changes nothing, if a pair would have no series.
        """
        metrics.ensure_recorded(fleet, pairs)
        for gone in self._pairs.configure(pairs, tuple(fleet.defaults.buckets)):
            self._outages.removed(gone, time.monotonic())
        self._moves.configure(self.states())
        self._pings.configure(pinging(fleet, host))
        self._sockets.configure(pairs)
        self._own.show_sockets(self._sockets.used())
        self._own.configured(fleet, host, pairs)
        self._health.configure(host, sampled_datacenters(fleet, host))
        if fleet.file is not self._file:  # else only the hosts are others, that were found
            self._file, self._health.not_reloaded = fleet.file, ""
            self._own.file_was_read()

    def reload_failed(self, problem: str) -> None:
        """Show that the fleet file could not be read, and that the one before is still in force."""
        self._own.reload_successful.set(0)
        self._health.not_reloaded = problem

    @property
    def reload_has_failed(self) -> bool:
        """Whether what is in force is not what was read last."""
        return bool(self._health.not_reloaded)

    def watch_names(self, targets: Iterable[str]) -> None:
        """Count the failed refreshes of these targets' addresses, from 0 on, and no others'."""
        self._lookups.watch(targets)

    def watch_lists(self, missing: Callable[[], str]) -> None:
        """Show what ``missing`` returns: which hosts are not known as they should be."""
        self._health.hosts_missing = missing

    # What happened

    def probe_ended(self, job: Pair, facts: Facts, outcome: Outcome) -> None:
        """Record the end of a pair's probe."""
        now, wall = time.monotonic(), wall_clock()
        series = self._pairs.changing(job.aim)
        failed_before = series.failing is not None
        if isinstance(outcome, RoundTrip) and outcome.egress_queue is not None:
            self._counts.egress_queue.observe(outcome.egress_queue)
            self._health.queued(outcome.egress_queue, now)
        series.record(facts, outcome, now, wall, learn=now >= self._health.queue_stands_until)
        if not isinstance(outcome, ProbeFailed):
            if isinstance(outcome, N8nReading):
                self._states_kept.read(job.name, outcome.state_problem)
            elif not isinstance(outcome, Reading):
                self._counts.measurements[job.protocol, outcome.clock] += 1
            if facts.tried:
                self._moves.detoured(job, facts, series, now, wall)
            if failed_before:
                self._outages.succeeded(job, now)
                self._moves.succeeded(job, facts)
            return
        self._outages.failed(job, series, now)
        self._moves.failed(job, facts, series)
        if _log.isEnabledFor(logging.DEBUG):
            pair = f"{job.name} {job.probe} {job.ip_family.value}"
            _log.debug("%s failed: %s: %s", pair, outcome.reason.value, outcome.detail)

    def started_late(self, lateness: Seconds, probes: int) -> None:
        """Record how long after their slot some probes were started."""
        now = time.monotonic()
        self._counts.lateness.observe(lateness, probes)
        self._health.started_late(lateness, now)
        self._outages.summarise(now)

    def skipped(self, probes: int) -> None:
        """Count probes that were due and were left out."""
        self._own.skipped.inc(probes)
        self._health.skipped(probes, time.monotonic())

    def notice(self, notice: Notice) -> None:
        """Record what a collector noticed that belongs to no probe under way."""
        match notice:
            case LateReply(target) if target in self._pairs:
                self._pairs.changing(target).late_replies += 1
            case DuplicateReply(target) if target in self._pairs:
                self._pairs.changing(target).duplicate_replies += 1
            case ReceiveOverflow(packets):
                self._own.overflows.inc(packets)
                self._health.overflowed(packets, time.monotonic())
            case SocketOpened():
                self._sockets.opened(notice)
                self._own.show_sockets(self._sockets.used())

    def dns_refresh_failed(self, target: str) -> None:
        """Count a refresh of a target's cached address that failed."""
        self._lookups.failed(target)

    def address_moved(self, move: Move) -> None:
        """Record that another address of a name is measured from now on."""
        self._moves.moved(move, time.monotonic(), wall_clock())

    def ping_received(self, peer: str | None) -> None:
        """Count a request of our /ping, by the header in which its sender names itself."""
        self._pings.received(peer, time.monotonic())

    def request_answered(self, handler: str, code: int, duration: Seconds) -> None:
        """Count an HTTP request of one of ``metrics.HANDLERS``."""
        self._own.requests.labels(handler, str(code)).inc()
        self._own.request_duration.labels(handler).observe(duration)

    # What is known

    def states(self) -> list[tuple[Pair, PairSeries]]:
        """Return every pair that is configured, with its series."""
        return self._pairs.states()

    def icmp_sockets(self) -> Mapping[IpFamily, SocketOpened | None]:
        """Return the ICMP socket of each family that the pairs use; None: it is not open yet."""
        return self._sockets.used()

    def own_health(self, now: Seconds) -> OwnHealth:
        """Return how our own measuring goes, at this time of the monotonic clock."""
        return self._health.read(now, no_icmp=self._sockets.why_no_echo(), asked_by=self._pings.ago(now))

    def page(self, *, openmetrics: bool) -> Iterator[bytes]:
        """Return the exposition in pieces, between which others may run; all that it says of pairs is of now."""
        now = time.monotonic()
        yield from self._pairs.render(now, openmetrics=openmetrics)
        for page in self._other_pages():
            yield from page.render(now, openmetrics=openmetrics)
        yield self._own.page(openmetrics=openmetrics)

    def messages(self) -> Iterator[bytes]:
        """Return the same in protobuf, with native histograms; others may run also where a piece is empty."""
        now = time.monotonic()
        yield from self._pairs.messages(now)
        for page in self._other_pages():
            yield from page.messages(now)
        yield from self._own.messages()

    def _other_pages(self) -> tuple[Exposition, ...]:
        return self._pings.page, self._lookups.page, self._counts_page

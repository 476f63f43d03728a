"""What happened goes in, the page comes out: the state behind all series.

``configure`` comes first, and again at every reload: pairs that stay keep what was counted of them.
"""

from __future__ import annotations

import logging
import operator
import time
from collections.abc import Iterable, Iterator, Sequence

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
from collectors.replies import RoundTrip
from collectors.terms import IpFamily, Seconds
from exporter.fleet import LOGIN, PROTOCOLS, QUERY, STRANGER, Fleet, Host, Pair, host_header
from exporter.probing.addresses import Move
from exporter.recording import icmp_sockets, metrics
from exporter.recording.exposition import Page
from exporter.recording.history import Lately
from exporter.recording.moves import Choice, Moves
from exporter.recording.outages import Outages
from exporter.recording.own_health import LONG_QUEUE, OwnHealth
from exporter.recording.series import PairSeries

_log = logging.getLogger(__name__)

_QUEUE_STANDS: Seconds = 60.0
"""How long a full egress queue is thought to stand after it was last seen: the next echo may be far off."""
_NOBODY = (STRANGER, "", "", "")
"""The peer labels of who asked our /ping and is no host of the fleet."""


class Recorder:
    """All that this program counts; the watcher of the pairs' scheduler and the server's view."""

    def __init__(self, version: str) -> None:
        self._own = metrics.OwnMetrics(version)
        self._series: dict[tuple[str, ...], PairSeries] = {}
        self._by_target: dict[int, PairSeries] = {}
        self._databases: dict[int, metrics.DatabaseSeries] = {}
        """By the ``id`` of either of its two series."""
        self._under_way: list[dict[int, object]] = []
        """For each page that is being made: what changed since it began, as it was then, by its ``id``."""
        self._pairs: Sequence[Pair] = ()
        self._outages, self._moves = Outages(), Moves()
        self.choice: Choice | None = None
        """Whoever chooses the addresses of the pairs, and wants to know where nobody answers."""
        self._queue, self._lateness = Lately(), Lately()
        self._queue_stands_until: Seconds = 0.0
        self._skipped, self._overflows = Lately(operator.add), Lately(operator.add)
        self._not_reloaded = ""
        self._peers: dict[str, tuple[str, ...]] = {}
        self._dns_failures: dict[str, int] = {}
        self._sockets: dict[IpFamily, SocketOpened] = {}
        self._families: set[IpFamily] = set()
        self._counts = metrics.ProbeCounts()
        self._pings: dict[tuple[str, ...], int] = {}
        self._asked: dict[str, Seconds] = {}
        """When each peer asked last."""
        self._ping_page = self._own_page = Page(())
        self._describe_peers({"": _NOBODY})
        self.watch_names(())
        self._page = Page(metrics.network_families(()))
        self._database_page = Page(metrics.database_families(()))

    # What is configured

    def configure(self, fleet: Fleet, host: Host, pairs: Sequence[Pair]) -> None:
        """Take a fleet that was read well; the counters of a pair that stays go on.

        Raises BadFile, and changes nothing, if a pair would have no series.
        """
        metrics.ensure_recorded(fleet, pairs)
        buckets = tuple(fleet.defaults.buckets)
        kept, self._series, self._by_target = self._series, {}, {}
        specs = {pair.identity: pair.aim for pair in self._pairs}
        self._page, self._pairs = Page(metrics.network_families(buckets)), pairs
        self._database_page = Page(metrics.database_families(buckets))
        for pair in pairs:
            series = kept.get(pair.identity) or PairSeries(pair.aim.reasons)
            series = series.for_configuration(pair.aim.phases, buckets, fresh_for=2 * pair.interval + pair.timeout)
            if specs.get(pair.identity, pair.aim) != pair.aim:
                series.restart_usual()  # what is usual there is not what was usual where it pointed before
            self._series[pair.identity] = self._by_target[id(pair.aim)] = series
            if not pair.database:
                self._page.add(pair, metrics.labels_of(pair), series)
        for identity in kept.keys() - self._series.keys():
            self._outages.removed(identity, time.monotonic())
        self._moves.configure(self.states())
        self._add_databases(pairs)
        self._describe(fleet, host, pairs)

    def _add_databases(self, pairs: Sequence[Pair]) -> None:
        """Show each database's logins and queries together."""
        queries = {
            pair.database: self._series[pair.identity] for pair in pairs if pair.probe == QUERY and pair.database
        }
        before, self._databases = self._databases, {}
        for pair in pairs:
            if pair.database and pair.probe == LOGIN:
                login, query = self._series[pair.identity], queries[pair.database]
                series = before.get(id(login))
                if not series or series.query is not query:
                    series = metrics.DatabaseSeries(login, query)
                self._databases[id(login)] = self._databases[id(query)] = series
                self._database_page.add(pair, metrics.labels_of(pair), series)

    def reload_failed(self, problem: str) -> None:
        """Show that the fleet file could not be read and the one before is still in force."""
        self._own.reload_successful.set(0)
        self._not_reloaded = problem

    def watch_names(self, targets: Iterable[str]) -> None:
        """Let the refreshes of these targets' addresses stand at 0 until one fails, and no others'."""
        self._dns_failures = {target: self._dns_failures.get(target, 0) for target in targets}
        self._own_page = Page(metrics.own_families(self._counts, self._dns_failures))
        self._own_page.add(None, (), None)
        for target in self._dns_failures:
            self._own_page.add(target, (("target", target),), target)

    def _describe(self, fleet: Fleet, host: Host, pairs: Sequence[Pair]) -> None:
        own = self._own
        own.self_info.clear()
        own.self_info.labels(*_described(host)).set(1)
        own.config_hash.set(fleet.config_hash)
        own.reload_successful.set(1)
        self._not_reloaded = ""
        own.reload_time.set_to_current_time()
        for protocol in PROTOCOLS:
            own.pairs.labels(protocol).set(sum(pair.protocol == protocol for pair in pairs))
        self._families = icmp_sockets.families(pairs)
        self._describe_sockets()
        self._describe_peers({host_header(peer.name): _described(peer) for peer in fleet.hosts} | {"": _NOBODY})

    def _describe_sockets(self) -> None:
        """Show the kinds of the families that are used: that others lack permission is no news."""
        self._own.icmp_socket.clear()
        for ip_family in self._families:
            opened = self._sockets.get(ip_family)
            for kind in ("datagram", "raw", "none"):
                self._own.icmp_socket.labels(ip_family.value, kind).set(opened is not None and opened.kind == kind)

    def _describe_peers(self, peers: dict[str, tuple[str, ...]]) -> None:
        self._peers = peers
        self._pings = {labels: self._pings.get(labels, 0) for labels in peers.values()}
        names = {name for name, *_ in peers.values()}
        self._asked = {name: asked for name, asked in self._asked.items() if name in names}
        self._ping_page = Page(metrics.ping_families(self._pings))
        for labels in self._pings:
            self._ping_page.add(labels, tuple(zip(metrics.PEER_LABELS, labels, strict=True)), labels)

    # What happened

    def decided(self, job: Pair, facts: Facts, outcome: Outcome) -> None:
        """Take the end of a pair's probe."""
        now, wall = time.monotonic(), time.time()  # noqa: TID251 - a date shown to people
        series = self._by_target[id(job.aim)]
        self._keep(series)
        failed_before = series.failing is not None
        if isinstance(outcome, RoundTrip) and outcome.egress_queue is not None:
            self._queued(outcome.egress_queue, now)
        series.record(facts, outcome, now, wall, learn=now >= self._queue_stands_until)
        if not isinstance(outcome, ProbeFailed):
            self._counts.measurements[job.protocol, outcome.clock] += 1
            if facts.tried:
                self._moves.detoured(job, facts, series, now, wall)
            if failed_before:
                self._outages.succeeded(job, now)
                if self.choice:
                    self._moves.succeeded(job, facts, self.choice)
            return
        self._outages.failed(job, series, now)
        if self.choice:
            self._moves.failed(job, facts, series, self.choice)
        if _log.isEnabledFor(logging.DEBUG):
            pair = f"{job.name} {job.probe} {job.ip_family.value}"
            _log.debug("%s failed: %s: %s", pair, outcome.reason.value, outcome.detail)

    def _queued(self, waited: Seconds, now: Seconds) -> None:
        self._counts.egress_queue.observe(waited)
        self._queue.add(waited, now)
        if waited > LONG_QUEUE:
            self._queue_stands_until = now + _QUEUE_STANDS

    def started_late(self, lateness: Seconds, probes: int) -> None:
        """Take how long after their slot probes were started."""
        now = time.monotonic()
        self._counts.lateness.observe(lateness, probes)
        self._lateness.add(lateness, now)
        self._outages.summarise(now)

    def skipped(self, probes: int) -> None:
        """Take how many turns passed without a probe."""
        self._own.skipped.inc(probes)
        self._skipped.add(probes, time.monotonic())

    def notice(self, notice: Notice) -> None:
        """Take what a collector tells that belongs to no probe under way."""
        match notice:
            case LateReply(target):
                if series := self._by_target.get(id(target)):
                    self._keep(series)
                    series.late_replies += 1
            case DuplicateReply(target):
                if series := self._by_target.get(id(target)):
                    self._keep(series)
                    series.duplicate_replies += 1
            case ReceiveOverflow(packets):
                self._own.overflows.inc(packets)
                self._overflows.add(packets, time.monotonic())
            case SocketOpened(ip_family):
                self._sockets[ip_family] = notice
                self._describe_sockets()

    def dns_refresh_failed(self, target: str) -> None:
        """Count a refresh of a target's cached address that failed."""
        if target in self._dns_failures:  # else a reload has just taken it away
            self._dns_failures[target] += 1

    def address_moved(self, move: Move) -> None:
        """Accept that another address of a name is measured."""
        self._moves.moved(move, time.monotonic(), time.time())  # noqa: TID251 - a date shown to people

    def ping_received(self, peer: str | None) -> None:
        """Count who asked our /ping, by the name he gave."""
        labels = self._peers.get(peer or "", _NOBODY)
        self._pings[labels] = self._pings.get(labels, 0) + 1
        if labels is not _NOBODY:
            self._asked[labels[0]] = time.monotonic()

    def request_answered(self, handler: str, code: int, duration: Seconds) -> None:
        """Count an HTTP request of one of ``metrics.HANDLERS``."""
        self._own.requests.labels(handler, str(code)).inc()
        self._own.request_duration.labels(handler).observe(duration)

    # What is shown

    def states(self) -> list[tuple[Pair, PairSeries]]:
        """Return every pair that is configured, with what is known of it."""
        return [(pair, self._by_target[id(pair.aim)]) for pair in self._pairs]

    def here(self, now: Seconds) -> OwnHealth:
        """Return how our own measuring goes, at this time of the monotonic clock."""
        return OwnHealth(
            egress_queue=self._queue.read(now),
            lateness=self._lateness.read(now),
            skipped=int(self._skipped.read(now) or 0),
            overflows=int(self._overflows.read(now) or 0),
            no_icmp=next(filter(None, map(icmp_sockets.problem, self._used_sockets())), ""),
            not_reloaded=self._not_reloaded,
            asked_by={name: now - asked for name, asked in self._asked.items()},
        )

    def _used_sockets(self) -> Iterator[SocketOpened]:
        return (opened for ip_family, opened in self._sockets.items() if ip_family in self._families)

    def page(self, *, openmetrics: bool) -> Iterator[bytes]:
        """Return the exposition in pieces, between which others may run; all that it says of pairs is of now."""
        now, kept = time.monotonic(), dict[int, object]()
        self._under_way.append(kept)
        try:
            for page in (self._page, self._database_page, self._ping_page, self._own_page):
                yield from page.render(now, openmetrics=openmetrics, kept=kept)
        finally:
            self._under_way = [other for other in self._under_way if other is not kept]
        yield self._own.page(openmetrics=openmetrics)

    def _keep(self, series: PairSeries) -> None:
        """Keep a pair as it is, which is about to change, for the pages that are being made."""
        for kept in self._under_way:
            shown = self._databases.get(id(series), series)
            if id(shown) not in kept:
                kept[id(shown)] = shown.as_it_is()


def _described(host: Host) -> tuple[str, ...]:
    return host.name, host.location, host.datacenter, host.country

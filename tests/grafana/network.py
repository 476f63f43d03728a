"""The series of paths and programs: ICMP to everybody, TCP and HTTP to some, and one site over TLS."""

from __future__ import annotations

import math
from collections.abc import Iterator

from exporter.fleet.buckets import BUCKETS
from tests.grafana.fleet import Fleet, Host
from tests.grafana.history import DAY, END, Clock, Labels, Series, Spread

REASONS = {
    "icmp": ("timeout", "unreachable", "dns", "protocol", "local"),
    "tcp": ("timeout", "refused", "reset", "unreachable", "dns", "local"),
    "http": ("timeout", "refused", "reset", "unreachable", "dns", "local", "tls", "status", "body", "protocol"),
}
PHASES = {"icmp": (), "tcp": ("connect",), "http": ("connect", "processing", "transfer")}
_EVERY = 15
"""Seconds from probe to probe."""
_SITE = Host("grafana", "wfdb01_usa", "wfdb01", "US")


def network(fleet: Fleet, clock: Clock) -> Iterator[Series]:
    """Yield the series of all pairs. What breaks: a host dies, the first path becomes slow and lossy, the site slow."""
    slow = fleet.pairs()[0]
    for source, target in fleet.pairs():
        yield from _Pair(clock, fleet, source, target, "icmp", "icmp", slow).series()
    for source, target in fleet.ring():
        yield from _Pair(clock, fleet, source, target, "tcp", "tcp", slow).series()
        yield from _Pair(clock, fleet, source, target, "ping", "http", slow).series()
        yield clock.counter(
            {"__name__": "network_latency_pings_received_total", **target.as_source(), **source.as_peer()}, 1 / _EVERY
        )
    site = _Pair(clock, fleet, fleet.hosts[0], _SITE, "http", "http", slow)
    yield from site.series()
    name = "network_latency_tls_certificate_expiry_timestamp_seconds"
    yield clock.gauge({"__name__": name, **site.labels}, END + 20 * DAY)


class _Pair:
    def __init__(
        self, clock: Clock, fleet: Fleet, source: Host, target: Host, probe: str, protocol: str, slow: tuple[Host, Host]
    ) -> None:
        self.labels = {
            **source.as_source(),
            **target.as_target(),
            "probe": probe,
            "protocol": protocol,
            "ip_family": "ipv4",
        }
        self._clock, self._protocol = clock, protocol
        self._rtt = _round_trip(source, target)
        self._is_slow = (source, target) == slow
        self._is_mute, self._is_lost = source == fleet.dead, fleet.is_lost(source, target)
        self._server = (0.02, 0.4 if target == _SITE else 0.02)
        self._has_histogram = fleet.has_histogram(source, protocol)

    def series(self) -> Iterator[Series]:
        answered, broken = self._spreads(self._rtt)
        yield from self._counts()
        yield self._gauge("rtt_seconds", self._rtt, broken.middle)
        if self._has_histogram:
            distribution = self._clock.histogram(*self._named("rtt_distribution_seconds"), BUCKETS, answered, broken)
            yield from self._ended(distribution)
        jitter = (Spread(each.per_second, each.middle / 20) for each in (answered, broken))
        yield from self._ended(self._clock.summary(*self._named("rtt_variation_seconds"), *jitter))
        if self._protocol == "icmp":
            yield self._gauge("reply_hop_limit", 52, 50 if self._is_slow else 52)
        if self._protocol == "http":
            yield from self._exchange()
        for phase in PHASES[self._protocol]:
            name, labels = self._named("phase_seconds")
            yield from self._ended(self._clock.summary(name, {**labels, "phase": phase}, answered, broken))

    def _counts(self) -> Iterator[Series]:
        yield self._counter("probes_total", 1 / _EVERY, 1 / _EVERY)
        timeouts = 1 / _EVERY if self._is_lost else 0.2 / _EVERY if self._is_slow else 0.0
        for reason in REASONS[self._protocol]:
            failed = {"timeout": timeouts, "local": 0.001 if self._is_slow else 0.0}.get(reason, 0.0)
            yield self._counter("probe_failures_total", 0, failed, reason=reason)
        if self._protocol != "icmp":
            yield self._counter("retransmitted_handshakes_total", 0, timeouts)

    def _exchange(self) -> Iterator[Series]:
        well, broken = self._server
        for name, seconds in (
            ("http_response_distribution_seconds", self._rtt + well),
            ("http_duration_seconds", 2 * self._rtt + well),
        ):
            yield from self._ended(self._clock.histogram(*self._named(name), BUCKETS, *self._spreads(seconds)))
        yield self._gauge("http_server_seconds", well, broken)
        yield self._gauge("peer_processing_seconds", well / 4, broken / 4)

    def _spreads(self, seconds: float) -> tuple[Spread, Spread]:
        """Return how answers are spread, and how while something is broken."""
        broken = Spread(0.8 / _EVERY, 1.8 * seconds, 0.4) if self._is_slow else Spread(1 / _EVERY, seconds)
        return Spread(1 / _EVERY, seconds), broken._replace(per_second=0.0) if self._is_lost else broken

    def _named(self, name: str) -> tuple[str, Labels]:
        return f"network_latency_{name}", self.labels

    def _gauge(self, name: str, well: float, broken: float) -> Series:
        absent = self._is_mute or self._is_lost
        return self._clock.gauge(
            {"__name__": f"network_latency_{name}", **self.labels}, well, None if absent else broken
        )

    def _counter(self, name: str, well: float, broken: float, **further: str) -> Series:
        labels = {"__name__": f"network_latency_{name}", **self.labels, **further}
        return self._clock.counter(labels, well, None if self._is_mute else broken)

    def _ended(self, series: Iterator[Series]) -> Iterator[Series]:
        """Yield series as they are while their exporter is scraped."""
        for each in series:
            yield self._clock.until_fault(each) if self._is_mute else each


def _round_trip(source: Host, target: Host) -> float:
    if source.datacenter == target.datacenter:
        return 0.0004
    distance = 0.17 if source.country != target.country else 0.02
    return distance * (1 + 0.02 * math.cos(_number(source.name + target.name)))


def _number(text: str) -> int:
    """Return a number that is the same in every process."""
    return sum(map(ord, text))

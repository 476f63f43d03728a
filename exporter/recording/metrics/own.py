"""What is said of this program itself: names, helps, labels, buckets.

What is counted once per probe, or has a series per target or peer, goes through
``exporter.recording.exposition``; the rest is ``prometheus_client``'s, in a registry of our own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client import Histogram as SlowHistogram
from prometheus_client.openmetrics.exposition import generate_latest as generate_latest_openmetrics

from collectors.terms import Clock
from exporter.fleet import PROTOCOLS
from exporter.recording.exposition import Family, Labels, bucket_samples
from exporter.recording.series import Histogram

LATENESS_BUCKETS = (0.0001, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
EGRESS_QUEUE_BUCKETS = (1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.1, 1.0)
REQUEST_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
HANDLERS = ("metrics", "ping", "index", "probe", "sd", "healthy", "ready", "reload", "other")
PEER_LABELS = ("peer", "peer_location", "peer_datacenter", "peer_country")
SELF_LABELS = ("self", "self_location", "self_datacenter", "self_country")


class ProbeCounts:
    """What is counted of every probe, whatever its pair; by integers, since it happens thousands of times a second."""

    def __init__(self) -> None:
        self.lateness = Histogram(LATENESS_BUCKETS)
        self.egress_queue = Histogram(EGRESS_QUEUE_BUCKETS)
        self.measurements = {(protocol, clock): 0 for protocol in PROTOCOLS for clock in Clock}


def own_families(counts: ProbeCounts, dns_failures: Mapping[str, int]) -> tuple[Family, ...]:
    """Return the table of our own families that are filled once per probe, or have a series per target.

    The owner of what is counted of probes is None, that of a look-up's failures is its target.
    """
    return (
        Family(
            "latency_exporter_dns_refresh_failures_total",
            "counter",
            "Failed lookups of an address that ICMP and TCP probes use; the last good one stays in use.",
            lambda target: () if target is None else (("", ()),),
            lambda target, _: (dns_failures[target],),
        ),
        _own_histogram(
            "latency_exporter_probe_lateness_seconds",
            "Seconds from when a probe was due until it had been started, and all others of its slot.",
            counts.lateness,
        ),
        _own_histogram(
            "latency_exporter_egress_queue_seconds",
            "Seconds that echo requests waited in this host's own transmit queue, by the kernel's clock.",
            counts.egress_queue,
        ),
        Family(
            "latency_exporter_measurements_total",
            "counter",
            "Measurements by the clock that took them; user: a kernel stamp was missing or could not be trusted.",
            lambda owner: _by_clock(counts) if owner is None else (),
            lambda _state, _now: tuple(counts.measurements.values()),
        ),
    )


def _by_clock(counts: ProbeCounts) -> Iterable[tuple[str, Labels]]:
    return [("", (("protocol", protocol), ("clock", clock.value))) for protocol, clock in counts.measurements]


def _own_histogram(name: str, text: str, histogram: Histogram) -> Family:
    samples = bucket_samples(histogram.bounds)
    return Family(
        name,
        "histogram",
        text,
        lambda owner: samples if owner is None else (),
        lambda _state, _now: histogram.row(),
    )


def ping_families(pings: Mapping[tuple[str, ...], int]) -> tuple[Family, ...]:
    """Return what is said of each peer, whose labels are its owner: ours too, for there are as many as hosts."""
    return (
        Family(
            "network_latency_pings_received_total",
            "counter",
            "Requests of this exporter's /ping, by the peer that says it sent them.",
            lambda _: (("", ()),),
            lambda peer, _: (pings[peer],),
        ),
    )


class OwnMetrics:
    """Our own counters that are few, or counted seldom."""

    def __init__(self, version: str) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # untyped upstream
        self.registry = registry = CollectorRegistry()
        for collector in (
            prometheus_client.ProcessCollector,
            prometheus_client.PlatformCollector,
            prometheus_client.GCCollector,
        ):
            collector(registry=registry)
        python = ".".join(map(str, sys.version_info[:3]))
        name = "latency_exporter_"
        Gauge(
            f"{name}build_info",
            "Version of latency-exporter, and of the Python that runs it; always 1.",
            ["version", "python"],
            registry=registry,
        ).labels(version, python).set(1)
        self.self_info = Gauge(
            f"{name}self_info",
            "Which host of the fleet this exporter is; always 1.",
            SELF_LABELS,
            registry=registry,
        )
        self.config_hash = Gauge(
            f"{name}config_hash",
            "The fleet file in force, as a number to compare with that of other hosts.",
            registry=registry,
        )
        self.reload_successful = Gauge(
            f"{name}config_last_reload_successful",
            "Whether the fleet file was read well the last time: 1, or 0 while the one before stays in force.",
            registry=registry,
        )
        self.reload_time = Gauge(
            f"{name}config_last_reload_success_timestamp_seconds",
            "When the fleet file was last read well, in seconds since the epoch.",
            registry=registry,
        )
        self.pairs = Gauge(
            f"{name}pairs",
            "Pairs that this host probes, by protocol: a pair is one probe toward one target over one IP family.",
            ["protocol"],
            registry=registry,
        )
        self.overflows = Counter(
            f"{name}icmp_receive_overflows_total",
            "ICMP packets that the kernel dropped because this program's receive buffer was full; not counted as loss.",
            registry=registry,
        )
        self.skipped = Counter(
            f"{name}probes_skipped_total",
            "Probes that were left out, because this program was held up or the probe before had not ended.",
            registry=registry,
        )
        self.icmp_socket = Gauge(
            f"{name}icmp_socket",
            "Kind of ICMP socket in use by IP family: 1 for it, 0 for the others; none: no permission, the probes "
            "fail as local.",
            ["ip_family", "kind"],
            registry=registry,
        )
        self.requests = Counter(
            f"{name}http_requests_total",
            "HTTP requests that this exporter has answered, by handler and status code.",
            ["handler", "code"],
            registry=registry,
        )
        self.request_duration = SlowHistogram(
            f"{name}http_request_duration_seconds",
            "Seconds to answer an HTTP request; a large answer is sent as slowly as it is read.",
            ["handler"],
            buckets=REQUEST_BUCKETS,
            registry=registry,
        )
        for handler in HANDLERS:
            self.request_duration.labels(handler)

    def page(self, *, openmetrics: bool) -> bytes:
        """Return these families; in OpenMetrics the end of the page too."""
        if openmetrics:
            return bytes(generate_latest_openmetrics(self.registry))  # type: ignore[no-untyped-call]  # untyped upstream
        return generate_latest(self.registry)

"""The families of this program itself that are counted with each probe, or that each target or peer has.

They go through ``exporter.recording.exposition``: ``prometheus_client`` would be too slow for them.
"""

from __future__ import annotations

from collections.abc import Mapping

from collectors.n8n.target import N8nTarget
from collectors.terms import Clock
from exporter.fleet import PROTOCOLS
from exporter.recording.families import Family, bucket_samples
from exporter.recording.histogram import Histogram

LATENESS_BUCKETS = (0.0001, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
EGRESS_QUEUE_BUCKETS = (1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.1, 1.0)
PEER_LABELS = ("peer", "peer_location", "peer_datacenter", "peer_country")


class ProbeCounts:
    """What is counted of every probe, whatever its pair; by integers, since it happens thousands of times a second."""

    def __init__(self) -> None:
        self.lateness = Histogram(LATENESS_BUCKETS)
        self.egress_queue = Histogram(EGRESS_QUEUE_BUCKETS)
        timed = [protocol for protocol in PROTOCOLS if protocol != N8nTarget.protocol]
        self.measurements = {(protocol, clock): 0 for protocol in timed for clock in Clock}


def lookup_families(failures: Mapping[str, int]) -> tuple[Family, ...]:
    """Return the families of cached addresses; the owner of a line is the target, by its name."""
    return (
        Family(
            "latency_exporter_dns_refresh_failures_total",
            "counter",
            "Failed lookups of an address that ICMP and TCP probes use; the last good one stays in use.",
            lambda _: (("", ()),),
            lambda target, _: (failures[target],),
        ),
    )


def probe_families(counts: ProbeCounts) -> tuple[Family, ...]:
    """Return the families of all probes together; they have one owner, this program."""
    by_clock = [("", (("protocol", protocol), ("clock", clock.value))) for protocol, clock in counts.measurements]
    return (
        _histogram(
            "latency_exporter_probe_lateness_seconds",
            "Seconds from when a probe was due until it had been started, and all that begin with it.",
            counts.lateness,
        ),
        _histogram(
            "latency_exporter_egress_queue_seconds",
            "Seconds that echo requests waited in this host's own transmit queue, by the kernel's clock.",
            counts.egress_queue,
        ),
        Family(
            "latency_exporter_measurements_total",
            "counter",
            "Measurements by the clock that took them; user: a kernel stamp was missing or could not be trusted.",
            lambda _: by_clock,
            lambda _state, _now: tuple(counts.measurements.values()),
        ),
    )


def _histogram(name: str, text: str, histogram: Histogram) -> Family:
    samples = bucket_samples(histogram.bounds)
    return Family(name, "histogram", text, lambda _: samples, lambda _state, _now: histogram.row())


def ping_families(pings: Mapping[tuple[str, ...], int]) -> tuple[Family, ...]:
    """Return the families of peers; the owner of a line is the values of its labels."""
    return (
        Family(
            "network_latency_pings_received_total",
            "counter",
            "Requests of this exporter's /ping, by the peer that says it sent them.",
            lambda _: (("", ()),),
            lambda peer, _: (pings[peer],),
        ),
    )

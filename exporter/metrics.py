"""Every metric name, help, label and bucket, in one place; ``exporter.recorder`` puts in what happened.

What is said of pairs, and what of our own is counted once per probe, goes through
``exporter.exposition``; the rest of our own is ``prometheus_client``'s, in a registry of our own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client import Histogram as SlowHistogram
from prometheus_client.openmetrics.exposition import generate_latest as generate_latest_openmetrics

from collectors.contract import Clock, Facts, Reply, Seconds
from exporter.exposition import Family, Labels, bucket_samples
from exporter.fleet import LOGIN, Pair
from exporter.series import Histogram, PairSeries

LATENESS_BUCKETS = (0.0001, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
EGRESS_QUEUE_BUCKETS = (1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.1, 1.0)
REQUEST_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
HANDLERS = ("metrics", "ping", "index", "probe", "sd", "healthy", "ready", "reload", "other")
PROTOCOLS = ("http", "icmp", "mysql", "postgresql", "tcp")
PAIR_LABELS = ("target", "target_location", "target_datacenter", "target_country", "probe", "protocol", "ip_family")
"""In the order of ``Pair.identity``, behind the database."""
DATABASE_LABELS = ("database", "db_type", "target", "target_location", "target_datacenter", "target_country")
PEER_LABELS = ("peer", "peer_location", "peer_datacenter", "peer_country")
SELF_LABELS = ("self", "self_location", "self_datacenter", "self_country")

_ALL = frozenset({"http", "icmp", "tcp"})
_TCP_BASED = frozenset({"tcp", "http"})
_ICMP = frozenset({"icmp"})
_HTTP = frozenset({"http"})


def _one(protocols: frozenset[str]) -> Callable[[Pair], Iterable[tuple[str, Labels]]]:
    return lambda pair: (("", ()),) if pair.protocol in protocols else ()


def _gauge(name: str, text: str, protocols: frozenset[str], read: Callable[[PairSeries], float | None]) -> Family:
    def values(series: PairSeries, now: Seconds) -> tuple[float] | None:
        value = read(series) if series.shown(now) else None
        return None if value is None else (value,)

    return Family(name, "gauge", text, _one(protocols), values)


def _measured(name: str, text: str, protocols: frozenset[str], read: Callable[[Reply], float | None]) -> Family:
    """Return a gauge of what the latest probe measured, if it succeeded."""
    return _gauge(name, text, protocols, lambda series: read(series.reply) if series.reply else None)


def _seen(name: str, text: str, protocols: frozenset[str], read: Callable[[Facts], float | None]) -> Family:
    """Return a gauge of what the latest probe saw, however it ended."""
    return _gauge(name, text, protocols, lambda series: read(series.facts) if series.facts else None)


def _counter(name: str, text: str, protocols: frozenset[str], read: Callable[[PairSeries], int]) -> Family:
    return Family(name, "counter", text, _one(protocols), lambda series, _: (read(series),))


def _histogram(
    name: str, text: str, protocols: frozenset[str], buckets: Sequence[float], read: Callable[[PairSeries], Histogram]
) -> Family:
    samples = bucket_samples(buckets)

    def of(pair: Pair) -> Iterable[tuple[str, Labels]]:
        return samples if pair.histogram and pair.protocol in protocols else ()

    return Family(name, "histogram", text, of, lambda series, _: read(series).row())


def _failures(pair: Pair) -> Iterable[tuple[str, Labels]]:
    return [("", (("reason", reason.value),)) for reason in pair.spec.reasons if pair.protocol in _ALL]


def _phases(pair: Pair) -> Iterable[tuple[str, Labels]]:
    phases = pair.spec.phases if pair.protocol in _ALL else ()
    return [(part, (("phase", phase.value),)) for phase in phases for part in ("_sum", "_count")]


def _last_success(series: PairSeries, now: Seconds) -> tuple[float] | None:
    if series.last_success is None or not series.shown(now):
        return None
    return (series.last_success,)


def network_families(buckets: Sequence[float]) -> tuple[Family, ...]:
    """Return the table of what is said of each pair, in the order of the page."""
    return (
        _measured(
            "network_latency_rtt_seconds",
            "The network's round trip in the latest probe, by the kernel's clock: ICMP echo to reply, or TCP's SYN to "
            "SYN/ACK. No program's time is inside.",
            _ALL,
            lambda reply: reply.rtt,
        ),
        _histogram(
            "network_latency_rtt_distribution_seconds",
            "The network's round trip in all successful probes.",
            _ALL,
            buckets,
            lambda series: series.rtt,
        ),
        _measured(
            "network_latency_http_response_seconds",
            "HTTP request out to first byte in, by the kernel's clock: network plus server.",
            _HTTP,
            lambda reply: reply.response,
        ),
        _histogram(
            "network_latency_http_response_distribution_seconds",
            "HTTP request out to first byte in, in all successful probes.",
            _HTTP,
            buckets,
            lambda series: series.response,
        ),
        _gauge(
            "network_latency_http_server_seconds",
            "What the server took, seen from outside: response minus round trip.",
            _HTTP,
            lambda series: series.server,
        ),
        _histogram(
            "network_latency_http_duration_seconds",
            "The whole HTTP exchange, DNS to last byte, in all successful probes.",
            _HTTP,
            buckets,
            lambda series: series.duration,
        ),
        _gauge(
            "network_latency_probe_success",
            "Whether the latest decided probe succeeded.",
            _ALL,
            lambda series: int(series.reply is not None),
        ),
        Family(
            "network_latency_last_success_timestamp_seconds",
            "gauge",
            "When a probe last succeeded, in seconds since the epoch.",
            _one(_ALL),
            _last_success,
        ),
        _counter(
            "network_latency_probes_total",
            "Probes that were decided: answered, failed or timed out.",
            _ALL,
            lambda series: series.probes,
        ),
        Family(
            "network_latency_probe_failures_total",
            "counter",
            "Probes that failed, by reason.",
            _failures,
            lambda series, _: tuple(series.failures.values()),
        ),
        Family(
            "network_latency_phase_seconds",
            "summary",
            "The phases of successful probes, each for itself, not cumulative.",
            _phases,
            lambda series, _: series.phase_row(),
        ),
        _counter(
            "network_latency_retransmitted_handshakes_total",
            "TCP handshakes that needed another SYN, finished or not.",
            _TCP_BASED,
            lambda series: series.retransmitted,
        ),
        _counter(
            "network_latency_late_replies_total",
            "ICMP replies that came after their probe's deadline.",
            _ICMP,
            lambda series: series.late_replies,
        ),
        _counter(
            "network_latency_duplicate_replies_total",
            "ICMP replies to a probe that was already answered.",
            _ICMP,
            lambda series: series.duplicate_replies,
        ),
        _seen(
            "network_latency_reply_hop_limit",
            "Hop limit (TTL) with which the latest reply arrived; a change is a change of route.",
            _ICMP,
            lambda facts: facts.hop_limit,
        ),
        _seen(
            "network_latency_http_status_code",
            "Status code of the latest probe, well or failed, if it got one.",
            _HTTP,
            lambda facts: facts.status_code,
        ),
        _seen(
            "network_latency_tls_certificate_expiry_timestamp_seconds",
            "When the served certificate expires, trusted or not, in seconds since the epoch.",
            _HTTP,
            lambda facts: facts.certificate_expiry,
        ),
        _seen(
            "network_latency_peer_processing_seconds",
            "What the peer's /ping said of its own time.",
            _HTTP,
            lambda facts: facts.peer_processing,
        ),
    )


class DatabaseSeries(NamedTuple):
    """The two series of a database's logins and queries; they are shown together."""

    login: PairSeries
    query: PairSeries

    @property
    def both(self) -> tuple[tuple[str, PairSeries], ...]:
        """By the label ``mode``."""
        return ("cold", self.login), ("warm", self.query)


def database_families(buckets: Sequence[float]) -> tuple[Family, ...]:
    """Return the table of what is said of each database; its owner is the pair of its logins."""
    samples = bucket_samples(buckets)

    def login_gauge(name: str, text: str, read: Callable[[Reply], float | None]) -> Family:
        def values(series: DatabaseSeries, now: Seconds) -> tuple[float] | None:
            value = read(series.login.reply) if series.login.reply and series.login.shown(now) else None
            return None if value is None else (value,)

        return Family(name, "gauge", text, lambda _: (("", ()),), values)

    def histogram(name: str, text: str, read: Callable[[DatabaseSeries], Histogram]) -> Family:
        return Family(name, "histogram", text, lambda _: samples, lambda series, _: read(series).row())

    return (
        Family(
            "database_available",
            "gauge",
            "Whether the latest login and the latest query both succeeded.",
            lambda _: (("", ()),),
            _available,
        ),
        login_gauge(
            "database_rtt_seconds",
            "The network's round trip to the server in the latest login, by the kernel's clock: SYN to SYN/ACK.",
            lambda reply: reply.rtt,
        ),
        histogram(
            "database_rtt_distribution_seconds",
            "The network's round trip to the server in all successful logins.",
            lambda series: series.login.rtt,
        ),
        histogram(
            "database_connect_latency_seconds",
            "First packet to logged in: connect, TLS and authentication.",
            lambda series: series.login.duration,
        ),
        histogram(
            "database_query_latency_seconds",
            "A query on a connection that is kept, to the last byte of its answer: network plus server.",
            lambda series: series.query.response,
        ),
        Family(
            "database_phase_seconds",
            "summary",
            "The phases of successful logins and of the first query behind each, not cumulative.",
            lambda pair: [
                (part, (("phase", phase.value),)) for phase in pair.spec.phases for part in ("_sum", "_count")
            ],
            lambda series, _: series.login.phase_row(),
        ),
        login_gauge(
            "database_login_round_trips",
            "How often the latest login waited for the server: TCP, TLS and each step of authentication.",
            lambda reply: reply.round_trips,
        ),
        Family(
            "database_probes_total",
            "counter",
            "Logins (cold) and queries on a kept connection (warm) that were decided.",
            lambda _: [("", (("mode", mode),)) for mode in ("cold", "warm")],
            lambda series, _: [of.probes for _, of in series.both],
        ),
        Family(
            "database_probe_failures_total",
            "counter",
            "Those that failed, by reason.",
            lambda pair: [
                ("", (("mode", mode), ("reason", reason.value)))
                for mode in ("cold", "warm")
                for reason in pair.spec.reasons
            ],
            lambda series, _: [count for _, of in series.both for count in of.failures.values()],
        ),
    )


def _available(series: DatabaseSeries, now: Seconds) -> tuple[float] | None:
    """Both have to be known for a yes; one is enough for a no."""
    known = [of.reply is not None for _, of in series.both if of.shown(now)]
    return (float(all(known)),) if len(known) == len(series.both) or False in known else None


def labels_of(pair: Pair) -> Labels:
    """Return the labels of a pair's series; a database's two pairs have the same."""
    database, *values = pair.identity
    if database:
        values = [database, pair.protocol, *values[:4]]
    return tuple(zip(DATABASE_LABELS if database else PAIR_LABELS, values, strict=True))


def series_of(pair: Pair, buckets: Sequence[float]) -> int:
    """Return how many series a pair costs at most; a database's are counted with its logins."""
    if pair.database:
        families: Iterable[Family] = database_families(buckets) if pair.probe == LOGIN else ()
    else:
        families = network_families(buckets)
    return sum(len(list(family.samples(pair))) for family in families)


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
            "Refreshes of a cached address that failed; the last good one stays in use.",
            lambda target: () if target is None else (("", ()),),
            lambda target, _: (dns_failures[target],),
        ),
        _own_histogram(
            "latency_exporter_probe_lateness_seconds",
            "How long after it was due a probe had been started, and all others of its slot.",
            counts.lateness,
        ),
        _own_histogram(
            "latency_exporter_egress_queue_seconds",
            "Time of echo requests in this host's own transmit queue, by the kernel's clock.",
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
            "Requests of our /ping, by the peer that says it sent them.",
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
        Gauge(f"{name}build_info", "Version of this program.", ["version", "python"], registry=registry).labels(
            version, python
        ).set(1)
        self.self_info = Gauge(
            f"{name}self_info",
            "Which host of the fleet this is.",
            SELF_LABELS,
            registry=registry,
        )
        self.config_hash = Gauge(f"{name}config_hash", "The fleet file, as a number to compare.", registry=registry)
        self.reload_successful = Gauge(
            f"{name}config_last_reload_successful", "Whether the fleet file was last read well.", registry=registry
        )
        self.reload_time = Gauge(
            f"{name}config_last_reload_success_timestamp_seconds",
            "When the fleet file was last read well, in seconds since the epoch.",
            registry=registry,
        )
        self.pairs = Gauge(f"{name}pairs", "Pairs that this host probes.", ["protocol"], registry=registry)
        self.overflows = Counter(
            f"{name}icmp_receive_overflows_total",
            "ICMP packets that the kernel dropped because our receive buffer was full; not counted as loss.",
            registry=registry,
        )
        self.skipped = Counter(
            f"{name}probes_skipped_total",
            "Turns that passed without a probe, because this program was held up or the last one had not ended.",
            registry=registry,
        )
        self.icmp_socket = Gauge(
            f"{name}icmp_socket",
            "Which kind of ICMP socket a family got; none: no permission, its probes fail as local.",
            ["ip_family", "kind"],
            registry=registry,
        )
        self.requests = Counter(
            f"{name}http_requests_total", "Answered HTTP requests.", ["handler", "code"], registry=registry
        )
        self.request_duration = SlowHistogram(
            f"{name}http_request_duration_seconds",
            "Time to answer an HTTP request; a large answer is sent as slowly as it is read.",
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

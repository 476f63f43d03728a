"""The families of each pair that is no database: names, helps, labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from collectors.contract import Facts
from collectors.replies import Exchange, Query, Reading, Reply
from collectors.target import Gives
from collectors.terms import Seconds
from exporter.fleet import Pair
from exporter.recording.families import Family, Labels, bucket_samples
from exporter.recording.histogram import Histogram
from exporter.recording.series import PairSeries

PAIR_LABELS = ("target", "target_location", "target_datacenter", "target_country", "probe", "protocol", "ip_family")
"""In the order of ``Pair.identity``, behind the database."""
_WITHOUT_ROUND_TRIP = (Query, Reading)
"""Replies that measured none: a tuple, since a union in the family would be made anew for each line."""
_EVERY = None
"""Stands where a family names what a target has to give: every pair has the family."""


def _one(gives: Gives | None) -> Callable[[Pair], Iterable[tuple[str, Labels]]]:
    return lambda pair: (("", ()),) if gives is _EVERY or gives in pair.aim.gives else ()


def _gauge(name: str, text: str, gives: Gives | None, read: Callable[[PairSeries], float | None]) -> Family:
    def values(series: PairSeries, now: Seconds) -> tuple[float] | None:
        value = read(series) if series.is_fresh(now) else None
        return None if value is None else (value,)

    return Family(name, "gauge", text, _one(gives), values)


def _measured(name: str, text: str, gives: Gives, read: Callable[[Reply], float | None]) -> Family:
    """Return a gauge of what the latest probe measured, if it succeeded."""
    return _gauge(name, text, gives, lambda series: read(reply) if (reply := series.latest.reply) else None)


def _seen(name: str, text: str, gives: Gives, read: Callable[[Facts], float | None]) -> Family:
    """Return a gauge of what the latest probe saw, however it ended."""
    return _gauge(name, text, gives, lambda series: read(facts) if (facts := series.latest.facts) else None)


def _counter(name: str, text: str, gives: Gives | None, read: Callable[[PairSeries], int]) -> Family:
    return Family(name, "counter", text, _one(gives), lambda series, _: (read(series),))


def _histogram(
    name: str, text: str, gives: Gives, buckets: Sequence[float], read: Callable[[PairSeries], Histogram]
) -> Family:
    samples = bucket_samples(buckets)

    def of(pair: Pair) -> Iterable[tuple[str, Labels]]:
        return samples if pair.histogram and gives in pair.aim.gives else ()

    return Family(name, "histogram", text, of, lambda series, _: read(series).row(), read)


def _failures(pair: Pair) -> Iterable[tuple[str, Labels]]:
    return [("", (("reason", reason.value),)) for reason in pair.aim.reasons]


def _rtt_variation(pair: Pair) -> Iterable[tuple[str, Labels]]:
    return (("_sum", ()), ("_count", ())) if Gives.ROUND_TRIP in pair.aim.gives else ()


def _phases(pair: Pair) -> Iterable[tuple[str, Labels]]:
    return [(part, (("phase", phase.value),)) for phase in pair.aim.phases for part in ("_sum", "_count")]


def _last_success(series: PairSeries, now: Seconds) -> tuple[float] | None:
    if series.last_success is None or not series.is_fresh(now):
        return None
    return (series.last_success,)


def network_families(buckets: Sequence[float]) -> tuple[Family, ...]:
    """Return the families of pairs, in the order of the page."""
    return (
        _measured(
            "network_latency_rtt_seconds",
            "Network round trip of the latest probe in seconds, by the kernel's clock: ICMP echo to reply, or TCP's "
            "SYN to SYN/ACK. No program's time is inside.",
            Gives.ROUND_TRIP,
            lambda reply: None if isinstance(reply, _WITHOUT_ROUND_TRIP) else reply.rtt,
        ),
        _histogram(
            "network_latency_rtt_distribution_seconds",
            "Network round trips of all successful probes since the start, in seconds.",
            Gives.ROUND_TRIP,
            buckets,
            lambda series: series.rtt,
        ),
        Family(
            "network_latency_rtt_variation_seconds",
            "summary",
            "Jitter: the absolute difference of each network round trip from the answered one before it, in seconds. "
            "Failed probes between the two are passed over; a change of address begins anew.",
            _rtt_variation,
            lambda series, _: (series.variation, series.variations),
        ),
        _measured(
            "network_latency_http_response_seconds",
            "HTTP request out to first byte of the answer in, of the latest probe, in seconds, by the kernel's clock: "
            "network plus server.",
            Gives.RESPONSE,
            lambda reply: reply.response if isinstance(reply, Exchange) else None,
        ),
        _histogram(
            "network_latency_http_response_distribution_seconds",
            "HTTP request out to first byte of the answer in, of all successful probes since the start, in seconds.",
            Gives.RESPONSE,
            buckets,
            lambda series: series.response,
        ),
        _gauge(
            "network_latency_http_server_seconds",
            "What the HTTP server took for its latest answer, in seconds, seen from outside: response minus network "
            "round trip.",
            Gives.RESPONSE,
            lambda series: series.server,
        ),
        _histogram(
            "network_latency_http_duration_seconds",
            "Whole HTTP exchanges, DNS lookup to last byte, of all successful probes since the start, in seconds.",
            Gives.RESPONSE,
            buckets,
            lambda series: series.duration,
        ),
        _gauge(
            "network_latency_probe_success",
            "Whether the latest probe succeeded: 1 or 0.",
            _EVERY,
            lambda series: int(series.latest.reply is not None),
        ),
        Family(
            "network_latency_last_success_timestamp_seconds",
            "gauge",
            "When a probe of this pair last succeeded, in seconds since the epoch.",
            _one(_EVERY),
            _last_success,
        ),
        _counter(
            "network_latency_probes_total",
            "Probes that have ended: answered, failed or timed out.",
            _EVERY,
            lambda series: series.probes,
        ),
        Family(
            "network_latency_probe_failures_total",
            "counter",
            "Probes that failed, by reason; network_latency_probes_total counts all that ended.",
            _failures,
            lambda series, _: tuple(series.failures.values()),
        ),
        Family(
            "network_latency_phase_seconds",
            "summary",
            "Seconds that each phase of successful probes took: dns, connect, tls, processing, transfer; none "
            "includes another.",
            _phases,
            lambda series, _: series.phase_row(),
        ),
        _counter(
            "network_latency_retransmitted_handshakes_total",
            "TCP handshakes that needed a second SYN, finished or not: packets were lost.",
            Gives.HANDSHAKE,
            lambda series: series.retransmitted,
        ),
        _counter(
            "network_latency_late_replies_total",
            "ICMP replies that came after their probe's deadline; they are not measured.",
            Gives.ICMP_ECHO,
            lambda series: series.late_replies,
        ),
        _counter(
            "network_latency_duplicate_replies_total",
            "ICMP replies to a probe that was already answered; they are not measured.",
            Gives.ICMP_ECHO,
            lambda series: series.duplicate_replies,
        ),
        _seen(
            "network_latency_reply_hop_limit",
            "Hop limit (TTL) with which the latest ICMP reply arrived; a change means another route.",
            Gives.HOP_LIMIT,
            lambda facts: facts.hop_limit,
        ),
        _seen(
            "network_latency_http_status_code",
            "HTTP status code of the latest probe, also of a failed one that got an answer.",
            Gives.STATUS,
            lambda facts: facts.status_code,
        ),
        _seen(
            "network_latency_tls_certificate_not_before_timestamp_seconds",
            "When the TLS certificate that the target serves begins to be valid, or began, in seconds since the epoch.",
            Gives.CERTIFICATE,
            lambda facts: facts.certificate_not_before,
        ),
        _seen(
            "network_latency_tls_certificate_expiry_timestamp_seconds",
            "When the TLS certificate that the target serves expires, trusted or not, in seconds since the epoch.",
            Gives.CERTIFICATE,
            lambda facts: facts.certificate_expiry,
        ),
        _seen(
            "network_latency_peer_processing_seconds",
            "What the peer's latency-exporter itself says that it took to answer /ping, in seconds.",
            Gives.RESPONSE,
            lambda facts: facts.peer_processing,
        ),
    )

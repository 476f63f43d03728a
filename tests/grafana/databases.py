"""The series of two databases, probed by the first hosts. What breaks: the login of one; the other becomes slow."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.fleet.buckets import BUCKETS
from tests.grafana.fleet import Fleet
from tests.grafana.history import Clock, Labels, Series, Spread

_REASONS = {
    "cold": ("timeout", "refused", "reset", "unreachable", "dns", "tls", "auth", "limit", "protocol", "local"),
    "warm": ("timeout", "refused", "reset", "unreachable", "dns", "tls", "auth", "limit", "query", "protocol", "local"),
}
_EVERY = {"cold": 60, "warm": 15}
_RTT = 0.02
_PHASES = {"connect": _RTT, "tls": 2 * _RTT, "auth": 3 * _RTT, "query": _RTT + 0.002}
BROKEN = "n8n.postgres"
"""Its name holds what means something in a regular expression."""


def databases(fleet: Fleet, clock: Clock) -> Iterator[Series]:
    """Yield the series of all databases as the first two hosts see them."""
    for name, kind in ((BROKEN, "postgresql"), ("shop-mysql", "mysql")):
        for source in fleet.hosts[:2]:
            labels = {**source.as_source(), **fleet.hosts[1].as_target(), "database": name, "db_type": kind}
            yield from _database(labels, clock, breaks=name == BROKEN)


def _database(labels: Labels, clock: Clock, *, breaks: bool) -> Iterator[Series]:
    cold, warm = (Spread(1 / _EVERY[mode], 1) for mode in ("cold", "warm"))
    refused = cold._replace(per_second=0.0) if breaks else cold
    yield clock.gauge({"__name__": "database_available", **labels}, 1, 0 if breaks else 1)
    yield clock.gauge({"__name__": "database_login_round_trips", **labels}, 6, None if breaks else 6)
    for name, seconds in (("database_rtt_distribution_seconds", _RTT), ("database_connect_latency_seconds", 6 * _RTT)):
        spreads = (cold._replace(middle=seconds), refused._replace(middle=seconds))
        yield from clock.histogram(name, labels, BUCKETS, *spreads)
    queries = (warm._replace(middle=_RTT + 0.004), warm._replace(middle=_RTT + (0.004 if breaks else 0.4)))
    yield from clock.histogram("database_query_latency_seconds", labels, BUCKETS, *queries)
    for phase, seconds in _PHASES.items():
        spreads = (cold._replace(middle=seconds), refused._replace(middle=seconds))
        yield from clock.summary("database_phase_seconds", {**labels, "phase": phase}, *spreads)
    for mode, reasons in _REASONS.items():
        yield clock.counter({"__name__": "database_probes_total", **labels, "mode": mode}, 1 / _EVERY[mode])
        for reason in reasons:
            lost = 1 / _EVERY[mode] if breaks and (mode, reason) == ("cold", "auth") else 0.0
            failed = {"__name__": "database_probe_failures_total", **labels, "mode": mode, "reason": reason}
            yield clock.counter(failed, 0, lost)

"""The series of the exporters themselves. What breaks: one goes with its host, another gets a newer fleet file."""

from __future__ import annotations

from collections.abc import Iterator

from tests.grafana.fleet import Fleet, Host
from tests.grafana.history import END, Clock, Series, Spread

_LATENESS = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 10)
_QUEUE = (1e-06, 1e-05, 0.0001, 0.001, 0.01, 0.1, 1)
_GAUGES = {
    "latency_exporter_config_last_reload_successful": 1,
    "latency_exporter_config_last_reload_success_timestamp_seconds": END - 90_000,
    "process_resident_memory_bytes": 61e6,
    "process_open_fds": 40,
    "process_max_fds": 1024,
    "scrape_samples_scraped": 900,
    "scrape_duration_seconds": 0.012,
}
_COUNTERS = {
    "latency_exporter_probes_skipped_total": 0.0,
    "latency_exporter_icmp_receive_overflows_total": 0.0,
    "process_cpu_seconds_total": 0.01,
}


def exporters(fleet: Fleet, clock: Clock) -> Iterator[Series]:
    """Yield the series of every exporter."""
    for host in fleet.hosts:
        yield clock.gauge({"__name__": "up", **host.as_source()}, 1, 0 if host == fleet.dead else 1)
        for series in _exporter(host, clock, is_first=host == fleet.hosts[0]):
            yield clock.until_fault(series) if host == fleet.dead else series


def _exporter(host: Host, clock: Clock, *, is_first: bool) -> Iterator[Series]:
    labels = host.as_source()
    for name, value in _GAUGES.items():
        yield clock.gauge({"__name__": name, **labels}, value)
    for name, rate in _COUNTERS.items():
        yield clock.counter({"__name__": name, **labels}, rate)
    info = {"__name__": "latency_exporter_build_info", **labels, "version": "1.0.0", "python": "3.12.4"}
    yield clock.gauge(info, 1)
    yield clock.gauge({"__name__": "latency_exporter_config_hash", **labels}, 4711, 4712 if is_first else 4711)
    for kind in ("datagram", "raw", "none"):
        socket = {"__name__": "latency_exporter_icmp_socket", **labels, "ip_family": "ipv4", "kind": kind}
        yield clock.gauge(socket, float(kind == "raw"))
    for protocol in ("icmp", "tcp", "http"):
        yield clock.gauge({"__name__": "latency_exporter_pairs", **labels, "protocol": protocol}, 2)
        for of, rate in (("kernel", 0.13), ("user", 0.0)):
            counted = {"__name__": "latency_exporter_measurements_total", **labels, "protocol": protocol, "clock": of}
            yield clock.counter(counted, rate)
    late = Spread(0.4, 0.0004, 1), Spread(0.4, 0.003 if is_first else 0.0004, 1)
    yield from clock.histogram("latency_exporter_probe_lateness_seconds", labels, _LATENESS, *late)
    yield from clock.histogram("latency_exporter_egress_queue_seconds", labels, _QUEUE, Spread(0.1, 2e-05, 1))
    for handler in ("metrics", "ping"):
        answered = {"__name__": "latency_exporter_http_requests_total", **labels, "handler": handler, "code": "200"}
        yield clock.counter(answered, 0.07)
    lookups = {"__name__": "latency_exporter_dns_refresh_failures_total", **labels, "target": "wf001"}
    yield clock.counter(lookups, 0, 0.02 if is_first else 0)

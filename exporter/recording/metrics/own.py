"""The families of this program itself that have few series, counted seldom: names, helps, labels, buckets.

They are ``prometheus_client``'s, in a registry of our own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client import Histogram as SlowHistogram
from prometheus_client.openmetrics.exposition import generate_latest as generate_latest_openmetrics

from collectors.contract import SocketOpened
from collectors.terms import IpFamily
from exporter.clock import wall_clock
from exporter.fleet import PROTOCOLS, Fleet, Host, Pair, in_maintenance
from exporter.recording.metrics.own_messages import own_messages

REQUEST_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
HANDLERS = ("metrics", "ping", "index", "probe", "sd", "fleet", "healthy", "ready", "reload", "other")
SELF_LABELS = ("self", "self_location", "self_datacenter", "self_country")


def host_labels(host: Host) -> tuple[str, ...]:
    """Return the values of a host's labels, be it ourselves or a peer."""
    return host.name, host.location, host.datacenter, host.country


class OwnMetrics:
    """The counters and gauges of this program itself."""

    def __init__(self, version: str) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # untyped upstream
        self.registry = registry = CollectorRegistry()
        self._created = wall_clock()
        for collector in (
            prometheus_client.ProcessCollector,
            prometheus_client.PlatformCollector,
            prometheus_client.GCCollector,
        ):
            collector(registry=registry)
        python = ".".join(map(str, sys.version_info[:3]))
        prefix = "latency_exporter_"
        Gauge(
            f"{prefix}build_info",
            "Version of latency-exporter, and of the Python that runs it; always 1.",
            ["version", "python"],
            registry=registry,
        ).labels(version, python).set(1)
        self.self_info = Gauge(
            f"{prefix}self_info",
            "Which host of the fleet this exporter is; always 1.",
            SELF_LABELS,
            registry=registry,
        )
        self.config_hash = Gauge(
            f"{prefix}config_hash",
            "The fleet file in force, as a number to compare with that of other hosts.",
            registry=registry,
        )
        self.reload_successful = Gauge(
            f"{prefix}config_last_reload_successful",
            "Whether the fleet file was read well the last time: 1, or 0 while the one before stays in force.",
            registry=registry,
        )
        self.reload_time = Gauge(
            f"{prefix}config_last_reload_success_timestamp_seconds",
            "When the fleet file was last read well, in seconds since the epoch.",
            registry=registry,
        )
        self.pairs = Gauge(
            f"{prefix}pairs",
            "Pairs that this host probes, by protocol: a pair is one probe toward one target over one IP family.",
            ["protocol"],
            registry=registry,
        )
        self._maintenance = Gauge(
            f"{prefix}maintenance_until_timestamp_seconds",
            "When the maintenance of a host of the fleet ends, in seconds since the epoch; +Inf: no end is set. A host "
            "that is not in maintenance has none.",
            ["target"],
            registry=registry,
        )
        self._hosts: tuple[Host, ...] = ()
        self.overflows = Counter(
            f"{prefix}icmp_receive_overflows_total",
            "ICMP packets that the kernel dropped because this program's receive buffer was full; not counted as loss.",
            registry=registry,
        )
        self.skipped = Counter(
            f"{prefix}probes_skipped_total",
            "Probes that were left out, because this program was held up or the probe before had not ended.",
            registry=registry,
        )
        self.icmp_socket = Gauge(
            f"{prefix}icmp_socket",
            "Kind of ICMP socket in use by IP family: 1 for it, 0 for the others; none: no permission, the probes "
            "fail as local.",
            ["ip_family", "kind"],
            registry=registry,
        )
        self.requests = Counter(
            f"{prefix}http_requests_total",
            "HTTP requests that this exporter has answered, by handler and status code.",
            ["handler", "code"],
            registry=registry,
        )
        self.request_duration = SlowHistogram(
            f"{prefix}http_request_duration_seconds",
            "Seconds to answer an HTTP request; a large answer is sent as slowly as it is read.",
            ["handler"],
            buckets=REQUEST_BUCKETS,
            registry=registry,
        )
        for handler in HANDLERS:
            self.request_duration.labels(handler)

    def configured(self, fleet: Fleet, host: Host, pairs: Sequence[Pair]) -> None:
        """Show the fleet in force, and which of its hosts we are."""
        self.self_info.clear()
        self.self_info.labels(*host_labels(host)).set(1)
        self._hosts = fleet.hosts
        self.config_hash.set(fleet.config_hash)
        for protocol in PROTOCOLS:
            self.pairs.labels(protocol).set(sum(pair.protocol == protocol for pair in pairs))

    def file_was_read(self) -> None:
        """Show that the fleet file has just been read well."""
        self.reload_successful.set(1)
        self.reload_time.set_to_current_time()

    def show_sockets(self, sockets: Mapping[IpFamily, SocketOpened | None]) -> None:
        """Show the kind of each family's socket, and no other family's; None: it is not open yet."""
        self.icmp_socket.clear()
        for ip_family, opened in sockets.items():
            for kind in ("datagram", "raw", "none"):
                self.icmp_socket.labels(ip_family.value, kind).set(opened is not None and opened.kind == kind)

    def page(self, *, openmetrics: bool) -> bytes:
        """Return the lines of all of them; in OpenMetrics the end of the page too."""
        self._show_maintenance()
        if openmetrics:
            return bytes(generate_latest_openmetrics(self.registry))  # type: ignore[no-untyped-call]  # untyped upstream
        return generate_latest(self.registry)

    def messages(self) -> Iterator[bytes]:
        """Return the same in protobuf."""
        self._show_maintenance()
        return own_messages(self.registry.collect(), self._created)

    def _show_maintenance(self) -> None:
        """Show the hosts that are in maintenance now, which may have ended by its date."""
        self._maintenance.clear()
        for name, end in in_maintenance(self._hosts, wall_clock()).items():
            self._maintenance.labels(name).set(end)

"""The families of the lists of hosts: what was found, when, and how often nothing was."""

from __future__ import annotations

from collections.abc import Collection

from prometheus_client import CollectorRegistry, Counter, Gauge

_PREFIX = "latency_exporter_discovery_"


class DiscoveryMetrics:
    """The counters and gauges of each mechanism of ``hosts_from`` that the fleet file names."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._hosts = Gauge(
            f"{_PREFIX}hosts",
            "Hosts in the lists in force, by the mechanism that found them.",
            ["mechanism"],
            registry=registry,
        )
        self._last_success = Gauge(
            f"{_PREFIX}last_success_timestamp_seconds",
            "When a list was last had, in seconds since the epoch: of several the one longest ago; absent "
            "while one was never had.",
            ["mechanism"],
            registry=registry,
        )
        self._failures = Counter(
            f"{_PREFIX}failures_total",
            "Lists that could not be had, were empty, had a fault or had lost too many hosts: the one before stays.",
            ["mechanism"],
            registry=registry,
        )
        self._failing = Gauge(
            f"{_PREFIX}failing",
            "Lists whose latest answer is not in force: it could not be had, or was not taken; 0 while all are well.",
            ["mechanism"],
            registry=registry,
        )
        self._shown: set[str] = set()

    def configure(self, mechanisms: Collection[str]) -> None:
        """Count these mechanisms, from 0 on, and no others."""
        for gone in self._shown - set(mechanisms):
            for family in (self._hosts, self._failures, self._failing):
                family.remove(gone)
            self._forget_success(gone)
        self._shown = set(mechanisms)
        for mechanism in mechanisms:
            self._failures.labels(mechanism)

    def show(self, mechanism: str, hosts: int, failing: int, last_success: float | None) -> None:
        """Show the hosts of a mechanism's lists, how many lists fail, and when the oldest was had, since the epoch."""
        self._hosts.labels(mechanism).set(hosts)
        self._failing.labels(mechanism).set(failing)
        if last_success is None:
            self._forget_success(mechanism)
        else:
            self._last_success.labels(mechanism).set(last_success)

    def failed(self, mechanism: str) -> None:
        """Count a list that is not in force."""
        self._failures.labels(mechanism).inc()

    def _forget_success(self, mechanism: str) -> None:
        self._last_success.labels(mechanism)
        self._last_success.remove(mechanism)

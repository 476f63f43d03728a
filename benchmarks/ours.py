"""What the exporter counts about itself: whether it was late or skipped probes, and which clock it used."""

from __future__ import annotations

import re
from dataclasses import dataclass

ON_TIME = "0.02"
"""The bucket, in seconds, that counts as on time."""


@dataclass(frozen=True, slots=True)
class Account:
    """Counts since the exporter's start."""

    started: float
    on_time: float
    skipped: float
    probes: float
    failures: float
    by_user_clock: float
    overflows: float

    def since(self, earlier: Account) -> dict[str, float]:
        """Return what happened in between, and the share that was on time."""
        started = self.started - earlier.started
        return {
            "on_time_share": (self.on_time - earlier.on_time) / started if started else float("nan"),
            "skipped": self.skipped - earlier.skipped,
            "failures": self.failures - earlier.failures,
            "by_user_clock": self.by_user_clock - earlier.by_user_clock,
            "overflows": self.overflows - earlier.overflows,
            "decided": self.probes - earlier.probes,
        }


def account_of(page: bytes) -> Account:
    """Return the counts of a page."""
    text = page.decode()

    def total(name: str, labels: str = "") -> float:
        return sum(map(float, re.findall(rf"^{name}(?:\{{.*{labels}.*\}})? (\S+)$", text, re.MULTILINE)))

    return Account(
        started=total("latency_exporter_probe_lateness_seconds_count"),
        on_time=total("latency_exporter_probe_lateness_seconds_bucket", f'le="{re.escape(ON_TIME)}"'),
        skipped=total("latency_exporter_probes_skipped_total"),
        probes=total("network_latency_probes_total"),
        failures=total("network_latency_probe_failures_total"),
        by_user_clock=total("latency_exporter_measurements_total", 'clock="user"'),
        overflows=total("latency_exporter_icmp_receive_overflows_total"),
    )

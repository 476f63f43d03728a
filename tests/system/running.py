"""The program on the hosts of a lab, and its pages there."""

from __future__ import annotations

import contextlib
import http.client
import sys
from collections.abc import Sequence
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.netlab import Host, Program, wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Page:
    """One scrape: samples by name and labels."""

    def __init__(self, text: str) -> None:
        self.samples: Series = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def values(self, name: str, **labels: str) -> list[float]:
        """Return the values of all series of this name with at least these labels."""
        return [
            value
            for (sample, had), value in self.samples.items()
            if sample == name and labels.items() <= dict(had).items()
        ]

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of the only such series; None if there is none."""
        values = self.values(name, **labels)
        assert len(values) < 2, f"{name} {labels} is not one series but {len(values)}"
        return values[0] if values else None

    def failures(self, **labels: str) -> dict[str, float]:
        """Return reason -> how many, only of reasons that occurred."""
        counts: dict[str, float] = {}
        for (name, had), value in self.samples.items():
            if name == "network_latency_probe_failures_total" and labels.items() <= dict(had).items() and value:
                reason = dict(had)["reason"]
                counts[reason] = counts.get(reason, 0) + value
        return counts


class Exporter:
    """The program, started on a host of a lab from a fleet file."""

    def __init__(
        self,
        host: Host,
        fleet_file: Path,
        *flags: str,
        port: int = 9102,
        through: Sequence[str] = (),
        named: bool = True,
    ) -> None:
        """``through`` is a command that runs the program, such as setpriv with its flags; ``named``: by ``--host``."""
        self.host, self.port = host, port
        command = [sys.executable, "-m", "exporter", "run", "--config.file", str(fleet_file)]
        command += ["--host", host.name] if named else []
        self.program: Program = host.popen([*through, *command, "--log.level=debug", *flags], cwd=REPOSITORY)

    def page(self) -> Page:
        """Scrape it from its own host."""
        return Page(self.get("/metrics"))

    def get(self, path: str) -> str:
        """Return a page, over its host's own loopback."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
            with self.host.entered():
                connection.connect()
            connection.request("GET", path)
            return connection.getresponse().read().decode()

    def ready(self) -> Exporter:
        """Wait until it serves."""
        wait_until(self._ready, f"{self.host.name} is ready: {self.program.error_output()}")
        return self

    def _ready(self) -> bool:
        assert self.program.poll() is None, self.program.error_output()
        with contextlib.suppress(OSError, http.client.HTTPException):
            return "is ready" in self.get("/-/ready")
        return False

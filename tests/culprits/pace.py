"""How fast a lab lives: as a fleet does, or with every duration a thirtieth of itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.system.alerting import faster
from tests.system.running import REPOSITORY

_RULES = REPOSITORY / "prometheus/rules"
_ALERTING = REPOSITORY / "prometheus/alertmanager.yml"


@dataclass(frozen=True)
class Pace:
    """Durations as they are written into files, and how many times faster than a fleet the lab is."""

    factor: int
    interval: str
    """Of probes, of scrapes and of evaluations."""
    vmalert: str
    """Of vmalert's evaluations: what it records is in VictoriaMetrics only after them."""
    cold: str
    icmp: str
    timeout: str
    scrape_timeout: str
    group_wait: str
    group_interval: str

    @property
    def between_looks(self) -> float:
        """Seconds between two looks at what becomes of a fault: seldom, since all labs share a machine."""
        return 2.0 if self.factor == 1 else 0.2

    def seconds(self, seconds: float) -> float:
        """Return how long something takes here that takes a fleet so many seconds."""
        return seconds / self.factor

    def write_rules(self, folder: Path) -> None:
        """Write the shipped rules that are on by default."""
        folder.mkdir()
        for name in ("recording.yml", "alerts.yml"):
            text = (_RULES / name).read_text()
            (folder / name).write_text(text if self.factor == 1 else faster(text, self.factor))

    def write_alerting(self, file: Path) -> None:
        """Write the shipped example for Alertmanager, with its receiver."""
        text = _ALERTING.read_text()
        for shipped, ours in (
            ("# webhook_configs", "webhook_configs"),
            ("group_wait: 30s", f"group_wait: {self.group_wait}"),
            ("group_interval: 5m", f"group_interval: {self.group_interval}"),
        ):
            assert shipped in text
            text = text.replace(shipped, ours)
        file.write_text(text)


REAL = Pace(1, "15s", "5s", "1m", "5s", "10s", "10s", "30s", "5m")
"""As config/fleet.example.yml has it."""
FAST = Pace(15, "1s", "1s", "4s", "1s", "900ms", "1s", "2s", "1s")
"""Fifteen times as fast. Alertmanager looks at a group each second, so what follows for a moment only is seen, too."""
QUICK = Pace(5, "3s", "1s", "12s", "1s", "2s", "2s", "6s", "1s")
"""Five times as fast: what two processors can do for thirty hosts."""

"""Hosts that share their fate by another label than the datacenter: what docs/prometheus.md says to do is enough."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.markdown import PAGES
from tests.prometheus import firing
from tests.prometheus.fleet import Fault, Fleet, Series
from tests.prometheus.notifying import EXAMPLE, Alertmanager
from tests.prometheus.test_rules import PROMTOOLS, RULES

pytestmark = pytest.mark.servers

LOCATIONS = {f"{location}{number}": location for location in "ab" for number in (1, 2)}
CUT = Fault(480, 780, loses=lambda source, target: float(source[0] != target[0]))


class OneDatacenter(Fleet):
    """Hosts of several locations, all in one datacenter."""

    def series(self) -> Series:
        return {re.sub('_datacenter="[^"]*"', '_datacenter="x"', name): of for name, of in super().series().items()}


@pytest.fixture
def regrouped(tmp_path: Path) -> Path:
    """Return a folder with the shipped files after the command of the page."""
    for file in (*RULES.glob("*.yml"), EXAMPLE):
        shutil.copy(file, tmp_path)
    (command,) = [words for words in PAGES["prometheus"].commands() if words[0] == "sed"]
    subprocess.run([*command[:3], *(str(tmp_path / Path(path).name) for path in command[3:])], check=True)
    return tmp_path


def test_a_link_chooses_the_locations(regrouped: Path) -> None:
    text = (regrouped / "alerts.yml").read_text()
    assert "?var-location={{ $labels.source_location | urlquery }}&var-location={{ $labels.target_location | " in text
    assert "var-datacenter" not in text


@pytest.mark.parametrize("promtool", PROMTOOLS)
def test_a_cut_between_two_locations_is_one_notification_that_names_them(
    regrouped: Path, monkeypatch: pytest.MonkeyPatch, promtool: str
) -> None:
    monkeypatch.setattr(firing, "RULES", regrouped)
    timeline = firing.seen(promtool, regrouped, OneDatacenter(LOCATIONS, 1200, (CUT,), protocols=("icmp",))).timeline
    (notification,) = Alertmanager(regrouped / EXAMPLE.name).notifications(timeline)
    assert {tuple(sorted(alert)) for alert in notification.alerts} == {
        (
            ("alertname", "DatacenterPathDown"),
            ("ip_family", "ipv4"),
            ("severity", "critical"),
            ("source_location", f"{source}_x"),
            ("target_location", f"{target}_x"),
        )
        for source, target in ("ab", "ba")
    }

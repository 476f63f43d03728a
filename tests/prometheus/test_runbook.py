"""The runbook against the rules: a section for each alert, and times that the rules really have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.prometheus.faults import BEFORE, FAULTS, FAULTS_OF_HOURS, HOURS, begins
from tests.prometheus.firing import inputs, tried
from tests.prometheus.fleet import STEP
from tests.yaml_files import content

ROOT = Path(__file__).parents[2]
RULES = ROOT / "prometheus/rules"
TEXT = (ROOT / "docs/runbook.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))
TIMES = {
    name: 60 * int(minutes) + int(seconds)
    for name, minutes, seconds in re.findall(r"^\| (\w+(?: \([\w ]+\))?) \| (\d+):(\d\d) \|", TEXT, re.MULTILINE)
}
AT_ONCE = {"LatencyExporterRestarting"}
"""Without a range to fill or a `for`: when it happens for the third time."""
AFTER_DAYS = {"N8nNoSuccess", "N8nDatabaseGrowing"}
"""By what was usual for days, which is in words; prometheus/rules/tests/n8n_weeks.yml has their times."""
SLOW = {"PathLossy"}
"""Within hours, which a test of its own lets pass."""
TOO_EARLY = 45
"""Seconds before its time at which an alert must not be there; a version of Prometheus may be a sample earlier."""


def shipped() -> list[dict[str, Any]]:
    files = [RULES / f"{name}.yml" for name in ("alerts", "extra", "n8n")]
    groups = [group for file in files for group in content(file)["groups"]]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def test_every_alert_has_a_section_and_every_section_is_an_alert() -> None:
    assert SECTIONS.keys() == {rule["alert"] for rule in shipped()}


@pytest.mark.parametrize("name", SECTIONS)
def test_each_section_says_what_it_means_and_three_things_to_look_at(name: str) -> None:
    assert re.findall(r"^(\d)\. ", SECTIONS[name], re.MULTILINE) == ["1", "2", "3"]
    assert len(SECTIONS[name].partition("\n1. ")[0].split()) >= 8


def test_every_cause_of_an_alert_is_named_in_its_section() -> None:
    for rule in shipped():
        fixed = [cause] if (cause := rule["labels"].get("cause")) else []
        for cause in re.findall(r'"cause", "([\w ]+)"', rule["expr"]) + fixed:
            assert f"`{cause}`" in SECTIONS[rule["alert"]] or f'cause="{cause}"' in SECTIONS[rule["alert"]], cause


def test_every_alert_has_its_times() -> None:
    assert {name.partition(" ")[0] for name in TIMES} == SECTIONS.keys() - AFTER_DAYS
    assert set(re.findall(r"^\| (\w+) \| [a-z]", TEXT, re.MULTILINE)) - {"alert"} == AFTER_DAYS
    assert TIMES.keys() == FAULTS.keys() | FAULTS_OF_HOURS.keys() | AT_ONCE | SLOW


@pytest.mark.parametrize(
    ("cause", "follows"),
    [
        ("HostUnreachable", "LatencyExporterDown"),
        ("HostUnreachable", "PeerFailing"),
        ("HostUnreachable", "DatabaseDown"),
        ("HostUnreachable", "PathDegraded (cut)"),
        ("HostUnreachable", "PathDegraded (loss)"),
        ("DatacenterPathDown", "PathDegraded (cut)"),
        ("DatacenterPathDegraded", "PathDegraded (loss)"),
        ("LatencyExporterDown", "PeerFailing"),
        ("MeasurementInDoubt (queue)", "PathDegraded (loss)"),
    ],
)
def test_a_cause_comes_before_what_follows_from_it(cause: str, follows: str) -> None:
    assert TIMES[cause] <= TIMES[follows] - 30


@pytest.mark.servers
@pytest.mark.parametrize("files", [("recording.yml", "alerts.yml", "extra.yml"), ("n8n.yml",)], ids=["", "n8n"])
def test_the_computed_times_are_those_of_the_rules(files: tuple[str, ...], tmp_path: Path) -> None:
    tests = []
    for name, series in (FAULTS | FAULTS_OF_HOURS).items():
        if name.startswith("N8n") != (files == ("n8n.yml",)):
            continue
        since = begins(HOURS if name in FAULTS_OF_HOURS else BEFORE)
        query = f'max(ALERTS{{alertname="{name.partition(" ")[0]}", alertstate="firing"}})'
        firing = {"labels": "{}", "value": 1}
        checks = [
            {"expr": query, "eval_time": f"{since + TIMES[name] - early}s", "exp_samples": samples}
            for early, samples in ((TOO_EARLY, []), (0, [firing]))
        ]
        tests.append({"name": name, "interval": "15s", "input_series": inputs(series), "promql_expr_test": checks})
    assert not tried("promtool", tmp_path / "times.yml", files, STEP, tests)

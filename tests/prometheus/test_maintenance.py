"""A host in maintenance: which alerts Alertmanager's example configuration keeps away, and that nobody is notified."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2] / "prometheus"
ALERTMANAGER = yaml.safe_load((ROOT / "alertmanager.yml").read_text())
MAINTENANCE = "HostInMaintenance"
NAMING = ("target", "source", "host")
"""The labels by which an alert names a host."""

Labels = Mapping[str, str]


def expected_alerts() -> Iterator[Labels]:
    """Yield the labels of every alert that the tests of the rules expect."""
    for file in (ROOT / "rules/tests").glob("*.yml"):
        for test in yaml.safe_load(file.read_text())["tests"]:
            for check in test.get("alert_rule_test", ()):
                for alert in check["exp_alerts"]:
                    yield {"alertname": check["alertname"], **alert["exp_labels"]}


def matches(matchers: list[str], labels: Labels) -> bool:
    return all(_matches(matcher, labels) for matcher in matchers)


def _matches(matcher: str, labels: Labels) -> bool:
    found = re.fullmatch(r'(\w+)(=~|!=|=)"([^"]*)"', matcher)
    assert found is not None, matcher
    name, operator, value = found.groups()
    has = labels.get(name, "")
    return bool(re.fullmatch(value, has)) if operator == "=~" else (has == value) == (operator == "=")


def is_kept_away(alert: Labels, by: Labels) -> bool:
    """Return whether an alert is inhibited by another, as Alertmanager does it: a label that is missing is empty."""
    return any(
        matches(rule["source_matchers"], by)
        and matches(rule["target_matchers"], alert)
        and all(alert.get(name, "") == by.get(name, "") for name in rule["equal"])
        for rule in ALERTMANAGER["inhibit_rules"]
    )


def maintenance_of(host: str) -> Labels:
    return {"alertname": MAINTENANCE, "severity": "info"} | dict.fromkeys(NAMING, host)


def test_the_alert_bears_the_labels_by_which_it_keeps_others_away() -> None:
    found = [alert for alert in expected_alerts() if alert["alertname"] == MAINTENANCE]
    assert found
    assert all(alert == maintenance_of(alert["target"]) for alert in found)


@pytest.mark.parametrize("alert", [*expected_alerts()], ids=lambda alert: alert["alertname"])
def test_every_alert_that_names_a_host_is_kept_away_by_its_maintenance_and_by_no_others(alert: dict[str, Any]) -> None:
    hosts = {alert[name] for name in NAMING if name in alert}
    is_maintenance = alert["alertname"] == MAINTENANCE
    for host in hosts:
        assert is_kept_away(alert, by=maintenance_of(host)) is not is_maintenance
    assert not is_kept_away(alert, by=maintenance_of("elsewhere"))


def test_nobody_is_notified_of_a_maintenance() -> None:
    (route,) = ALERTMANAGER["route"]["routes"]
    (receiver,) = (one for one in ALERTMANAGER["receivers"] if one["name"] == route["receiver"])
    assert matches(route["matchers"], maintenance_of("wf008"))
    assert receiver == {"name": "nobody"}

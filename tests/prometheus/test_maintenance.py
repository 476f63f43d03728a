"""A host in maintenance: which alerts Alertmanager's example configuration keeps away, and that nobody is notified."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.prometheus.firing import Alert, alert, label
from tests.prometheus.notifying import Alertmanager

TESTS = Path(__file__).parents[2] / "prometheus/rules/tests"
MAINTENANCE = "HostInMaintenance"
NAMING = ("target", "source", "host")
"""The labels by which an alert names a host."""


def expected_alerts() -> Iterator[Alert]:
    """Yield the labels of every alert that the tests of the rules expect."""
    for file in TESTS.glob("*.yml"):
        for test in yaml.safe_load(file.read_text())["tests"]:
            for check in test.get("alert_rule_test", ()):
                for expected in check["exp_alerts"]:
                    yield alert(alertname=check["alertname"], **expected["exp_labels"])


def maintenance_of(host: str) -> Alert:
    return alert(alertname=MAINTENANCE, severity="info", **dict.fromkeys(NAMING, host))


def test_the_alert_bears_the_labels_by_which_it_keeps_others_away() -> None:
    found = [one for one in expected_alerts() if label(one, "alertname") == MAINTENANCE]
    assert found
    assert all(one == maintenance_of(label(one, "target")) for one in found)


@pytest.mark.parametrize("named", [*expected_alerts()], ids=lambda named: label(named, "alertname"))
def test_every_alert_that_names_a_host_is_kept_away_by_its_maintenance_and_by_no_others(named: Alert) -> None:
    hosts = {label(named, name) for name in NAMING} - {""}
    is_maintenance = label(named, "alertname") == MAINTENANCE
    for host in hosts:
        assert Alertmanager().inhibited(named, [maintenance_of(host)]) is not is_maintenance
    assert not Alertmanager().inhibited(named, [maintenance_of("elsewhere")])


def test_nobody_is_notified_of_a_maintenance() -> None:
    assert not Alertmanager().notifies(maintenance_of("wf008"))
    configuration = yaml.safe_load((TESTS.parents[1] / "alertmanager.yml").read_text())
    assert {"name": "nobody"} in configuration["receivers"]  # it has no way to anybody

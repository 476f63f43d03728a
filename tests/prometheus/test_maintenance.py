"""Hosts in maintenance: the rules leave them out, and Alertmanager's example keeps other rules' alerts away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.prometheus.faults import AFTER, BEFORE, FAULTS, begins
from tests.prometheus.firing import Alert, alert, inputs, label, tried
from tests.prometheus.notifying import Alertmanager
from tests.prometheus.test_runbook import TIMES
from tests.yaml_files import content

TESTS = Path(__file__).parents[2] / "prometheus/rules/tests"
MAINTENANCE = "HostInMaintenance"
NAMING = ("target", "source", "host")
"""The labels by which an alert names a host."""


def expected_alerts() -> Iterator[Alert]:
    """Yield the labels of every alert that the tests of the rules expect."""
    for file in TESTS.glob("*.yml"):
        for test in content(file)["tests"]:
            for check in test.get("alert_rule_test", ()):
                for expected in check["exp_alerts"]:
                    yield alert(alertname=check["alertname"], **expected["exp_labels"])


def maintenance_of(host: str) -> Alert:
    return alert(alertname=MAINTENANCE, severity="info", **dict.fromkeys(NAMING, host))


def test_the_alert_bears_the_labels_by_which_it_keeps_others_away() -> None:
    ours = [one for one in expected_alerts() if label(one, "alertname") == MAINTENANCE]
    assert ours
    assert all(one == maintenance_of(label(one, "target")) for one in ours)


@pytest.mark.parametrize("named", [*expected_alerts()], ids=lambda named: label(named, "alertname"))
def test_every_alert_that_names_a_host_is_kept_away_by_its_maintenance_and_by_no_others(named: Alert) -> None:
    hosts = {label(named, name) for name in NAMING} - {""}
    is_maintenance = label(named, "alertname") == MAINTENANCE
    for host in hosts:
        assert Alertmanager().inhibited(named, [maintenance_of(host)]) is not is_maintenance
    assert not Alertmanager().inhibited(named, [maintenance_of("elsewhere")])


def test_nobody_is_notified_of_a_maintenance() -> None:
    assert not Alertmanager().notifies(maintenance_of("wf008"))
    configuration = content(TESTS.parents[1] / "alertmanager.yml")
    assert {"name": "nobody"} in configuration["receivers"]  # it has no way to anybody


@pytest.mark.servers
@pytest.mark.parametrize("files", [("recording.yml", "alerts.yml", "extra.yml"), ("n8n.yml",)], ids=["", "n8n"])
def test_no_alert_fires_for_hosts_in_maintenance_whatever_alertmanager_does(
    files: tuple[str, ...], tmp_path: Path
) -> None:
    """Each alert by its own fault, at the time that the runbook has for it, and a minute later."""
    of_n8n = files == ("n8n.yml",)
    until = "latency_exporter_maintenance_until_timestamp_seconds"
    maintenance = {
        f'{until}{{job="latency", source="wf001", host="wf001", target="{host}"}}': f"9e9x{BEFORE + AFTER}"
        for host in ("wf001", "wf008", "wfdb01", "wfdb02", "a1", "a2", "b1", "b2")
    }
    if of_n8n:
        maintenance = {'source:network_latency_maintenance:bool{source="wf001"}': f"1x{BEFORE + AFTER}"}
    query = f'ALERTS{{alertstate="firing", alertname!~"LatencyNoData|{MAINTENANCE}"}}'
    tests = [
        {
            "name": name,
            "interval": "15s",
            "input_series": inputs(series | maintenance),
            "promql_expr_test": [
                {"expr": query, "eval_time": f"{begins(BEFORE) + TIMES[name] + later}s", "exp_samples": []}
                for later in (0, 60)
            ],
        }
        for name, series in FAULTS.items()
        if name not in {"LatencyNoData", MAINTENANCE} and name.startswith("N8n") == of_n8n
    ]
    assert not tried("promtool", tmp_path / "maintenance.yml", files, 30, tests)

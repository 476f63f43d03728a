"""Exactly the culprit arrives, once: faults of whole fleets, by the shipped rules and Alertmanager's example."""

from __future__ import annotations

from pathlib import Path

import pytest

from grafana.suspects import SUSPECTS
from tests.prometheus.firing import Alert, label, seen
from tests.prometheus.notifying import Alertmanager
from tests.prometheus.test_rules import PROMTOOLS
from tests.prometheus.whole_fleets import BEGINS, CASES, ENDS

pytestmark = pytest.mark.servers

NOT_SEEN_YET = 45
"""Seconds at worst until the next scrape, and the next evaluations of what is recorded and of the alert."""


def about(alert: Alert) -> str:
    """Say how bad an alert is, its name, its cause, and whom it blames."""
    ends = [label(alert, "source"), label(alert, "target")]
    if not label(alert, "target") and label(alert, "source_datacenter"):
        ends = [label(alert, "source_datacenter"), label(alert, "target_datacenter")]
    if label(alert, "alertname") in {"HostUnreachable", "LatencyExporterDown", "MeasurementInDoubt"}:
        ends = [label(alert, "target")]
    if label(alert, "database"):
        ends = [f"{label(alert, 'reason')} {label(alert, 'database')}".lstrip()]
    whom = " to ".join(filter(None, ends)) or label(alert, "job")
    return " ".join(filter(None, [*(label(alert, name) for name in ("severity", "alertname", "cause")), whom]))


def suspects(alerts: frozenset[Alert]) -> set[tuple[str, str]]:
    """Return whom the dashboard suspects where these alerts fire, or are going to, and by which of them."""
    return {(who, label(alert, "alertname")) for alert in alerts if (who := suspect(alert))}


def suspect(alert: Alert) -> str:
    """Say whom the dashboard suspects where this alert fires; alerts that blame nobody have none."""
    names = dict(alert)
    path = "path {source} → {target}" if "source" in names else ""
    words = {
        "HostUnreachable": "host {target}",
        "PathDegraded": path or "host {target}",
        "PathUneven": path or _WAY,
        "PathLossy": path or _WAY,
        "DatacenterPathDown": _WAY,
        "DatacenterPathDegraded": _WAY,
        "MeasurementInDoubt": "measurements of {source}" if names.get("cause") == "outgoing" else "",
        "PeerFailing": "probe {probe} of {target}",
        "PeerSlow": "probe {probe} of {target}",
        "DatabaseDown": "database {database}",
        "DatabaseSlow": "database {database}",
    }
    return words.get(names["alertname"], "").format(**names)


_WAY = "the way {source_datacenter} → {target_datacenter}"
IN_TURN = [(name, PROMTOOLS[number % len(PROMTOOLS)]) for number, name in enumerate(CASES)]
"""Each by one promtool, since they take seconds of a core; prometheus/rules/tests are run by both."""


@pytest.mark.parametrize(("name", "promtool"), IN_TURN, ids=CASES)
def test_one_notification_arrives_for_each_culprit_and_no_other(name: str, promtool: str, tmp_path: Path) -> None:
    case = CASES[name]
    timeline, texts, rows = seen(promtool, tmp_path, case.fleet(), read_at=(ENDS - 15, ENDS + 75), query=SUSPECTS)
    suspected = {(label(row, "who"), label(row, "alert")) for row in rows[ENDS - 15]}
    assert suspects(timeline[ENDS - 15]) <= suspected <= suspects(frozenset().union(*timeline.values()))
    # A maintenance is in the rules: none of Alertmanager's.
    timeline = {
        second: frozenset(alert for alert in alerts if label(alert, "alertname") != "HostInMaintenance")
        for second, alerts in timeline.items()
    }
    messages = Alertmanager().notifications(timeline)
    arrived = [{about(alert) for alert in message.alerts} for message in messages]
    assert sorted(map(sorted, arrived)) == sorted(map(sorted, case.arrives))
    # Nor does anything else arrive if a group is looked at in a worse moment, such as just after the repair.
    assert {about(alert) for alert in Alertmanager().unsuppressed(timeline)} == set().union(*case.arrives)
    assert all(message.second - BEGINS + NOT_SEEN_YET <= case.within for message in messages)
    assert case.says in texts
    assert not {alert for second, alerts in timeline.items() if second < BEGINS for alert in alerts}

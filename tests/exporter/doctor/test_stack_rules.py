"""Targets, rules, alerts, dashboards and leftovers: from what was read to findings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from exporter.doctor import bodies
from exporter.doctor.bodies import Alert, PushedGroup, RuleGroup, Sample
from exporter.doctor.diagnosis import Diagnosis, Status
from exporter.doctor.outcome import Answers
from exporter.doctor.rules import leftovers
from exporter.doctor.rules.alerting import OUR_GROUPS, RECORDED_BESIDE_ALERTS, alerting, firing, rules
from exporter.doctor.rules.dashboards import dashboards
from exporter.doctor.rules.scrape_targets import targets
from tests.exporter.doctor.values import NOW, answer, exporter, knowledge, seen, server, success, target
from tests.yaml_files import content

RULES = Path(__file__).parents[3] / "prometheus/rules"


def only(findings: Iterable[Diagnosis]) -> Diagnosis:
    (finding,) = findings
    return finding


def group(name: str, *kinds: str, health: str = "ok", error: str = "") -> dict[str, object]:
    several = [{"name": f"r{n}", "type": kind, "health": health, "lastError": error} for n, kind in enumerate(kinds)]
    return {"name": name, "rules": several}


def read(*several: dict[str, object]) -> list[RuleGroup]:
    return bodies.groups(success({"groups": several}).body)


# Targets


def test_targets_are_counted() -> None:
    diagnosis = only(targets(knowledge([target("a"), target("b"), target("c", health="unknown")])))
    assert (diagnosis.status, diagnosis.text) == (Status.OK, "3 targets: 2 up, 1 unknown")


def test_targets_of_others_that_are_down_are_a_note_and_ours_have_a_line_already() -> None:
    other = target(labels={"job": "node", "instance": "wf008:9100"}, health="down", scrapeUrl="http://wf008:9100/")
    diagnosis = only(targets(knowledge([target(health="down"), other])))
    assert (diagnosis.status, diagnosis.text) == (
        Status.NOTE,
        "2 targets: 2 down; of other jobs are down: node wf008:9100",
    )


def test_an_address_that_two_jobs_scrape_is_named_with_both_and_without_its_query() -> None:
    url = "http://wf001:9102/metrics?token=t0ken"
    twice = [target(scrapeUrl=url), target(scrapeUrl=url, scrapePool="old")]
    _, diagnosis = targets(knowledge(twice))
    assert diagnosis.status is Status.WARNING
    assert "http://wf001:9102/metrics (latency and old)" in diagnosis.text
    assert "t0ken" not in repr(diagnosis)


def test_a_server_that_scrapes_nobody_is_a_note() -> None:
    assert only(targets(knowledge([]))).status is Status.NOTE
    assert list(targets(knowledge(None))) == []


# Rules and alerts


def test_rules_are_loaded_when_alerts_and_recording_rules_of_ours_are() -> None:
    diagnosis = only(
        rules(
            read(group("latency_a", "alerting"), group("latency_b", "recording"), group("node", "alerting")),
            reads_n8n=False,
        )
    )
    assert (diagnosis.status, diagnosis.text) == (Status.OK, "1 alert and 1 recording rule of ours")


def test_an_alert_with_a_rule_for_each_severity_is_one_alert() -> None:
    shipped = [group for file in RULES.glob("[ar]*.yml") for group in content(file)["groups"]]
    kinds = [
        {"name": rule.get("alert") or rule["record"], "type": "alerting" if "alert" in rule else "recording"}
        for group in shipped
        for rule in group["rules"]
    ]
    diagnosis = only(rules(read({"name": "latency_all", "rules": kinds}), reads_n8n=False))
    assert diagnosis.text.startswith("15 alerts and ")


@pytest.mark.parametrize(
    ("loaded", "files"),
    [
        ([], "prometheus/rules/alerts.yml and prometheus/rules/recording.yml"),
        ([group("latency_a", "alerting")], "prometheus/rules/recording.yml"),
        (
            [
                group("latency_a", "alerting"),
                group("latency_legacy", "recording"),
                group("latency_legacy_blackbox", "recording"),
            ],
            "prometheus/rules/recording.yml",
        ),
        (
            [
                group("latency_n8n_alerts", "alerting"),
                group("latency_n8n", "recording"),
                group("latency_b", "recording"),
            ],
            "prometheus/rules/alerts.yml",
        ),
    ],
)
def test_rules_that_are_not_loaded_are_named_by_their_files(loaded: list[dict[str, object]], files: str) -> None:
    diagnosis = only(rules(read(*loaded), reads_n8n=False))
    assert diagnosis.status is Status.WARNING
    assert diagnosis.text == f"not loaded: {files}; add to rule_files in prometheus.yml and reload"


def test_the_rules_of_n8n_are_needed_where_the_fleet_reads_one() -> None:
    needed = [group("latency_a", "alerting", "recording")]
    diagnosis = only(rules(read(*needed), reads_n8n=True))
    assert diagnosis.status is Status.WARNING
    assert diagnosis.text == "not loaded: prometheus/rules/n8n.yml; add to rule_files in prometheus.yml and reload"
    assert only(rules(read(*needed, group("latency_n8n_alerts", "alerting")), reads_n8n=True)).status is Status.OK


def test_what_the_files_of_alerts_record_does_not_stand_for_recording_yml() -> None:
    shipped = [group for name in ("alerts", "extra") for group in content(RULES / f"{name}.yml")["groups"]]
    recorded = {rule["record"] for group in shipped for rule in group["rules"] if "record" in rule}
    assert recorded == RECORDED_BESIDE_ALERTS
    beside: dict[str, object] = {
        "name": "latency_a",
        "rules": [{"name": name, "type": "recording"} for name in recorded],
    }
    diagnosis = only(rules(read(beside, group("latency_b", "alerting")), reads_n8n=False))
    assert "not loaded: prometheus/rules/recording.yml;" in diagnosis.text


def test_a_rule_of_ours_that_fails_is_broken() -> None:
    bad = group("latency_a", "alerting", "recording", health="err", error="many-to-many\nmatching")
    _, diagnosis = rules(read(bad), reads_n8n=False)
    assert diagnosis.status is Status.BROKEN
    assert diagnosis.text.startswith("cannot be evaluated: r0: many-to-many matching")


def test_all_groups_that_are_shipped_are_known_as_ours() -> None:
    for file in RULES.glob("*.yml"):
        assert all(each["name"].startswith(OUR_GROUPS) for each in content(file)["groups"]), file


def alert(name: str, **labels: str) -> Alert:
    return Alert(labels={"alertname": name, **labels})


def test_each_firing_alert_is_a_warning_with_its_labels() -> None:
    diagnosis = only(firing([alert("HostUnreachable", target="wf008", severity="critical")], "Alertmanager"))
    assert (diagnosis.status, diagnosis.what) == (Status.WARNING, "alerts")
    assert diagnosis.text == 'HostUnreachable{severity="critical", target="wf008"} is firing, says Alertmanager'


def test_an_alerts_line_has_the_labels_that_tell_and_none_that_only_place_it() -> None:
    place = {"target_location": "wf008_brazil", "target_datacenter": "wf008", "target_country": "BR"}
    of_us = {"source": "wf001", "host": "wf001", "instance": "wf001", "job": "latency", "source_country": "US"}
    degraded = alert(
        "PathDegraded", target="wf008", cause="loss", ip_family="ipv4", severity="warning", **place, **of_us
    )
    somebody_elses = alert("DiskFull", **{f"label_{number}": f"value {number}" for number in range(30)})
    first, second = firing([degraded, somebody_elses], "Prometheus")
    assert first.text == (
        'PathDegraded{cause="loss", ip_family="ipv4", severity="warning", source="wf001", target="wf008"} is firing, '
        "says Prometheus"
    )
    assert second.text.count("=") == 6


def test_an_alert_of_two_datacenters_names_them() -> None:
    diagnosis = only(firing([alert("DatacenterPathDown", source_datacenter="a", target_datacenter="b")], "Prometheus"))
    assert diagnosis.text.startswith('DatacenterPathDown{source_datacenter="a", target_datacenter="b"} ')


def test_an_alert_of_n8n_names_the_n8n_and_the_workflow() -> None:
    stuck = alert("N8nExecutionStuck", n8n="automation", workflow_id="w1", status="running", severity="warning")
    unread = alert("N8nReadFailing", n8n="automation", source="wf001", host="wf001", cause="failing")
    first, second = firing([stuck, unread], "Prometheus")
    assert first.text.startswith('N8nExecutionStuck{n8n="automation", severity="warning", workflow_id="w1"} ')
    assert second.text.startswith('N8nReadFailing{cause="failing", n8n="automation", source="wf001"} ')


def test_no_firing_alert_is_said_too_and_of_many_the_rest_is_counted() -> None:
    assert only(firing([], "Prometheus")).text == "none is firing, says Prometheus"
    several = list(firing([alert(f"A{n}") for n in range(23)], "Prometheus"))
    assert len(several) == 21
    assert several[-1].text == "3 alerts more: A20, A21, A22"


RULED = success(
    {
        "groups": [
            {
                "name": "latency_x",
                "rules": [
                    {
                        "name": "A",
                        "type": "alerting",
                        "alerts": [
                            {"labels": {"alertname": "A"}, "state": "firing"},
                            {"labels": {"alertname": "B"}, "state": "pending"},
                        ],
                    },
                    {"name": "r", "type": "recording"},
                ],
            }
        ]
    }
)


def test_without_an_alertmanager_prometheus_says_which_alerts_are_firing() -> None:
    loaded, fires = alerting(Answers({"rules": RULED}), None, reads_n8n=False)
    assert loaded.status is Status.OK
    assert fires.text == "A{} is firing, says Prometheus"


def test_alertmanager_has_the_last_word_on_alerts_for_it_knows_what_is_silenced() -> None:
    prometheus = Answers({"rules": RULED, "alertmanagers": success({"activeAlertmanagers": [{"url": "http://am"}]})})
    silenced = '[{"labels": {"alertname": "A"}, "status": {"state": "suppressed", "silencedBy": ["somebody"]}}]'
    loaded, fires = alerting(prometheus, Answers({"alerts": answer(silenced)}), reads_n8n=False)
    assert loaded.status is Status.OK
    assert fires.text == "none is firing, says Alertmanager"


def test_alerts_that_fire_in_prometheus_and_are_unknown_to_alertmanager_are_broken() -> None:
    prometheus = Answers({"rules": RULED, "alertmanagers": success({"activeAlertmanagers": [{"url": "http://am"}]})})
    _, _, unheard = alerting(prometheus, Answers({"alerts": answer("[]")}), reads_n8n=False)
    assert unheard.status is Status.BROKEN
    assert unheard.text == (
        "firing in Prometheus, and none of them has come to Alertmanager: A; another Alertmanager is named below "
        "alerting in prometheus.yml, or this one cannot be reached from there"
    )


def test_alerts_that_prometheus_sends_to_nobody_are_broken_if_there_is_an_alertmanager() -> None:
    answers = Answers({"alertmanagers": success({"activeAlertmanagers": []})})
    diagnosis = only(alerting(answers, Answers({}), reads_n8n=False))
    assert diagnosis.status is Status.BROKEN
    assert diagnosis.text.startswith("Prometheus sends its alerts to nobody")
    assert list(alerting(answers, None, reads_n8n=False)) == []


# Dashboards


def boards(*several: dict[str, object], health: str = '{"database": "ok"}', status: int = 200) -> list[Diagnosis]:
    answers = {"dashboards": answer(json.dumps(several), status)}
    return list(dashboards(seen(server("grafana"), answer(health), answers=answers)))


def test_dashboards_of_ours_are_known_by_tag_or_uid() -> None:
    diagnosis = only(
        boards({"uid": "x", "title": "Mesh", "tags": ["latency-exporter"]}, {"uid": "latency-exporter-db"})
    )
    assert (diagnosis.status, diagnosis.text) == (Status.OK, "2 of ours: Mesh, latency-exporter-db")


def test_dashboards_that_are_absent_are_only_a_note() -> None:
    diagnosis = only(boards({"uid": "x"}))
    assert (diagnosis.status, diagnosis.text) == (Status.NOTE, "none of ours among 1 dashboard")


def test_dashboards_that_need_a_login_are_a_note_with_what_to_add() -> None:
    diagnosis = only(boards(status=401))
    assert (diagnosis.status, diagnosis.text) == (
        Status.NOTE,
        "not looked for: that needs a login (401); give stack.grafana a user of role Viewer",
    )


def test_a_grafana_without_its_database_is_broken() -> None:
    diagnosis = boards(health='{"database": "failing"}')[0]
    assert (diagnosis.status, diagnosis.text) == (Status.BROKEN, "its own database is failing; look at Grafana's log")


# Leftovers


def pushed(**labels: str) -> PushedGroup:
    member = {"metrics": [{"value": str(NOW - 120)}]}
    return PushedGroup.model_validate(
        {"labels": labels, "push_time_seconds": member, "network_latency_rtt_seconds": member, "go_threads": member}
    )


def test_a_group_that_feeds_our_names_is_told_with_its_removal() -> None:
    gateway = server("pushgateway", "http://wfdb01:9091/push")
    diagnosis = only(leftovers.pushgateway([pushed(instance="wf008", job="a b")], gateway, NOW))
    assert diagnosis.status is Status.WARNING
    assert diagnosis.text == (
        'group {instance="wf008", job="a b"} feeds network_latency_rtt_seconds, pushed 2 min ago; stop what pushes '
        "it, then curl -X DELETE 'http://wfdb01:9091/push/metrics/job/a%20b/instance/wf008'"
    )


@pytest.mark.parametrize("labels", [{"job": "a/b"}, {"job": "a", "instance": ""}])
def test_no_command_is_written_for_labels_that_a_path_cannot_hold(labels: dict[str, str]) -> None:
    diagnosis = only(leftovers.pushgateway([pushed(**labels)], server("pushgateway"), NOW))
    assert diagnosis.text.endswith("then delete the group on its page")


def test_a_command_holds_no_quote_of_somebody_else() -> None:
    diagnosis = only(leftovers.pushgateway([pushed(job="x'; rm -r ~; '")], server("pushgateway"), NOW))
    command = diagnosis.text.partition("curl -X DELETE ")[2]
    assert re.fullmatch(r"'[^']*'", command)


def test_other_groups_are_left_alone() -> None:
    other = PushedGroup.model_validate({"labels": {"job": "backup"}, "backup_seconds": {"metrics": []}})
    diagnosis = only(leftovers.pushgateway([other], server("pushgateway"), NOW))
    assert (diagnosis.status, diagnosis.text) == (Status.OK, "nothing of the push path among 1 group")


def series(name: str, job: str = "") -> Sample:
    labels = {"__name__": name, "job": job} if job else {"__name__": name}
    return Sample(metric=labels, value=(NOW, 1.0))


def test_series_of_the_push_path_are_told_by_the_job_that_brings_them() -> None:
    diagnosis = leftovers.series(
        knowledge([], [exporter()]),
        [series("network_latency_rtt_seconds", "pushgateway"), series("database_available", "pushgateway")],
        legacy_rules=False,
    )
    assert only(diagnosis).text == (
        "job pushgateway brings database_available, network_latency_rtt_seconds beside ours; stop what pushes it, "
        "and drop its job"
    )


def test_series_that_were_written_without_a_job_are_known_by_their_name() -> None:
    several = [series("network_latency_rtt_seconds"), series("collector_api_up")]
    diagnosis = only(leftovers.series(knowledge([], []), several, legacy_rules=False))
    assert diagnosis.names == ("network_latency_rtt_seconds",)


def test_neither_our_own_without_source_nor_recorded_ones_are_leftovers() -> None:
    several = [series("network_latency_rtt_seconds", "latency"), series("collector_api_up")]
    diagnosis = only(leftovers.series(knowledge([], [exporter()]), several, legacy_rules=True))
    assert (diagnosis.status, diagnosis.text) == (Status.OK, "no series of the push path")


def path(value: float, source: str = "wf008_brazil") -> Sample:
    return Sample(metric={"source_location": source, "target_location": "wf001_usa"}, value=(NOW, value))


@pytest.mark.parametrize(
    ("pushed", "true", "text"),
    [
        (0.4, 0.351, "pushed 400 ms, measured 351; the difference, 49, is the ping service's"),
        (0.3, 0.351, "pushed 300 ms, measured 351"),
        (float("nan"), 0.351, "pushed nan ms, measured 351"),
        (float("inf"), 0.351, "pushed inf ms, measured 351"),
    ],
)
def test_what_was_pushed_is_held_against_what_was_measured(pushed: float, true: float, text: str) -> None:
    diagnosis = only(leftovers.compared("prometheus", [path(pushed)], [path(true)]))
    assert (diagnosis.status, diagnosis.text) == (Status.NOTE, f"wf008_brazil to wf001_usa: {text}")


def test_paths_that_only_one_of_them_has_are_not_compared() -> None:
    assert list(leftovers.compared("prometheus", [path(0.4)], [path(0.3, source="wf001_usa")])) == []

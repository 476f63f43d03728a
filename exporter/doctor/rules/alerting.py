"""Rules and alerts: are ours loaded, do they work, do the alerts reach an Alertmanager, and which are firing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from exporter.doctor import bodies
from exporter.doctor.bodies import Alert, Rule, RuleGroup
from exporter.doctor.diagnosis import Diagnosis, Status
from exporter.doctor.finding_text import braced
from exporter.doctor.outcome import Answers
from exporter.wording import cleaned, counted, some

OUR_GROUPS = "latency_"
"""How the names of all groups in prometheus/rules/ begin ..."""
_OF_N8N = "latency_n8n"
"""... and those in n8n.yml, which needs none of the others ..."""
_LEGACY = "latency_legacy"
"""... and those that record other programs' names, which say nothing of recording.yml."""
RECORDED_BESIDE_ALERTS = {
    "pair:network_latency_faults:ratio_rate2m",
    "latency_exporter:process_resident_memory_bytes:limit",
    "source:latency_exporter_config_hash:compared",
}
"""In alerts.yml and extra.yml, so they do not say that recording.yml is loaded."""
_OWN_LINES = 20
"""Alerts with a line of their own."""
_DATACENTERS = {"source_datacenter", "target_datacenter"}
"""The subject of an alert that names no host."""
_SUBJECT = (
    *(
        "source_datacenter",
        "target_datacenter",
        "database",
        "n8n",
        "workflow_id",
        "source",
        "target",
        "probe",
        "ip_family",
        "reason",
        "cause",
        "self",
        "version",
    ),
)
"""Labels that say what an alert of ours is about and why, the most important first."""
_OTHER_SUBJECT = ("instance", "job", "host", "name", "device", "mountpoint")
"""Those of other alerts."""
_LABELS = 6


def rules(groups: Sequence[RuleGroup], *, reads_n8n: bool) -> Iterator[Diagnosis]:
    """Say whether our rules are loaded, and which of them fail; those of n8n are needed if the fleet reads one."""
    ours = _of(groups, OUR_GROUPS)
    others = _of([group for group in groups if not group.name.startswith((_OF_N8N, _LEGACY))], OUR_GROUPS)
    recorded = [rule for rule in others if rule.name not in RECORDED_BESIDE_ALERTS]
    loaded = {"alerts.yml": _alerting(others), "recording.yml": _recording(recorded)}
    if reads_n8n:
        loaded["n8n.yml"] = len(_of(groups, _OF_N8N))
    if all(loaded.values()):
        text = f"{counted(_alerting(ours), 'alert')} and {counted(_recording(ours), 'recording rule')} of ours"
        yield Diagnosis(Status.OK, "rules", text)
    else:
        files = " and ".join(f"prometheus/rules/{name}" for name, count in loaded.items() if not count)
        yield Diagnosis(Status.WARNING, "rules", f"not loaded: {files}; add to rule_files in prometheus.yml and reload")
    failing = tuple(f"{cleaned(rule.name, 80)}: {cleaned(rule.error, 120)}" for rule in ours if rule.health == "err")
    if failing:
        yield Diagnosis(Status.BROKEN, "rules", f"cannot be evaluated: {some(failing)}", failing)


def _of(groups: Sequence[RuleGroup], beginning: str) -> list[Rule]:
    """Return the rules of all groups whose names begin so."""
    return [rule for group in groups if group.name.startswith(beginning) for rule in group.rules]


def _alerting(rules: Sequence[Rule]) -> int:
    return len({rule.name for rule in rules if rule.type == "alerting"})  # one may have a rule for each severity


def _recording(rules: Sequence[Rule]) -> int:
    return sum(rule.type == "recording" for rule in rules)


def delivery(count: int) -> Diagnosis | None:
    """Report that Prometheus sends its alerts to no Alertmanager; ``count`` is the number that it knows."""
    if count:
        return None
    text = "Prometheus sends its alerts to nobody: name the Alertmanager below alerting in prometheus.yml, and reload"
    return Diagnosis(Status.BROKEN, "alerts", text)


def firing(alerts: Sequence[Alert], source: str) -> Iterator[Diagnosis]:
    """Name each alert that is firing."""
    if not alerts:
        yield Diagnosis(Status.OK, "alerts", f"none is firing, says {source}")
    for alert in alerts[:_OWN_LINES]:
        name = cleaned(alert.labels.get("alertname", ""), 80)
        yield Diagnosis(Status.WARNING, "alerts", f"{name}{braced(_subject(alert.labels))} is firing, says {source}")
    if len(alerts) > _OWN_LINES:
        rest = tuple(cleaned(alert.labels.get("alertname", ""), 80) for alert in alerts[_OWN_LINES:])
        yield Diagnosis(Status.WARNING, "alerts", f"{counted(len(rest), 'alert')} more: {some(rest)}", rest)


def _subject(labels: Mapping[str, str]) -> dict[str, str]:
    """Choose the labels by which one alert differs from another: no place of a host that is named, nothing twice."""
    known = set(labels) - {"alertname", "severity"}
    if known & {"source", "target"}:
        known -= _DATACENTERS
    keys = known.intersection(_SUBJECT) or known.intersection(_OTHER_SUBJECT) or known
    chosen: dict[str, str] = {}
    for key in sorted(keys, key=lambda key: (_SUBJECT.index(key) if key in _SUBJECT else 0, key)):
        if labels[key] not in chosen.values() and len(chosen) < _LABELS:
            chosen[key] = labels[key]
    return chosen | {key: labels[key] for key in ("severity",) if key in labels}


def alerting(prometheus: Answers | None, alertmanager: Answers | None, *, reads_n8n: bool) -> Iterator[Diagnosis]:
    """Judge the rules by Prometheus' answer, and the alerts by Alertmanager's, or else by Prometheus'."""
    groups = prometheus.read("rules", bodies.groups) if prometheus else None
    if groups is not None:
        yield from rules(groups, reads_n8n=reads_n8n)
    count = prometheus.read("alertmanagers", bodies.alertmanagers) if prometheus else None
    if alertmanager is not None and count is not None and (lost := delivery(count)):
        yield lost
    received = alertmanager.read("alerts", bodies.alerts) if alertmanager else None
    every = [alert for group in groups or () for rule in group.rules for alert in rule.alerts]
    sent = [alert for alert in every if alert.state == "firing"]
    if received is not None:
        yield from firing([alert for alert in received if alert.status.state != "suppressed"], "Alertmanager")
        if not received and sent:
            yield unheard(sent)
    elif groups is not None:
        yield from firing(sent, "Prometheus")


def unheard(sent: Sequence[Alert]) -> Diagnosis:
    """Report that alerts fire in Prometheus and none has come to Alertmanager, which lists silenced ones too."""
    names = tuple(sorted({cleaned(alert.labels.get("alertname", ""), 80) for alert in sent}))
    text = (
        f"firing in Prometheus, and none of them has come to Alertmanager: {some(names)}; another Alertmanager is "
        "named below alerting in prometheus.yml, or this one cannot be reached from there"
    )
    return Diagnosis(Status.BROKEN, "alerts", text, names)

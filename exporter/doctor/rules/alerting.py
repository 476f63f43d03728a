"""Rules and alerts: are ours loaded, do they work, does somebody get the alerts, and which are firing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from exporter.doctor import answers
from exporter.doctor.answers import Alert, Group
from exporter.doctor.findings import Finding, Status
from exporter.doctor.outcome import Told
from exporter.doctor.wording import braced
from exporter.wording import cleaned, counted, some

OUR_GROUPS = "latency_"
"""How the names of all groups in prometheus/rules/ begin."""
_SHOWN = 20
"""Alerts with a line of their own."""
_TELLING = ("database", "source", "target", "probe", "ip_family", "reason", "cause", "self", "version")
"""Labels that say whom an alert of ours is about and why, the most important first."""
_ELSE = ("instance", "job", "host", "name", "device", "mountpoint")
"""Those of other alerts."""
_LABELS = 6


def rules(groups: Sequence[Group]) -> Iterator[Finding]:
    """Say whether our rules are loaded, and which of them fail."""
    ours = [rule for group in groups if group.name.startswith(OUR_GROUPS) for rule in group.rules]
    alerting = len({rule.name for rule in ours if rule.type == "alerting"})  # one may have a rule for each severity
    recording = sum(rule.type == "recording" for rule in ours)
    if alerting and recording:
        text = f"{counted(alerting, 'alert')} and {counted(recording, 'recording rule')} of ours"
        yield Finding(Status.OK, "rules", text)
    else:
        lacking = {"alerts.yml": alerting, "recording.yml": recording}
        files = " and ".join(f"prometheus/rules/{name}" for name, count in lacking.items() if not count)
        yield Finding(Status.WARNING, "rules", f"not loaded: {files}; add to rule_files in prometheus.yml and reload")
    failing = tuple(f"{cleaned(rule.name, 80)}: {cleaned(rule.error, 120)}" for rule in ours if rule.health == "err")
    if failing:
        yield Finding(Status.BROKEN, "rules", f"cannot be evaluated: {some(failing)}", failing)


def delivery(count: int) -> Finding | None:
    """Say whether Prometheus sends its alerts to anybody, where there is somebody to send them to."""
    if count:
        return None
    text = "Prometheus sends its alerts to nobody: name the Alertmanager below alerting in prometheus.yml, and reload"
    return Finding(Status.BROKEN, "alerts", text)


def firing(alerts: Sequence[Alert], told_by: str) -> Iterator[Finding]:
    """Name each alert that is firing."""
    if not alerts:
        yield Finding(Status.OK, "alerts", f"none is firing, says {told_by}")
    for alert in alerts[:_SHOWN]:
        name = cleaned(alert.labels.get("alertname", ""), 80)
        yield Finding(Status.WARNING, "alerts", f"{name}{braced(_telling(alert.labels))} is firing, says {told_by}")
    if len(alerts) > _SHOWN:
        rest = tuple(cleaned(alert.labels.get("alertname", ""), 80) for alert in alerts[_SHOWN:])
        yield Finding(Status.WARNING, "alerts", f"{counted(len(rest), 'alert')} more: {some(rest)}", rest)


def _telling(labels: Mapping[str, str]) -> dict[str, str]:
    """Choose the labels that tell one alert from another: no place of a host that is named, nothing twice."""
    known = set(labels) - {"alertname", "severity"}
    keys = known.intersection(_TELLING) or known.intersection(_ELSE) or known
    found: dict[str, str] = {}
    for key in sorted(keys, key=lambda key: (_TELLING.index(key) if key in _TELLING else 0, key)):
        if labels[key] not in found.values() and len(found) < _LABELS:
            found[key] = labels[key]
    return found | {key: labels[key] for key in ("severity",) if key in labels}


def alerting(prometheus: Told | None, alertmanager: Told | None) -> Iterator[Finding]:
    """Judge what Prometheus says of its rules, and Alertmanager, or else Prometheus, of the alerts."""
    groups = prometheus.read("rules", answers.groups) if prometheus else None
    if groups is not None:
        yield from rules(groups)
    count = prometheus.read("alertmanagers", answers.alertmanagers) if prometheus else None
    if alertmanager is not None and count is not None and (lost := delivery(count)):
        yield lost
    received = alertmanager.read("alerts", answers.alerts) if alertmanager else None
    every = [alert for group in groups or () for rule in group.rules for alert in rule.alerts]
    sent = [alert for alert in every if alert.state == "firing"]
    if received is not None:
        yield from firing([alert for alert in received if alert.status.state != "suppressed"], "Alertmanager")
        if not received and sent:
            yield unheard(sent)
    elif groups is not None:
        yield from firing(sent, "Prometheus")


def unheard(sent: Sequence[Alert]) -> Finding:
    """Tell that alerts fire in Prometheus and none has come to Alertmanager, which lists silenced ones too."""
    names = tuple(sorted({cleaned(alert.labels.get("alertname", ""), 80) for alert in sent}))
    text = (
        f"firing in Prometheus, and none of them has come to Alertmanager: {some(names)}; another Alertmanager is "
        "named below alerting in prometheus.yml, or this one cannot be reached from there"
    )
    return Finding(Status.BROKEN, "alerts", text, names)

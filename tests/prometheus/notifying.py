"""What arrives: a small Alertmanager that groups and inhibits as the shipped example says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.prometheus.firing import Alert, Timeline, label
from tests.yaml_files import content

EXAMPLE = Path(__file__).parents[2] / "prometheus/alertmanager.yml"
NOBODY = "nobody"
"""The receiver that has no integration."""
_UNITS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True)
class Notification:
    """One message: when, and the alerts in it that are not suppressed."""

    second: int
    alerts: frozenset[Alert]


class Alertmanager:
    """Routes by the first child that matches, waits for the group, and leaves out what is inhibited at that moment."""

    def __init__(self, file: Path = EXAMPLE) -> None:
        configuration = content(file)
        self._route: dict[str, Any] = configuration["route"]
        self._inhibitions: list[dict[str, Any]] = configuration["inhibit_rules"]

    def notifies(self, alert: Alert) -> bool:
        """Return whether somebody is notified of this alert."""
        return self._route_of(alert)["receiver"] != NOBODY

    def inhibited(self, alert: Alert, active: Iterable[Alert]) -> bool:
        """Return whether another active alert keeps this one away."""
        return any(self._inhibits(rule, other, alert) for rule in self._inhibitions for other in active)

    def notifications(self, timeline: Timeline) -> list[Notification]:
        """Return the messages about alerts that fire: the first of each group, and those about further alerts in it."""
        notifications: list[Notification] = []
        due: dict[tuple[str, ...], int] = {}
        notified: dict[tuple[str, ...], frozenset[Alert]] = {}
        for second, active in sorted(timeline.items()):
            groups: dict[tuple[str, ...], set[Alert]] = {}
            for alert in filter(self.notifies, active):
                groups.setdefault(self._group(alert), set()).add(alert)
            for gone in due.keys() - groups.keys():
                del due[gone]
                notified.pop(gone, None)
            for key, alerts in groups.items():
                due.setdefault(key, second + _seconds(self._route["group_wait"]))
                if second < due[key]:
                    continue
                due[key] += _seconds(self._route["group_interval"])
                heard = frozenset(alert for alert in alerts if not self.inhibited(alert, active))
                if heard - notified.get(key, frozenset()):
                    notifications.append(Notification(second, heard))
                notified[key] = heard
        return notifications

    def unsuppressed(self, timeline: Timeline) -> set[Alert]:
        """Return all that would arrive if a group were looked at in the worst moment."""
        return {
            alert
            for active in timeline.values()
            for alert in filter(self.notifies, active)
            if not self.inhibited(alert, active)
        }

    def _inhibits(self, rule: dict[str, Any], source: Alert, target: Alert) -> bool:
        sources, targets = rule["source_matchers"], rule["target_matchers"]
        both_sides = _matches(sources, target) and _matches(targets, source)
        return (
            _matches(sources, source)
            and _matches(targets, target)
            and not both_sides
            and all(label(source, name) == label(target, name) for name in rule["equal"])
        )

    def _group(self, alert: Alert) -> tuple[str, ...]:
        labels = self._route_of(alert)["group_by"]
        return (*labels, *(label(alert, name) for name in labels))

    def _route_of(self, alert: Alert) -> dict[str, Any]:
        """Return the first child that matches, on top of what it inherits."""
        children = (route for route in self._route["routes"] if _matches(route["matchers"], alert))
        return self._route | next(children, {})


def _matches(matchers: Iterable[str], alert: Alert) -> bool:
    return all(_match(matcher, alert) for matcher in matchers)


def _match(matcher: str, alert: Alert) -> bool:
    parts = re.fullmatch(r'(\w+)(=~|!~|!=|=)"(.*)"', matcher)
    assert parts, matcher
    name, operator, value = parts.groups()
    has = label(alert, name)
    same = bool(re.fullmatch(value, has)) if "~" in operator else has == value
    return same != operator.startswith("!")


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * _UNITS[duration[-1]]

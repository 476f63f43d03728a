"""What was seen of each fault, as a table of docs/runbook.md."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.culprits.playing import Played

PROPERTY = "culprits"
"""Under which a test records what it has played."""


def recorded(name: str, played: Played, *, is_right: bool) -> dict[str, Any]:
    """Return what ``rows`` wants of a fault, as JSON has it."""
    seen = [
        {**dataclasses.asdict(each), "arrived": sorted(", ".join(sorted(alerts)) for alerts in each.arrived)}
        for each in played.seen
    ]
    return {"name": name, "page": played.page, "is_right": is_right, "seen": seen}


def rows(played: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Give the lines of the table; what differs among the evaluators stands below it."""
    notes = []
    yield "| what breaks | notification | to it | to silence | whom the page blames |"
    yield "|---|---|---|---|---|"
    for each in played:
        first = each["seen"][0]
        arrived = "; ".join(first["arrived"]) or "none"
        wrong = "" if each["is_right"] else "**wrong:** "
        cells = [each["name"], wrong + arrived, _times(each, "notified"), _times(each, "over"), f"`{each['page']}`"]
        yield f"| {' | '.join(cells)} |"
        notes += [
            f"{each['name']}: {other['watch']}: {'; '.join(other['arrived']) or 'none'}"
            for other in each["seen"]
            if other["arrived"] != first["arrived"]
        ]
    yield from notes


def _times(each: Mapping[str, Any], which: str) -> str:
    return " / ".join("—" if seen[which] is None else _minutes(seen[which]) for seen in each["seen"])


def _minutes(seconds: float) -> str:
    return f"{round(seconds) // 60}:{round(seconds) % 60:02}"

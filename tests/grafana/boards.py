"""The dashboards as Grafana reads them: their panels, variables and queries."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parents[2] / "grafana/dashboards"
FILES = sorted(FOLDER.glob("*.json"))


def load(file: Path) -> dict[str, Any]:
    board: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return board


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all panels but the rows' headings."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def variables(board: dict[str, Any]) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = board["templating"]["list"]
    return listed


class Asked(NamedTuple):
    """A query of a panel or of an annotation, and what the panel makes of its answer."""

    key: str
    panel: str
    where: str
    expression: str
    instant: bool
    legend: str
    unit: str
    interval: str | None
    may_be_empty: bool
    is_drawn: bool
    """Each series has a legend: in tables it has a row."""
    repeated: str | None = None
    """The variable for each of whose values the panel is there once."""
    in_words: frozenset[float] = frozenset()
    """Values that the panel shows as a word, whatever its unit."""

    @property
    def title(self) -> str:
        """Return the panel's title, without its number."""
        return self.panel.partition(" ")[2]


def asked(board: dict[str, Any]) -> Iterator[Asked]:
    """Yield every query of a dashboard but its variables'."""
    for panel in panels(board):
        defaults = panel["fieldConfig"]["defaults"]
        for target in panel["targets"]:
            yield Asked(
                key=f"{panel['id']}{target['refId']}",
                panel=f"{panel['id']} {panel['title']}",
                where=f"{panel['id']} {panel['title']}, query {target['refId']}",
                expression=target["expr"],
                instant=target.get("instant", False),
                legend=target.get("legendFormat", ""),
                unit=unit_of(panel, target.get("legendFormat", "")),
                interval=panel.get("interval"),
                may_be_empty="noValue" in defaults,
                is_drawn=panel["type"] != "table",
                repeated=panel.get("repeat"),
                in_words=frozenset(_in_words(panel["fieldConfig"])),
            )
    for note in board["annotations"].get("list", []):
        name = f"annotation {note['name']}"
        yield Asked(name, name, name, note["expr"], False, note["textFormat"], "string", note["step"], True, False)


def _in_words(config: dict[str, Any]) -> Iterator[float]:
    properties = (each for override in config["overrides"] for each in override["properties"])
    of_some = (each["value"] for each in properties if each["id"] == "mappings")
    for mapping in itertools.chain(config["defaults"].get("mappings", []), *of_some):
        if mapping["type"] == "value":
            yield from map(float, mapping["options"])


def unit_of(panel: dict[str, Any], legend: str) -> str:
    """Return the unit of one series, which may have another than its panel."""
    config = panel["fieldConfig"]
    for override in config["overrides"]:
        if override["matcher"] == {"id": "byName", "options": legend}:
            for each in override["properties"]:
                if each["id"] == "unit":
                    return str(each["value"])
    return str(config["defaults"]["unit"])

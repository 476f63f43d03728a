"""``python -m grafana``: write the dashboards' JSON beside this file, as Grafana reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana import databases, exporter, fleet, n8n, pair

BOARDS = (fleet.BOARD, pair.BOARD, databases.BOARD, n8n.BOARD, exporter.BOARD)
FOLDER = Path(__file__).parent / "dashboards"


def texts() -> dict[str, str]:
    """Return the text of each dashboard by the name of its file."""
    return {
        f"{board.uid}.json": json.dumps(as_json(board.build()), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for board in BOARDS
    }


def as_json(board: Dashboard) -> dict[str, Any]:
    """Return what Grafana reads of a dashboard."""
    read: dict[str, Any] = json.loads(json.dumps(board, cls=JSONEncoder), object_hook=_above)
    return read


def _above(part: dict[str, Any]) -> dict[str, Any]:
    """Leave out a place that the SDK gives to every link: there Grafana has a menu of its own, where nobody looks."""
    return {key: value for key, value in part.items() if (key, value) != ("placement", "inControlsMenu")}


def main() -> None:
    """Write all dashboards, each as a whole file."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in texts().items():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()

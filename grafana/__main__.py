"""``python -m grafana``: write the dashboards' JSON beside this file, as Grafana reads it."""

from __future__ import annotations

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana import databases, exporter, fleet, n8n, pair

BOARDS = (fleet.BOARD, pair.BOARD, databases.BOARD, n8n.BOARD, exporter.BOARD)
FOLDER = Path(__file__).parent / "dashboards"


def texts() -> dict[str, str]:
    """Return the text of each dashboard by the name of its file."""
    return {
        f"{board.uid}.json": json.dumps(board.build(), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False)
        + "\n"
        for board in BOARDS
    }


def main() -> None:
    """Write them, each as a whole."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in texts().items():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()

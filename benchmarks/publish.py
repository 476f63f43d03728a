"""Puts what was measured into the documentation: ``python -m benchmarks.publish [RESULTS]``.

Tables and pictures are made anew from the raw values first, so that they are of today's code.
A few rows go into README.md, everything into docs/performance.md, each between two markers; the pictures and
the raw rows go beside the latter. Only a whole benchmark is published: part of one would leave rows out.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from benchmarks import pictures, tables
from benchmarks.bench import tell
from benchmarks.field import REPOSITORY
from benchmarks.figures import FIGURES
from benchmarks.pictures import COST_FILE, ERROR_FILE
from benchmarks.rows import ROWS_FILE, Results
from benchmarks.tables import FEW_FILE, TABLE_FILE

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
_PICTURES = {
    ERROR_FILE: "Share of probes by the error of their round trip, per program",
    COST_FILE: "CPU per probe by number of targets, per program",
}


class NoMarkers(Exception):
    """A file lacks the markers between which the figures go."""


def main() -> int:
    """Publish a benchmark's results."""
    results = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("benchmarks/results")
    try:
        measured = Results.read(results / "raw")
        if missing := lacking(measured):
            tell(f"not published: nothing was measured for {', '.join(sorted(missing))}; run it without --only")
            return 1
        tables.write(results, measured)
        pictures.draw(results, measured)
        publish(results, REPOSITORY)
    except (NoMarkers, FileNotFoundError) as error:
        tell(f"not published: {error}")
        return 1
    return 0


def lacking(measured: Results) -> set[str]:
    """Return the measurements of which there is no row."""
    return {figure.measurement for figure in FIGURES} - {row.measurement for row in measured.rows}


def publish(results: Path, repository: Path) -> None:
    """Copy tables and pictures; both texts are checked before either is written."""
    text = (results / TABLE_FILE).read_text(encoding="utf-8")
    images = "".join(f"![{what}](bench-{name})\n\n" for name, what in _PICTURES.items() if (results / name).exists())
    readme, performance = repository / "README.md", repository / "docs/performance.md"
    texts = {
        readme: insert(readme, (results / FEW_FILE).read_text(encoding="utf-8")),
        performance: insert(performance, images + text),
    }
    for path, filled in texts.items():
        path.write_text(filled, encoding="utf-8")
    for name in _PICTURES:
        if (results / name).exists():
            shutil.copyfile(results / name, performance.with_name(f"bench-{name}"))
    shutil.copyfile(results / "raw" / ROWS_FILE, performance.with_name(f"bench-{ROWS_FILE}"))


def insert(path: Path, text: str) -> str:
    """Return a file's text with another between its markers."""
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise NoMarkers(f"{path}: put {BEGIN} and {END} where the figures are to stand, each on a line of its own")
    return f"{before}{BEGIN}\n{text.strip()}\n{END}{after}"


if __name__ == "__main__":
    sys.exit(main())

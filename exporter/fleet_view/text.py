"""The fleet for a terminal: the culprits in words, then the matrix, then whose page could not be had."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exporter.fleet_view.culprits import FleetCulprit
from exporter.fleet_view.grouping import grouped
from exporter.fleet_view.matrix import matrix
from exporter.fleet_view.view import View
from exporter.wording import counted, display_width, printable, some

_COLUMNS = 12
"""Columns that fit a terminal."""
MOST_CULPRITS = 100
"""So many are drawn: the worst come first, and nobody reads more."""
WELL = "nothing is wrong, as far as can be seen"


def render(view: View, title: str) -> Iterator[str]:
    """Write it in pieces."""
    yield "".join(f"{printable(line(culprit))}\n" for culprit in view.culprits[:MOST_CULPRITS]) or f"{WELL}\n"
    if more := and_more(view):
        yield f"{more}\n"
    yield f"\n{printable(title)}: {summary(view)}\n"
    yield "".join(f"{printable(note)}\n" for note in _notes(view))
    drawn = matrix(view, _COLUMNS)
    if drawn.rows and drawn.columns:
        yield "\n"
        yield from _table(
            [["from \\ to", *drawn.columns], *([row, *_words(view, row, drawn.columns)] for row in drawn.rows)]
        )
    if drawn.left_out:
        yield f"{counted(drawn.left_out, 'host')} more: nothing wrong from there\n"


def line(culprit: FleetCulprit) -> str:
    """Write a culprit, and its alert."""
    return f"{culprit} [{culprit.alert}]" if culprit.alert else str(culprit)


def summary(view: View) -> str:
    """Count the exporters that were asked, and the paths that were seen."""
    bad = sum(path.is_news for path in view.paths)
    return (
        f"{len(view.asked)} of {counted(len(view.rows), 'exporter')} asked; "
        f"{counted(len(view.paths), 'path')}, {bad} of them bad"
    )


def and_more(view: View) -> str:
    """Write how many culprits are not drawn; empty if all are."""
    left_out = len(view.culprits) - MOST_CULPRITS
    return f"… and {left_out:,} more" if left_out > 0 else ""


def in_maintenance(view: View) -> str:
    """Write which hosts are in maintenance; empty if none is."""
    hosts = (" ".join(filter(None, named)) for named in view.layout.maintenance.items())
    return f"in maintenance: {some(hosts)}" if view.layout.maintenance else ""


def _notes(view: View) -> Iterator[str]:
    for why, hosts in grouped(view.no_pages, lambda host: view.no_pages[host].why).items():
        yield f"no page of {some(hosts)}: {why}"
    if quiet := in_maintenance(view):
        yield quiet


def _words(view: View, row: str, columns: Sequence[str]) -> Iterator[str]:
    return (view.cell(row, column).word for column in columns)


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    written = [[printable(cell) for cell in row] for row in rows]
    widths = [max(display_width(row[column]) for row in written) for column in range(len(written[0]))]
    for row in written:
        cells = (cell + " " * (widths[column] - display_width(cell)) for column, cell in enumerate(row))
        yield "  ".join(cells).rstrip() + "\n"

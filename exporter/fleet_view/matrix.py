"""Which rows and columns of the matrix are drawn: all of a small fleet, of a large one those with a trouble."""

from __future__ import annotations

from typing import NamedTuple

from exporter.fleet_view.view import View


class Matrix(NamedTuple):
    """What is drawn of it."""

    rows: list[str]
    columns: list[str]
    left_out: int
    """Hosts that see nothing wrong."""


def matrix(view: View, most: int) -> Matrix:
    """Choose rows and columns; ``most`` columns are drawn all. One that nobody measures is none."""
    rows, hosts = view.rows, set(view.layout.hosts)
    asked = {(row, place): cell for (row, place), cell in view.cells.items() if row in view.layout.exporters}
    measured = {place for _, place in asked}
    columns = [place for place in view.layout.places if place in hosts or place in measured]
    if len(columns) <= most:
        return Matrix(rows, columns, 0)
    wrong = [ends for ends, cell in asked.items() if not cell.is_well]
    seeing, seen = {row for row, _ in wrong}, {place for _, place in wrong}
    shown = [row for row in rows if row in view.no_pages or row in seeing]
    return Matrix(shown, [place for place in columns if place in seen], len(rows) - len(shown))

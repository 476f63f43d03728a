"""Which rows and columns of the matrix are drawn: all of a small fleet, of a large one those with a trouble."""

from __future__ import annotations

from typing import NamedTuple

from exporter.fleet_view.view import View


class Matrix(NamedTuple):
    """The rows and columns of the matrix that are drawn."""

    rows: list[str]
    columns: list[str]
    left_out: int
    """Hosts that see nothing wrong."""


def matrix(view: View, most: int) -> Matrix:
    """Choose rows and columns; up to ``most`` columns, all are drawn. A place that no host measures has no column."""
    rows, places = view.rows, view.layout.places
    columns = [place for place in places if place in view.layout.hosts or _is_measured(view, place)]
    if len(columns) <= most:
        return Matrix(rows, columns, 0)
    drawn = [row for row in rows if row in view.no_pages or any(not view.cell(row, place).is_well for place in places)]
    asked = [row for row in drawn if row not in view.no_pages]
    wrong = [place for place in columns if any(not view.cell(row, place).is_well for row in asked)]
    return Matrix(drawn, wrong, len(rows) - len(drawn))


def _is_measured(view: View, place: str) -> bool:
    return any((row, place) in view.cells for row in view.rows)

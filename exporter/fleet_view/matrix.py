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
    rows, places = view.rows, view.layout.places
    columns = [place for place in places if place in view.layout.hosts or _is_measured(view, place)]
    if len(columns) <= most:
        return Matrix(rows, columns, 0)
    shown = [row for row in rows if row in view.no_pages or any(not view.cell(row, place).is_well for place in places)]
    asked = [row for row in shown if row not in view.no_pages]
    wrong = [place for place in columns if any(not view.cell(row, place).is_well for row in asked)]
    return Matrix(shown, wrong, len(rows) - len(shown))


def _is_measured(view: View, place: str) -> bool:
    return any((row, place) in view.cells for row in view.rows)

"""The README: one page that leads to all others, with figures that were measured."""

from __future__ import annotations

import csv
import re

from benchmarks import tables
from benchmarks.rows import MeasuredRow
from tests.docs.markdown import DOCUMENTS, PAGES, README, ROOT

MOST_LINES = 200


def test_it_is_one_page() -> None:
    assert len(README.text.splitlines()) <= MOST_LINES


def test_every_page_is_in_its_index() -> None:
    index = README.section("Documentation")
    linked = set(re.findall(r"\]\((docs/[\w-]+\.md)\)", index))
    assert linked == {str(page) for page in PAGES.values()}


def test_every_page_begins_with_an_answer() -> None:
    """A heading, and then text: no table, list, example or further heading."""
    for page in DOCUMENTS:
        title, empty, first, *_ = page.text.splitlines()
        assert title.startswith("# "), page
        assert not empty, page
        assert re.match(r"[A-Z`\[]", first), page


def test_its_figures_are_those_of_the_measured_rows() -> None:
    with (ROOT / "docs/bench-rows.csv").open(encoding="utf-8") as file:
        rows = [
            MeasuredRow(
                int(row["run"]),
                row["measurement"],
                row["program"],
                int(row["targets"]),
                row["name"],
                float(row["value"]),
            )
            for row in csv.DictReader(file)
        ]
    few = tables.few(rows, "").splitlines()
    shown = README.section("Figures").splitlines()
    assert [line for line in shown if line.startswith("|")] == [line for line in few if line.startswith("|")]
    assert len([line for line in few if line.startswith("|")]) == 2 + 9

"""The page of the dashboards against their files: every panel under its heading, every variable."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.docs.markdown import PAGES, words
from tests.grafana.boards import FILES, load, variables

DASHBOARDS = PAGES["dashboards"]
MIGRATION = PAGES["migration"]


def headings(board: dict[str, Any]) -> list[list[str]]:
    """Return each heading of a dashboard with the titles below it, as the page has them."""
    rows: list[list[str]] = []
    for panel in board["panels"]:
        if panel["type"] == "row":
            rows.append([panel["title"], ""])
        else:
            rows[-1][1] += "; " * bool(rows[-1][1]) + panel["title"]
    return rows


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_panel_is_in_the_table_of_its_dashboard(file) -> None:
    board = load(file)
    name = board["title"].removeprefix("Latency: ")
    listed = [[heading, panels.replace("\\|", "|")] for heading, panels in DASHBOARDS.table(f"{name}: heading")]
    assert listed == headings(board)


def test_every_variable_is_in_the_table() -> None:
    known: dict[str, list[str]] = {}
    for file in FILES:
        board = load(file)
        for variable in variables(board):
            known.setdefault(variable["name"], []).append(board["title"].removeprefix("Latency: "))
    listed = {words(name)[0]: sorted(of.split(", ")) for name, of, _ in DASHBOARDS.table("variable")}
    assert listed == {name: sorted(of) for name, of in known.items()}


def test_a_panel_that_succeeds_an_old_one_is_there() -> None:
    (n8n,) = [load(file) for file in FILES if file.stem.endswith("n8n")]
    titles = {panel["title"] for panel in n8n["panels"]}
    named = [title for row in MIGRATION.table("was shown") for title in row[-1].split("; ")]
    assert named
    assert set(named) <= titles


def test_panels_that_the_page_on_migration_names_are_on_the_dashboards_that_it_names() -> None:
    titles = {}
    for file in FILES:
        board = load(file)
        titles[board["title"].removeprefix("Latency: ")] = {panel["title"] for panel in board["panels"]}
    for _, successors in MIGRATION.table("an old panel of"):
        for name, listed in re.findall(r"\[(\w+)\]\(dashboards\.md#\w+\)(?:: ([^;]*))?", successors):
            assert set(re.findall(r"\*([^*]+)\*", listed)) <= titles[name], name

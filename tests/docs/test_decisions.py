"""The index of decisions: each page with its title, and what has been superseded since."""

from __future__ import annotations

import re

from tests.docs.markdown import ROOT, Page

FOLDER = ROOT / "docs/decisions"
PAGES = [Page(path) for path in sorted(FOLDER.glob("0*.md"))]
ROWS = Page(FOLDER / "README.md").table("page")


def test_every_decision_is_in_the_index_in_order_with_its_title() -> None:
    titles = [page.text.splitlines()[0].removeprefix("# ") for page in PAGES]
    links = [f"[{page.path.name[:4]}]({page.path.name})" for page in PAGES]
    assert [(page, decision) for page, decision, _ in ROWS] == list(zip(links, titles, strict=True))


def test_a_decision_that_another_one_supersedes_names_it_in_the_index() -> None:
    state = {link[1:5]: text for link, _, text in ROWS}
    for page in PAGES:
        superseded = re.findall(r"^Supersedes [^.,;:]*?(\d{4})", page.text, re.MULTILINE)
        for number in superseded:
            assert f"]({page.path.name})" in state[number], f"{number}, superseded by {page}"

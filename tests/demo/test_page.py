"""docs/demo.md has what was seen of each fault."""

from __future__ import annotations

import re

from tests.demo.faults import FAULTS
from tests.docs.markdown import PAGES

ROWS = PAGES["demo"].table("`FAULT`")


def test_the_page_has_each_fault_and_what_it_breaks() -> None:
    assert [(name, what) for name, what, *_ in ROWS] == [(f"`{name}`", fault.what) for name, fault in FAULTS.items()]


def test_what_was_seen_of_each_is_what_the_demo_waits_for() -> None:
    for (_, _, page, fleet, alert), fault in zip(ROWS, FAULTS.values(), strict=True):
        assert re.search(fault.words, page.partition("`")[2])
        assert re.search(fault.culprit, fleet.partition("`")[2])
        assert re.match(r"\d+ s: `(critical|warning) ", alert)

"""From an alert to its section of the runbook, and from there to its times."""

from __future__ import annotations

import pytest

from tests.docs.markdown import PAGES
from tests.prometheus.test_runbook import SECTIONS, shipped


def test_every_alert_links_to_its_section() -> None:
    for rule in shipped():
        anchor = rule["alert"].lower()
        assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{anchor}"
        assert anchor in PAGES["runbook"].anchors


@pytest.mark.parametrize("name", SECTIONS)
def test_each_section_is_one_screen_and_leads_to_its_times(name: str) -> None:
    assert len(SECTIONS[name].splitlines()) <= 20
    assert SECTIONS[name].rstrip().endswith("\n\n[How fast it comes](#how-fast)")

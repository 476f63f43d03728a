"""The table of what was seen, below a run at a fleet's pace."""

from __future__ import annotations

import json

import pytest

from tests.culprits.table import PROPERTY, rows


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write it also of a run in several processes: what a test records comes with its report."""
    played = [
        json.loads(str(value))
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        for name, value in report.user_properties
        if name == PROPERTY and report.when == "call"
    ]
    if played:
        terminalreporter.section("culprits")
        for line in rows(played):
            terminalreporter.line(line)

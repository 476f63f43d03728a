"""The table in docs/runbook.md is of the faults that are played, and was measured."""

from __future__ import annotations

import re

from tests.culprits.faults import FAULTS
from tests.system.running import REPOSITORY

TEXT = (REPOSITORY / "docs/runbook.md").read_text("utf-8")
ROWS = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| `([^|]+)` \|$", TEXT, re.MULTILINE)


def test_the_table_has_each_fault_with_the_notification_that_must_arrive() -> None:
    assert {fault for fault, *_ in ROWS} == FAULTS.keys()
    for fault, notification, *_ in ROWS:
        assert notification == ("; ".join(", ".join(sorted(alerts)) for alerts in FAULTS[fault].arrives) or "none")

"""What a read of an n8n may bring, in the fewest words."""

from __future__ import annotations

from typing import Any

from collectors.n8n.reading import (
    BucketCounts,
    FinishedKey,
    LifetimeKey,
    LifetimeRuns,
    N8nReading,
    NodeKey,
    NodeRuns,
    OpenRuns,
)
from collectors.n8n.rows import EndStatus, OpenStatus, Unread, Workflow
from collectors.n8n.tallies import BUCKETS

READ_AT = 1_700_001_000.0
N8N = """\
n8n: [{name: orders, database: n8n-postgres, from: wf001}]
"""
"""Beside ``pages.DATABASE``."""


def histogram(*counts: int, total: float = 0.0) -> BucketCounts:
    """A histogram whose first buckets count so many."""
    return BucketCounts((*counts, *[0] * (len(BUCKETS) + 1 - len(counts))), total)


def reading(**changes: Any) -> N8nReading:
    """All that there can be, of two workflows; all is well."""
    plain: dict[str, Any] = {
        "took": 0.0125,
        "read_at": READ_AT,
        "workflows": [
            Workflow("w1", "Invoices", active=True, archived=False),
            Workflow("w2", "Old ones", active=False, archived=True),
        ],
        "workflow_states": {"active": 1, "inactive": 0, "archived": 1},
        "lifetime": {
            LifetimeKey("w1", "production", "success"): LifetimeRuns(40, READ_AT - 60),
            LifetimeKey("w1", "production", "error"): LifetimeRuns(2, READ_AT - 3600),
        },
        "finished": {FinishedKey("w1", "trigger", status): 0 for status in EndStatus}
        | {FinishedKey("w1", "trigger", EndStatus.SUCCESS): 3},
        "durations": {("w1", EndStatus.SUCCESS): histogram(1, 2, total=0.5), ("w1", EndStatus.ERROR): histogram()},
        "queue": histogram(3, total=0.25),
        "open": {("w1", OpenStatus.RUNNING): OpenRuns(2, READ_AT - 30)},
        "overdue": {},
        "node_runs": {NodeKey("w1", "Set", "n8n-nodes-base.set", "success"): NodeRuns(3, 0.125)},
        "node_types": {"n8n-nodes-base.set": histogram(3, total=0.125)},
        "node_data_unread": dict.fromkeys(Unread, 0),
        "table_bytes": {"execution_entity": 8192, "execution_data": 16384},
        "backlog": 0,
        "vanished": 1,
        "resets": 0,
        "overflow": 0,
        "state_problem": "",
    }
    return N8nReading(**plain | changes)

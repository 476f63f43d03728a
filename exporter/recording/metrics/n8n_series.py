"""How many series an n8n has at most."""

from __future__ import annotations

from collectors.n8n.rows import WORKFLOW_STATES, EndStatus, OpenStatus, Unread
from collectors.n8n.statements import SIZED
from collectors.n8n.tallies import MAX_NODE_TYPES, MODES, NODE_STATUSES, TIMED
from collectors.n8n.target import N8nTarget
from exporter.recording.metrics.n8n_readings import TIMES

_UNNAMED = 2
"""``__other__`` and ``__none__``, which stand beside the workflows that have a place."""


def n8n_series(target: N8nTarget) -> int:
    """Return how many series an n8n has at most: if each workflow that has a place ran in every mode."""
    times, states = len(TIMES), len(OpenStatus)
    of_a_workflow = len(MODES | {""}) * len(EndStatus) + len(TIMED) * times + 2 * states
    of_a_workflow += 3 + 2 * 4  # info, active and overdue; n8n's own counts and dates, by kind and result
    once = len(("up", "last read", "backlog", "vanished", "resets", "overflow"))
    of_all = once + len(target.reasons) + len(WORKFLOW_STATES) + len(SIZED) + times
    if target.nodes:
        of_all += 2 * (target.max_node_series + len(NODE_STATUSES)) + (MAX_NODE_TYPES + 1) * times + len(Unread)
    return (target.max_workflows + _UNNAMED) * of_a_workflow + of_all

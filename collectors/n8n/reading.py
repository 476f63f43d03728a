"""What a read of n8n's database measured: all that is counted since counting began, and what is open now."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from collectors.n8n.rows import EndStatus, OpenStatus, Unread, Workflow
from collectors.replies import Reading
from collectors.terms import Seconds


class BucketCounts(NamedTuple):
    """How often something took how long."""

    counts: tuple[int, ...]
    """For each of the bucket's bounds, and for what is above them; not added up."""
    total: Seconds


class FinishedKey(NamedTuple):
    """The labels by which executions are counted."""

    workflow: str
    mode: str
    status: EndStatus


class NodeKey(NamedTuple):
    """The labels by which runs of nodes are counted."""

    workflow: str
    node: str
    node_type: str
    status: str


class NodeRuns(NamedTuple):
    """Runs of a node, and how long they took in all."""

    runs: int = 0
    took: Seconds = 0.0


class LifetimeRuns(NamedTuple):
    """n8n's own count of a workflow's runs, and when the latest ended."""

    runs: int
    latest: Seconds | None


class LifetimeKey(NamedTuple):
    """The labels by which n8n itself counts: ``kind`` is production or manual, ``result`` success or error."""

    workflow: str
    kind: str
    result: str


class OpenRuns(NamedTuple):
    """Executions of a workflow that are in the same state: how many, and since when the oldest has been."""

    number: int
    oldest: Seconds


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class N8nReading(Reading):
    """One read. Counts only rise, from 0, unless ``n8n`` itself counts.

    Times are seconds since the epoch, by the database's clock. Workflows are ids, ``__other__`` or ``__none__``.
    """

    read_at: Seconds
    workflows: Sequence[Workflow]
    """The workflows that have a place."""
    workflow_states: Mapping[str, int]
    """How many workflows are active, inactive and archived, including those without a place."""
    lifetime: Mapping[LifetimeKey, LifetimeRuns]
    finished: Mapping[FinishedKey, int]
    durations: Mapping[tuple[str, EndStatus], BucketCounts]
    """By workflow, of runs that succeeded or failed."""
    queue: BucketCounts
    """From created to started."""
    open: Mapping[tuple[str, OpenStatus], OpenRuns]
    overdue: Mapping[str, int]
    """By workflow: waiting executions that should have gone on 5 minutes ago."""
    node_runs: Mapping[NodeKey, NodeRuns]
    node_types: Mapping[str, BucketCounts]
    node_data_unread: Mapping[Unread, int]
    """Executions whose nodes were not counted, by reason."""
    table_bytes: Mapping[str, int]
    backlog: int
    """Ids that are not read yet; some may not exist."""
    vanished: int
    """Runs that ended without a trace: n8n does not keep them."""
    resets: int
    """How often the database was restored from an older backup."""
    overflow: int
    """Runs that were counted as ``__other__``."""
    state_problem: str
    """Why counts may begin anew when the program restarts; empty if they go on, or are not to be kept."""

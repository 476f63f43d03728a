"""What one read of n8n's database brings, as plain values: times are seconds since the epoch, by the database."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from collectors.terms import LabelValue, Seconds

WORKFLOW_STATES = ("active", "inactive", "archived")


class EndStatus(LabelValue):
    """What an execution came to. Closed: a word of a newer n8n is ``unknown``."""

    SUCCESS = "success"
    ERROR = "error"
    CANCELED = "canceled"
    CRASHED = "crashed"
    UNKNOWN = "unknown"


class OpenStatus(LabelValue):
    """An execution that has not ended."""

    NEW = "new"
    RUNNING = "running"
    WAITING = "waiting"


class Execution(NamedTuple):
    """A row of ``execution_entity``."""

    id: int
    workflow: str | None
    mode: str
    status: str
    created: Seconds
    started: Seconds | None
    """When it started; n8n 1.x writes it anew when a run that waited goes on."""
    stopped: Seconds | None
    """When it ended; a waiting execution has such a time, too."""
    wait_till: Seconds | None
    deleted: bool
    """It is marked for deletion. n8n 2.x marks a run that is not kept so, and leaves it ``running``."""
    stored_elsewhere: bool = False
    """Its data is not in this database."""


class Workflow(NamedTuple):
    """A row of ``workflow_entity``."""

    id: str
    name: str
    active: bool
    archived: bool
    version: str = ""
    """Changes whenever it is saved."""


class Statistic(NamedTuple):
    """A row of ``workflow_statistics``: n8n's own count of a workflow's runs, kept for its lifetime."""

    workflow: str
    name: str
    """One of ``LIFETIME_NAMES``."""
    runs: int
    latest: Seconds | None


LIFETIME_NAMES = ("production_success", "production_error", "manual_success", "manual_error")
"""What n8n counts of each workflow, as far as it is read."""


class Unread(LabelValue):
    """Why the nodes of an execution were not counted."""

    OFFLOADED = "offloaded"
    """Its data is not in the database."""
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    MISSING = "missing"
    """Its data was deleted before it was read."""
    OVERLOAD = "overload"
    """More executions ended than are read with their data."""


class Nodes(NamedTuple):
    """The nodes of a workflow."""

    workflow: str
    text: str | None
    """JSON; None: it is too large."""


class DataHead(NamedTuple):
    """The beginning of an execution's data."""

    execution: int
    text: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """All rows of one read: of one snapshot of the database."""

    now: Seconds
    oldest_running: int
    """Every transaction with a lower number has ended."""
    next_transaction: int
    """No transaction that has begun has this number or a higher one."""
    newest: Execution | None
    """The execution with the highest id."""
    fresh: Sequence[Execution]
    """The executions above the watermark, by id, as many as one read takes."""
    asked_for: Sequence[Execution]
    """The executions below the watermark whose ids were asked for, as far as they exist."""
    workflows: Sequence[Workflow]
    """As many as one read takes, active ones first."""
    workflow_states: Mapping[str, int]
    """How many of all are ``active``, ``inactive`` and ``archived``."""
    statistics: Sequence[Statistic]
    """Of the workflows that have a place."""
    table_bytes: Mapping[str, int]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What is read once, when counting begins, or begins anew after a restore: it takes a scan of all executions."""

    newest: int
    """The highest id; 0 where there is no execution."""
    unended: Sequence[Execution]
    first_since: int
    """The lowest id created after a given time; one above ``newest`` where there is none."""
    workflows: Sequence[Workflow]
    modes: Sequence[tuple[str | None, str]]
    """Each workflow's id with each mode in which it ran."""

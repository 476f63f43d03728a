"""What the latest read of an n8n says: what is open, what is stuck, which workflows fail. Plain values, and words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from collectors.n8n.reading import LifetimeKey, LifetimeRuns, N8nReading
from collectors.n8n.rows import OpenStatus
from collectors.terms import Seconds
from exporter.wording import counted, some, span

_LONG_QUEUE: Seconds = 300.0
"""An execution that waits longer for its start is stuck: no worker takes it."""
_LONG_RUN: Seconds = 3600.0
"""An execution that runs longer is stuck: n8n's own limit, if set, is an hour at most (EXECUTIONS_TIMEOUT_MAX)."""
_NEVER = LifetimeRuns(0, None)


class Open(NamedTuple):
    """Executions in one state."""

    number: int
    oldest: Seconds
    """For how long the oldest has been in it."""


class N8nNow(NamedTuple):
    """The state of an n8n at the latest read of its database."""

    open: dict[OpenStatus, Open]
    overdue: int
    """Those that wait though they should have gone on 5 minutes ago."""
    failing: list[str]
    """The names of active workflows whose latest run in production failed."""
    state_problem: str

    @property
    def number(self) -> int:
        """How many executions are open."""
        return sum(of.number for of in self.open.values())

    @property
    def oldest(self) -> Seconds | None:
        """For how long the oldest of them has been in its state."""
        return max((of.oldest for of in self.open.values()), default=None)


def n8n_now(reading: N8nReading) -> N8nNow:
    """Return the state of an n8n."""
    by_status: dict[OpenStatus, Open] = {}
    for (_, status), runs in reading.open.items():
        number, oldest = by_status.get(status, Open(0, 0.0))
        by_status[status] = Open(number + runs.number, max(oldest, reading.read_at - runs.oldest))
    return N8nNow(by_status, sum(reading.overdue.values()), list(_failing(reading)), reading.state_problem)


def _failing(reading: N8nReading) -> Iterator[str]:
    """Yield the names of active workflows whose latest run in production failed, by n8n's own dates.

    n8n has these dates also of runs that it does not keep. n8n 1.x takes a wait for an error: a workflow that waits is
    not failing.
    """
    for workflow in reading.workflows:
        succeeded, failed = (
            reading.lifetime.get(LifetimeKey(workflow.id, "production", result), _NEVER).latest
            for result in ("success", "error")
        )
        waits = (workflow.id, OpenStatus.WAITING) in reading.open
        if workflow.active and failed is not None and failed > (succeeded or 0.0) and not waits:
            yield workflow.name


def in_words(state: N8nNow) -> str:
    """Write what is open, and what fails: 12 executions open, the oldest for 40 min, 1 workflow fails."""
    words = f"{counted(state.number, 'execution')} open"
    if state.oldest is not None:
        words += f", the oldest for {span(state.oldest)}"
    return words + (f", {_fail(len(state.failing))}" if state.failing else "")


def unwell(state: N8nNow) -> str:
    """Write what is stuck or fails, though the database is well; empty if nothing is."""
    faults = "; ".join([*_stuck(state), *_failures(state)])
    return f"{faults}; the database is well" if faults else ""


def _stuck(state: N8nNow) -> Iterator[str]:
    queued, running = state.open.get(OpenStatus.NEW), state.open.get(OpenStatus.RUNNING)
    if queued is not None and queued.oldest > _LONG_QUEUE:
        yield f"{_have(queued, 'waited')} to start"
    if state.overdue:
        noun = counted(state.overdue, "execution")
        yield f"{noun} {'waits' if state.overdue == 1 else 'wait'} though the time to go on has passed"
    if running is not None and running.oldest > _LONG_RUN:
        yield _have(running, "run")


def _have(of: Open, done: str) -> str:
    if of.number == 1:
        return f"1 execution has {done} for {span(of.oldest)}"
    return f"{counted(of.number, 'execution')} have {done} for up to {span(of.oldest)}"


def _failures(state: N8nNow) -> Iterator[str]:
    if state.failing:
        yield f"{_fail(len(state.failing))}: {some(state.failing)}"


def _fail(number: int) -> str:
    return f"{counted(number, 'workflow')} {'fails' if number == 1 else 'fail'}"

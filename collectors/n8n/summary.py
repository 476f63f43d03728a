"""A ledger and the rows of a read -> the ``N8nReading``."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from collectors.n8n.labels import OTHER, clean
from collectors.n8n.ledger import Ledger
from collectors.n8n.open_run import OpenRun
from collectors.n8n.reading import LifetimeKey, LifetimeRuns, N8nReading, OpenRuns
from collectors.n8n.rows import OpenStatus, Rows, Workflow
from collectors.terms import Seconds

_OVERDUE: Seconds = 300.0


def reading(ledger: Ledger, rows: Rows, took: Seconds, state_problem: str = "") -> N8nReading:
    """Return all that is known after a read; what is counted later does not change the result."""
    tallies = ledger.tallies
    return N8nReading(
        took=took,
        read_at=rows.now,
        workflows=tuple(_with_place(ledger, rows.workflows)),
        workflow_states=dict(rows.workflow_states),
        lifetime=_lifetime(ledger, rows),
        finished=dict(tallies.finished),
        durations=dict(tallies.durations),
        queue=tallies.queue,
        open=_open(ledger.open.values(), rows.now),
        overdue=Counter(run.workflow for run in ledger.open.values() if _is_overdue(run, rows.now)),
        node_runs=dict(tallies.node_runs),
        node_types=dict(tallies.node_types),
        node_data_unread=dict(tallies.node_data_unread),
        table_bytes=dict(rows.table_bytes),
        backlog=max(0, rows.newest.id - ledger.watermark) if rows.newest else 0,
        vanished=tallies.vanished,
        resets=tallies.resets,
        overflow=tallies.overflow,
        state_problem=state_problem,
    )


def _with_place(ledger: Ledger, workflows: Iterable[Workflow]) -> Iterable[Workflow]:
    for workflow in workflows:
        label = ledger.label(workflow.id)
        if label != OTHER:
            yield workflow._replace(id=label, name=clean(workflow.name))


def _lifetime(ledger: Ledger, rows: Rows) -> Mapping[LifetimeKey, LifetimeRuns]:
    lifetime: dict[LifetimeKey, LifetimeRuns] = {}
    for row in rows.statistics:
        kind, _, result = row.name.partition("_")
        key = LifetimeKey(ledger.label(row.workflow), kind, result)
        before = lifetime.get(key, LifetimeRuns(0, None))
        lifetime[key] = LifetimeRuns(before.runs + row.runs, _later(before.latest, row.latest))
    return lifetime


def _later(one: Seconds | None, other: Seconds | None) -> Seconds | None:
    return max((time for time in (one, other) if time is not None), default=None)


def _open(runs: Iterable[OpenRun], now: Seconds) -> Mapping[tuple[str, OpenStatus], OpenRuns]:
    since: defaultdict[tuple[str, OpenStatus], list[Seconds]] = defaultdict(list)
    for run in runs:
        since[run.workflow, OpenStatus(run.status)].append(min(run.since or now, now))
    return {key: OpenRuns(len(times), min(times)) for key, times in since.items()}


def _is_overdue(run: OpenRun, now: Seconds) -> bool:
    return run.status == OpenStatus.WAITING and run.wait_till is not None and run.wait_till < now - _OVERDUE

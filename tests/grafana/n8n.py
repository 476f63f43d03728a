"""The series of an n8n: of three workflows one failed once, and one fails and hangs when something breaks."""

from __future__ import annotations

from collections.abc import Iterator

from tests.grafana.fleet import Fleet
from tests.grafana.history import DAY, END, FAULT, Clock, Labels, Series, Spread

_DURATIONS = (0.1, 0.5, 1, 5, 10, 60, 300, 3600)
WORKFLOWS = {"Xk3": "Orders", "b7Q": "Invoices (daily)", "n0N": "Never succeeded"}
BROKEN = "Xk3"
NEVER = "n0N"
_NODES = {"Ask shop": ("httpRequest", 2.0), "Set": ("set", 0.01)}


def n8n(fleet: Fleet, clock: Clock) -> Iterator[Series]:
    """Yield the series of one n8n, on the page of the first host."""
    labels = {**fleet.hosts[0].as_source(), "n8n": "n8n"}
    for name, values in _whole().items():
        yield clock.gauge({"__name__": name, **labels}, *values)
    for reason in ("timeout", "auth"):
        yield clock.counter({"__name__": "n8ndb_read_errors_total", **labels, "reason": reason}, 0, 0.01)
    for state, number in (("active", 3), ("inactive", 3), ("archived", 1)):
        yield clock.gauge({"__name__": "n8ndb_workflows", **labels, "state": state}, number)
    for table in ("execution_entity", "execution_data"):
        yield clock.gauge({"__name__": "n8ndb_table_bytes", **labels, "table": table}, 3e8 * len(table))
    yield from clock.histogram("n8ndb_execution_queue_seconds", labels, _DURATIONS, Spread(0.02, 0.2))
    for why in ("unreadable", "too_large"):
        yield clock.counter({"__name__": "n8ndb_node_data_unread_total", **labels, "why": why}, 0, 0.001)
    for kind, seconds in _NODES.values():
        name = "n8ndb_node_type_run_seconds"
        yield from clock.histogram(name, {**labels, "node_type": kind}, _DURATIONS, Spread(0.02, seconds))
    for workflow in WORKFLOWS:
        yield from _workflow(clock, {**labels, "workflow_id": workflow}, breaks=workflow == BROKEN)


def _whole() -> dict[str, tuple[float, float]]:
    return {
        "n8ndb_up": (1, 1),
        "n8ndb_last_read_timestamp_seconds": (FAULT - 5, END - 5),
        "n8ndb_backlog_executions": (0, 0),
    }


def _workflow(clock: Clock, labels: Labels, *, breaks: bool) -> Iterator[Series]:
    info = {"__name__": "n8ndb_workflow_info", **labels, "workflow_name": WORKFLOWS[labels["workflow_id"]]}
    yield clock.gauge(info, 1)
    yield clock.gauge({"__name__": "n8ndb_workflow_active", **labels}, 1)
    if labels["workflow_id"] == NEVER:
        of = {**labels, "kind": "production", "result": "error"}
        yield clock.gauge({"__name__": "n8ndb_workflow_last_run_timestamp_seconds", **of}, END - DAY)
        return
    yield clock.gauge({"__name__": "n8ndb_executions_overdue", **labels}, 0, 2 if breaks else 0)
    # What the rules know only after weeks.
    usual = {"n8n": labels["n8n"], "workflow_id": labels["workflow_id"]}
    yield clock.gauge({"__name__": "workflow:n8ndb_success_age_seconds:usual4w", **usual}, 900)
    yield from _runs(clock, labels, breaks=breaks)
    yield from _open(clock, labels, breaks=breaks)
    yield from _nodes(clock, labels, breaks=breaks)


def _runs(clock: Clock, labels: Labels, *, breaks: bool) -> Iterator[Series]:
    ended = {"success": (0.02, 0.0 if breaks else 0.02), "error": (0.0, 0.02 if breaks else 0.0), "canceled": (0, 0)}
    for status, rates in ended.items():
        name = {"__name__": "n8ndb_executions_finished_total", **labels, "mode": "trigger", "status": status}
        yield clock.counter(name, *rates)
    last = {
        "success": (FAULT - 60, FAULT - 30 if breaks else END - 60),
        "error": (END - DAY, END - 30 if breaks else END - DAY),
    }
    for result, times in last.items():
        of = {**labels, "kind": "production", "result": result}
        yield clock.gauge({"__name__": "n8ndb_workflow_last_run_timestamp_seconds", **of}, *times)
        yield clock.counter({"__name__": "n8ndb_workflow_runs_total", **of}, ended[result][0], ended[result][1])
    for status in ("success", "error"):
        spreads = (Spread(rate, 3, 0.5) for rate in ended[status])
        histogram = "n8ndb_execution_duration_seconds"
        yield from clock.histogram(histogram, {**labels, "status": status}, _DURATIONS, *spreads)


def _open(clock: Clock, labels: Labels, *, breaks: bool) -> Iterator[Series]:
    for status, number in (("new", 0), ("running", 1), ("waiting", 0)):
        of = {**labels, "status": status}
        yield clock.gauge({"__name__": "n8ndb_executions_open", **of}, number, number + 12 if breaks else number)
    oldest = {"__name__": "n8ndb_execution_oldest_timestamp_seconds", **labels, "status": "running"}
    yield clock.gauge(oldest, FAULT - 3, END - 1400 if breaks else END - 3)


def _nodes(clock: Clock, labels: Labels, *, breaks: bool) -> Iterator[Series]:
    for node, (kind, seconds) in _NODES.items():
        for status in ("success", "error"):
            fails = breaks and kind == "httpRequest"
            well, broken = float(status == "success"), float((status == "error") == fails)
            of = {**labels, "node": node, "node_type": kind, "status": status}
            yield clock.counter({"__name__": "n8ndb_node_runs_total", **of}, 0.02 * well, 0.02 * broken)
            rates = (0.02 * share * seconds for share in (well, broken))
            yield clock.counter({"__name__": "n8ndb_node_run_seconds_total", **of}, *rates)

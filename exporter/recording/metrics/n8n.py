"""The families of each n8n: names, helps, labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from collectors.n8n.reading import N8nReading
from collectors.n8n.rows import OpenStatus, Workflow
from collectors.terms import Seconds
from exporter.recording.families import KeyedFamily
from exporter.recording.metrics.n8n_readings import ONE, Group, counter, gauge, histogram
from exporter.recording.series import PairSeries

N8N_LABELS = ("n8n",)
"""Of every series: its name in the fleet file."""
_WORKFLOW = ("workflow_id",)
_RUNS = ("workflow_id", "kind", "result")
_OPEN = ("workflow_id", "status")
_NODE = ("workflow_id", "node", "node_type", "status")


def _up(series: PairSeries, now: Seconds) -> Iterator[Group]:
    if series.is_fresh(now):
        yield (), (int(series.latest.reply is not None),)


def _last_read(series: PairSeries, _now: Seconds) -> Iterator[Group]:
    if series.last_success is not None:
        yield (), (series.last_success,)


def _read_errors(series: PairSeries, _now: Seconds) -> Iterator[Group]:
    for reason, count in tuple(series.failures.items()):
        yield (reason.value,), (count,)


def _workflows(reading: N8nReading) -> Iterable[Workflow]:
    """Return the workflows, each id once: two that differ in what no label can hold are one."""
    return {workflow.id: workflow for workflow in reading.workflows}.values()


def _open(reading: N8nReading) -> Iterator[tuple[Sequence[str], float]]:
    """Yield how many are open; of active workflows in each state."""
    active = (workflow.id for workflow in reading.workflows if workflow.active)
    for key in dict.fromkeys([*((workflow, status) for workflow in active for status in OpenStatus), *reading.open]):
        yield key, reading.open[key].number if key in reading.open else 0


def _overdue(reading: N8nReading) -> Iterator[tuple[Sequence[str], float]]:
    active = (workflow.id for workflow in reading.workflows if workflow.active)
    for workflow in dict.fromkeys([*active, *reading.overdue]):
        yield (workflow,), reading.overdue.get(workflow, 0)


N8N_FAMILIES = (
    KeyedFamily("n8ndb_up", "gauge", "Whether n8n's database could be read the last time: 1 or 0.", (), ONE, _up),
    KeyedFamily(
        "n8ndb_last_read_timestamp_seconds",
        "gauge",
        "When n8n's database was last read, in seconds since the epoch.",
        (),
        ONE,
        _last_read,
    ),
    KeyedFamily(
        "n8ndb_read_errors_total",
        "counter",
        "Reads of n8n's database that failed, by reason.",
        ("reason",),
        ONE,
        _read_errors,
    ),
    gauge(
        "n8ndb_workflow_info",
        "The name of each workflow; always 1. Other series have the id alone, which a new name does not change.",
        ("workflow_id", "workflow_name"),
        lambda reading: (((workflow.id, workflow.name), 1) for workflow in _workflows(reading)),
    ),
    gauge(
        "n8ndb_workflow_active",
        "Whether a workflow is active: 1 or 0.",
        _WORKFLOW,
        lambda reading: (((workflow.id,), int(workflow.active)) for workflow in _workflows(reading)),
    ),
    gauge(
        "n8ndb_workflows",
        "Workflows that are active, inactive or archived.",
        ("state",),
        lambda reading: (((state,), number) for state, number in reading.workflow_states.items()),
    ),
    counter(
        "n8ndb_workflow_runs_total",
        "Runs of a workflow in its lifetime, as n8n itself counts them, also those that it does not keep. n8n 1.x "
        "counts each wait and each cancelled run as an error.",
        _RUNS,
        lambda reading: ((key, of.runs) for key, of in reading.lifetime.items()),
    ),
    gauge(
        "n8ndb_workflow_last_run_timestamp_seconds",
        "When the latest run of a workflow ended, as n8n itself keeps it, in seconds since the epoch.",
        _RUNS,
        lambda reading: ((key, of.latest) for key, of in reading.lifetime.items() if of.latest is not None),
    ),
    counter(
        "n8ndb_executions_finished_total",
        "Executions that have ended since counting began, each counted once.",
        ("workflow_id", "mode", "status"),
        lambda reading: reading.finished.items(),
    ),
    histogram(
        "n8ndb_execution_duration_seconds",
        "Seconds from the start of an execution to its end, of those that succeeded or failed.",
        ("workflow_id", "status"),
        lambda reading: reading.durations.items(),
    ),
    histogram(
        "n8ndb_execution_queue_seconds",
        "Seconds from when an execution was created until it started.",
        (),
        lambda reading: (((), reading.queue),),
    ),
    gauge(
        "n8ndb_executions_open",
        "Executions that have not ended: new ones wait for their start, waiting ones for a time or an event.",
        _OPEN,
        _open,
    ),
    gauge(
        "n8ndb_execution_oldest_timestamp_seconds",
        "Since when the oldest of these executions has been in its state, in seconds since the epoch.",
        _OPEN,
        lambda reading: ((key, of.oldest) for key, of in reading.open.items()),
    ),
    gauge(
        "n8ndb_executions_overdue",
        "Executions that wait though they should have gone on more than 5 minutes ago.",
        _WORKFLOW,
        _overdue,
    ),
    counter(
        "n8ndb_node_runs_total",
        "Runs of a node, of executions that have ended.",
        _NODE,
        lambda reading: ((key, of.runs) for key, of in reading.node_runs.items()),
    ),
    counter(
        "n8ndb_node_run_seconds_total",
        "Seconds that the runs of a node took in all.",
        _NODE,
        lambda reading: ((key, of.took) for key, of in reading.node_runs.items()),
    ),
    histogram(
        "n8ndb_node_type_run_seconds",
        "Seconds that a run of a node took, by the node's type.",
        ("node_type",),
        lambda reading: (((node_type,), histogram) for node_type, histogram in reading.node_types.items()),
    ),
    counter(
        "n8ndb_node_data_unread_total",
        "Executions whose nodes could not be counted, by why.",
        ("why",),
        lambda reading: (((why.value,), number) for why, number in reading.node_data_unread.items()),
    ),
    gauge(
        "n8ndb_table_bytes",
        "Size of a table of n8n with its indexes, in bytes.",
        ("table",),
        lambda reading: (((table,), size) for table, size in reading.table_bytes.items()),
    ),
    gauge(
        "n8ndb_backlog_executions",
        "Executions that are not read yet, because more have ended than one read takes; some may not exist.",
        (),
        lambda reading: (((), reading.backlog),),
    ),
    counter(
        "n8ndb_executions_vanished_total",
        "Executions that ended without a trace, because n8n does not keep them: whether they succeeded is not known.",
        (),
        lambda reading: (((), reading.vanished),),
    ),
    counter(
        "n8ndb_watermark_resets_total",
        "How often n8n's database turned out to be restored from an older backup.",
        (),
        lambda reading: (((), reading.resets),),
    ),
    counter(
        "n8ndb_label_overflow_total",
        "Runs that were counted under __other__, because max_workflows or max_node_series was reached.",
        (),
        lambda reading: (((), reading.overflow),),
    ),
)
"""In the order of the page."""

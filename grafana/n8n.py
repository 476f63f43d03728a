"""n8n: what it does, and since when it does not."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import (
    DynamicConfigValue,
    ValueMap,
    ValueMappingResult,
    VariableRefresh,
    VariableSort,
)

from grafana import variables
from grafana.board import Board, Row
from grafana.cards import ANY_IS_BAD, UNKNOWN, Card, Limits, Shown, Unit
from grafana.panels import by_word, figure, lines, logarithmic, stacked
from grafana.queries import RATE, none_or, now, over_time
from grafana.tables import rows

N8N = 'n8n=~"$n8n"'
WORKFLOW = f'{N8N}, workflow_id=~"$workflow"'
_ENDED = f'{WORKFLOW}, mode=~"$mode"'
_HOUR = "1h"
"""Many workflows run once in a quarter of an hour: a rate over less time is mostly 0."""
_FAILING: Limits = ((0.05, "yellow"), (0.2, "orange"), (0.5, "red"))
_BY = "by (n8n, workflow_id)"
_COLORS = {"success": "green", "error": "red", "crashed": "dark-red", "canceled": "gray", "unknown": "yellow"}
_NAMES = "max by (n8n, workflow_id, workflow_name) (n8ndb_workflow_info)"
_ACTIVE = f"max {_BY} (n8ndb_workflow_active) == 1"
NEVER = 10_000_000_000
"""Stands for the age of what never happened: longer than any real age."""
_NEVER_IN_WORDS = DynamicConfigValue(
    id_val="mappings", value=[ValueMap(options={str(NEVER): ValueMappingResult(text="never", color="red")})]
)
_NO_NODES = "Nothing is read of nodes: the fleet file has no `nodes: true`."


def named(series: str) -> str:
    """Give series of workflows the name, which is on one metric alone; what is counted together has none."""
    return f"({series}) * on (n8n, workflow_id) group_left (workflow_name) {_NAMES}"


def _mean_duration(window: str) -> str:
    total, count = (
        f"sum {_BY} (rate(n8ndb_execution_duration_seconds_{part}{{{WORKFLOW}}}[{window}]))"
        for part in ("sum", "count")
    )
    return f"{total} / ({count} > 0)"


def _duration(share: float, window: str) -> str:
    buckets = f"rate(n8ndb_execution_duration_seconds_bucket{{{WORKFLOW}}}[{window}])"
    return f"histogram_quantile({share}, sum by (n8n, workflow_id, le) ({buckets})) >= 0"


def _last_run(result: str) -> str:
    selector = f'{WORKFLOW}, kind="production", result="{result}"'
    return f"max {_BY} (n8ndb_workflow_last_run_timestamp_seconds{{{selector}}})"


def _success() -> list[Shown]:
    age = f"workflow:n8ndb_success_age_seconds:now{{{WORKFLOW}}}"
    failed, succeeded = _last_run("error"), _last_run("success")
    usual = "last_over_time(workflow:n8ndb_success_age_seconds:usual4w[3h])"
    return [
        rows(
            Card(
                "Last success of each active workflow",
                "How long ago it last succeeded in production; what never has comes first.",
                Unit.SECONDS,
                10,
                10,
            ),
            now(named(f"{age} or {NEVER} + 0 * (({failed} unless {succeeded}) and {_ACTIVE})")),
            {"n8n": "n8n", "workflow_name": "workflow", "Value": "ago"},
        ).override_by_name("ago", [_NEVER_IN_WORDS]),
        rows(
            Card(
                "Late, by its own usual",
                "The time since the last success by the longest of an ordinary week; an alert comes above 2 ×.",
                Unit.TIMES,
                6,
                10,
                nothing="A full week must be known first.",
            ),
            now(f"round({named(f'{age} / {usual}')}, 0.01)"),
            {"workflow_name": "workflow", "Value": "of usual"},
            limits=((1, "yellow"), (2, "red")),
        ),
        figure(
            Card("Database read", "The time since n8n's database was last read.", Unit.SECONDS, 4, 10),
            now(f"time() - min by (n8n) (n8ndb_last_read_timestamp_seconds{{{N8N}}})", "{{n8n}}"),
            ((120, "red"),),
        ),
        figure(
            Card("Failed last", "Active workflows whose latest run in production failed.", Unit.COUNT, 4, 10, UNKNOWN),
            now(
                none_or(
                    f"(({failed} > {succeeded}) or ({failed} unless {succeeded})) and {_ACTIVE}", f"n8ndb_up{{{N8N}}}"
                )
            ),
            ANY_IS_BAD,
        ),
    ]


def _runs() -> list[Shown]:
    finished = f"n8ndb_executions_finished_total{{{_ENDED}}}"
    succeeded = f'n8ndb_executions_finished_total{{{_ENDED}, status="success"}}'
    judged = f'n8ndb_executions_finished_total{{{_ENDED}, status!="canceled"}}'
    return [
        by_word(
            stacked(
                Card("Runs by outcome", "How many executions ended in a minute, and how.", Unit.PER_MINUTE, 12),
                over_time(f"60 * sum by (n8n, status) (rate({finished}{RATE}))", "{{n8n}}: {{status}}"),
            ),
            _COLORS,
        ),
        lines(
            Card(
                "Success rate",
                "The share of the last hour's runs that succeeded; what somebody cancelled is no failure.",
                Unit.SHARE,
                6,
            ),
            over_time(
                f"sum by (n8n) (increase({succeeded}[{_HOUR}])) / (sum by (n8n) (increase({judged}[{_HOUR}])) > 0)",
                "{{n8n}}",
            ),
        ),
        figure(
            Card("Runs in a day", "Executions that ended within 24 hours.", Unit.COUNT, 3, 8),
            now(f"sum by (n8n) (increase({finished}[1d]))", "{{n8n}}"),
        ),
        figure(
            Card("Workflows", "By state: active, inactive, archived.", Unit.COUNT, 3, 8),
            now(f"sum by (n8n, state) (n8ndb_workflows{{{N8N}}})", "{{n8n}}: {{state}}"),
        ),
        rows(
            Card(
                "Runs of each workflow",
                "Ended in the last hour, without those of the editor and cancelled ones.",
                Unit.COUNT,
                8,
            ),
            now(named(f"workflow:n8ndb_executions_ended:increase1h{{{WORKFLOW}}}")),
            {"n8n": "n8n", "workflow_name": "workflow", "Value": "runs"},
        ),
        rows(
            Card(
                "Failing workflows",
                "The share of the last hour's runs that failed or crashed.",
                Unit.SHARE,
                8,
                nothing="None is known to fail.",
            ),
            now(named(f"workflow:n8ndb_executions_failed:ratio1h{{{WORKFLOW}}} > 0")),
            {"n8n": "n8n", "workflow_name": "workflow", "Value": "failed"},
            limits=_FAILING,
        ),
        rows(
            Card(
                "Runs of all time",
                "By n8n's own count, which pruning does not lower; 1.x counts each wait as a run, too.",
                Unit.COUNT,
                8,
            ),
            now(named(f'sum {_BY} (n8ndb_workflow_runs_total{{{WORKFLOW}, kind="production"}})')),
            {"n8n": "n8n", "workflow_name": "workflow", "Value": "runs"},
        ),
    ]


def _durations() -> list[Shown]:
    return [
        lines(
            Card("Duration of runs", "The mean of each workflow's runs of the last hour.", Unit.SECONDS, 8),
            over_time(named(_mean_duration(_HOUR)), "{{n8n}}: {{workflow_name}}"),
        ),
        lines(
            Card("Slow runs", "The 95th percentile of each workflow's runs of the last hour.", Unit.SECONDS, 8),
            over_time(named(_duration(0.95, _HOUR)), "{{n8n}}: {{workflow_name}}"),
        ),
        rows(
            Card("Slowest workflows", "By the mean duration of their runs of the last hour.", Unit.SECONDS, 8),
            now(named(f"topk(10, {_mean_duration(_HOUR)})")),
            {"n8n": "n8n", "workflow_name": "workflow", "Value": "mean"},
        ),
    ]


def _open() -> list[Shown]:
    oldest = f"workflow_status:n8ndb_execution_age_seconds:oldest{{{WORKFLOW}}}"
    waits = f"rate(n8ndb_execution_queue_seconds_bucket{{{N8N}}}{RATE})"
    return [
        stacked(
            Card(
                "Open executions",
                "How many are new (queued), running, or waiting for a time or an event.",
                Unit.COUNT,
                8,
            ),
            over_time(f"sum by (n8n, status) (n8ndb_executions_open{{{WORKFLOW}}})", "{{n8n}}: {{status}}"),
        ),
        lines(
            Card(
                "Wait for the start",
                "The slowest of twenty starts: how long executions stay in the queue.",
                Unit.SECONDS,
                8,
            ),
            over_time(f"histogram_quantile(0.95, sum by (n8n, le) ({waits})) >= 0", "{{n8n}}"),
        ).interval("5m"),
        rows(
            Card(
                "Oldest open execution",
                "What has been running, waiting or queued for longest: is it stuck?",
                Unit.SECONDS,
                8,
                nothing="Nothing is known to be open.",
            ),
            now(named(f"topk(20, {oldest})")),
            {"workflow_name": "workflow", "status": "status", "Value": "since"},
        ),
        figure(
            Card("Queue", "Executions that wait to be started.", Unit.COUNT, 4, 6),
            now(f"n8n:n8ndb_executions_new:sum{{{N8N}}}", "{{n8n}}"),
            ((10, "yellow"), (100, "red")),
        ),
        figure(
            Card("Overdue", "Executions that should have gone on more than 5 minutes ago.", Unit.COUNT, 4, 6),
            now(f"sum by (n8n) (n8ndb_executions_overdue{{{WORKFLOW}}})", "{{n8n}}"),
            ANY_IS_BAD,
        ),
        lines(
            Card("Reader", "Executions still to be read, and reads that failed in a minute.", Unit.COUNT, 8, 6),
            over_time(f"sum by (n8n) (n8ndb_backlog_executions{{{N8N}}})", "{{n8n}}: backlog"),
            over_time(
                f"60 * sum by (n8n, reason) (rate(n8ndb_read_errors_total{{{N8N}}}{RATE})) > 0", "{{n8n}}: {{reason}}"
            ),
        ),
        logarithmic(
            lines(
                Card("Size of the database", "Each table with its indexes.", Unit.BYTES, 8, 6),
                over_time(f"max by (n8n, table) (n8ndb_table_bytes{{{N8N}}})", "{{n8n}}: {{table}}"),
            )
        ),
    ]


def _nodes() -> list[Shown]:
    by = "by (n8n, workflow_id, node)"
    seconds = f"sum {by} (rate(n8ndb_node_run_seconds_total{{{WORKFLOW}}}[{_HOUR}]))"
    runs = f"sum {by} (rate(n8ndb_node_runs_total{{{WORKFLOW}}}[{_HOUR}]))"
    failed = f'sum {by} (rate(n8ndb_node_runs_total{{{WORKFLOW}, status="error"}}[{_HOUR}]))'
    whole = f"(sum {_BY} (rate(n8ndb_node_run_seconds_total{{{WORKFLOW}}}[{_HOUR}])) > 0)"
    columns = {"workflow_name": "workflow", "node": "node"}
    return [
        rows(
            Card(
                "Bottleneck score",
                "A node's share of the time of all its workflow's nodes in the last hour.",
                Unit.SHARE,
                8,
                9,
                _NO_NODES,
            ),
            now(named(f"topk(20, {seconds} / on (n8n, workflow_id) group_left () {whole})")),
            columns | {"Value": "share"},
        ),
        rows(
            Card("Slowest nodes", "By the mean duration of a run in the last hour.", Unit.SECONDS, 8, 9, _NO_NODES),
            now(named(f"topk(20, {seconds} / ({runs} > 0))")),
            columns | {"Value": "mean"},
        ),
        rows(
            Card(
                "Failing nodes",
                "The share of a node's runs in the last hour that failed.",
                Unit.SHARE,
                8,
                9,
                "No node fails, or none is read.",
            ),
            now(named(f"topk(20, {failed} / ({runs} > 0) > 0)")),
            columns | {"Value": "failed"},
            limits=_FAILING,
        ),
        rows(
            Card("Runs of nodes", "How often a node ran in the last hour.", Unit.COUNT, 8, 9, _NO_NODES),
            now(named(f"topk(20, sum {by} (increase(n8ndb_node_runs_total{{{WORKFLOW}}}[{_HOUR}])))")),
            columns | {"Value": "runs"},
        ),
        lines(
            Card(
                "Duration by type of node", "The slowest of twenty runs, over an hour.", Unit.SECONDS, 8, 9, _NO_NODES
            ),
            over_time(
                "histogram_quantile(0.95, sum by (n8n, node_type, le) "
                f"(rate(n8ndb_node_type_run_seconds_bucket{{{N8N}}}[{_HOUR}]))) >= 0",
                "{{n8n}}: {{node_type}}",
            ),
        ),
        lines(
            Card(
                "Nodes that could not be read",
                "Executions of the last hour of which no node is counted, and why.",
                Unit.COUNT,
                8,
                9,
                "None is known.",
            ),
            over_time(
                f"sum by (n8n, why) (increase(n8ndb_node_data_unread_total{{{N8N}}}[{_HOUR}])) > 0", "{{n8n}}: {{why}}"
            ),
        ),
    ]


def _workflow() -> dashboard.QueryVariable:
    """Offer workflows by their names; queries get the id, which never changes."""
    variable = variables.values("workflow", "workflow_id", f"n8ndb_workflow_info{{{N8N}}}", "By name.")
    series = f"query_result(last_over_time(n8ndb_workflow_info{{{N8N}}}[$__range]))"
    variable.query(series).definition(series).refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    variable.regex('/workflow_id="(?<value>[^"]+)".*workflow_name="(?<text>[^"]+)"/')
    return variables.many(variable.sort(VariableSort.ALPHABETICAL_ASC), ".*")


def _choices() -> list[variables.Variable]:
    n8n = variables.values("n8n", "n8n", "n8ndb_up", "By its name in the fleet file.")
    mode = variables.values("mode", "mode", f"n8ndb_executions_finished_total{{{N8N}}}", "How runs were started.")
    return [variables.many(n8n), _workflow(), variables.many(mode, ".*")]


BOARD = Board(
    name="n8n",
    title="n8n",
    description="What n8n does, since when it does not, and where its workflows spend their time.",
    variables=[variables.datasource(), *_choices()],
    rows=[
        Row("Does everything succeed?", _success()),
        Row("Runs", _runs()),
        Row("Duration", _durations()),
        Row("Open, queued, stuck", _open()),
        Row("Nodes", _nodes()),
    ],
)

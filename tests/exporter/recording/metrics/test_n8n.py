"""The families of an n8n: names, types and labels, which dashboards depend on; what is there when; labels escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from collectors.contract import ProbeFailed
from collectors.n8n.reading import FinishedKey, N8nReading, OpenRuns
from collectors.n8n.rows import EndStatus, OpenStatus, Workflow
from collectors.terms import Reason
from exporter.recording import metrics, recorder
from tests.exporter.pages import DATABASE, SMALL, Small, Time
from tests.exporter.readings import N8N, READ_AT, histogram, reading
from tests.exporter.samples import heads, parsed

RUNS = ("workflow_id", "kind", "result")
OPEN = ("workflow_id", "status")
NODE = ("workflow_id", "node", "node_type", "status")
FAMILIES = [
    ("n8ndb_up", "gauge", ()),
    ("n8ndb_last_read_timestamp_seconds", "gauge", ()),
    ("n8ndb_read_errors_total", "counter", ("reason",)),
    ("n8ndb_workflow_info", "gauge", ("workflow_id", "workflow_name")),
    ("n8ndb_workflow_active", "gauge", ("workflow_id",)),
    ("n8ndb_workflows", "gauge", ("state",)),
    ("n8ndb_workflow_runs_total", "counter", RUNS),
    ("n8ndb_workflow_last_run_timestamp_seconds", "gauge", RUNS),
    ("n8ndb_executions_finished_total", "counter", ("workflow_id", "mode", "status")),
    ("n8ndb_execution_duration_seconds", "histogram", ("workflow_id", "status")),
    ("n8ndb_execution_queue_seconds", "histogram", ()),
    ("n8ndb_executions_open", "gauge", OPEN),
    ("n8ndb_execution_oldest_timestamp_seconds", "gauge", OPEN),
    ("n8ndb_executions_overdue", "gauge", ("workflow_id",)),
    ("n8ndb_node_runs_total", "counter", NODE),
    ("n8ndb_node_run_seconds_total", "counter", NODE),
    ("n8ndb_node_type_run_seconds", "histogram", ("node_type",)),
    ("n8ndb_node_data_unread_total", "counter", ("why",)),
    ("n8ndb_table_bytes", "gauge", ("table",)),
    ("n8ndb_backlog_executions", "gauge", ()),
    ("n8ndb_executions_vanished_total", "counter", ()),
    ("n8ndb_watermark_resets_total", "counter", ()),
    ("n8ndb_label_overflow_total", "counter", ()),
]
STAYS = {"n8ndb_up", "n8ndb_last_read_timestamp_seconds"}
"""Gauges that say something while reads fail."""


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(recorder, "time", time)
    return time


@pytest.fixture
def small(tmp_path: Path, time: Time) -> Small:
    return Small(tmp_path, SMALL + DATABASE + N8N)


def read(small: Small, outcome: N8nReading | ProbeFailed | None = None) -> None:
    small.decide("orders", "read", outcome or reading())


def fail(small: Small, reason: Reason = Reason.REFUSED) -> None:
    read(small, ProbeFailed(reason, "refused"))


def families(small: Small, *, openmetrics: bool = False) -> Mapping[str, set[tuple[str, ...]]]:
    """Return which labels each family's samples bear, without ``le``."""
    return {
        family.name + "_total" * (family.type == "counter"): {
            tuple(name for name in sample.labels if name != "le") for sample in family.samples
        }
        for family in parsed(small.page(openmetrics=openmetrics), openmetrics=openmetrics)
        if family.name.startswith("n8ndb_")
    }


@pytest.mark.parametrize("openmetrics", [False, True])
def test_each_family_has_its_type_and_its_labels_and_there_is_no_other(small: Small, *, openmetrics: bool) -> None:
    read(small)
    assert families(small, openmetrics=openmetrics) == {name: {("n8n", *labels)} for name, _, labels in FAMILIES}
    types = heads(small.page())
    assert {name: kind for name, kind in types.items() if name.startswith("n8ndb_")} == {
        name: kind for name, kind, _ in FAMILIES
    }


def test_without_an_n8n_there_is_none_of_them(tmp_path: Path) -> None:
    assert "n8ndb" not in Small(tmp_path, SMALL + DATABASE).page()
    assert "n8ndb" not in Small(tmp_path, SMALL + DATABASE + N8N, host="wf008").page()


def test_before_the_first_read_every_reason_stands_at_0_and_nothing_else_is_there(small: Small) -> None:
    assert {name for name, labels in families(small).items() if labels} == {"n8ndb_read_errors_total"}
    reasons = small.samples().by("reason", "n8ndb_read_errors_total")
    assert reasons == dict.fromkeys(map(str, small.pair("orders", "read").aim.reasons), 0)


def test_while_reads_fail_gauges_are_absent_and_counters_go_on(small: Small, time: Time) -> None:
    read(small)
    when = small.samples().get("n8ndb_last_read_timestamp_seconds")
    time.passed += 15
    fail(small)
    there = {name for name, labels in families(small).items() if labels}
    assert there == {name for name, kind, _ in FAMILIES if kind != "gauge" or name in STAYS}
    samples = small.samples()
    assert samples.get("n8ndb_up") == 0
    assert samples.get("n8ndb_last_read_timestamp_seconds") == when
    assert samples.get("n8ndb_executions_finished_total", status="success") == 3
    assert samples.get("n8ndb_read_errors_total", reason="refused") == 1
    read(small)
    assert small.samples().get("n8ndb_up") == 1
    assert small.samples().get("n8ndb_workflow_active", workflow_id="w1") == 1


def test_what_was_not_read_for_two_intervals_and_a_timeout_is_not_shown_as_the_present(
    small: Small, time: Time
) -> None:
    read(small)
    time.passed += 40
    assert small.samples().get("n8ndb_up") == 1
    time.passed += 1
    there = {name for name, labels in families(small).items() if labels}
    assert there == {name for name, kind, _ in FAMILIES if kind != "gauge"} | {"n8ndb_last_read_timestamp_seconds"}


def test_values_are_those_of_the_reading(small: Small) -> None:
    read(small)
    samples = small.samples()
    assert samples.by("state", "n8ndb_workflows") == {"active": 1, "inactive": 0, "archived": 1}
    assert samples.by("result", "n8ndb_workflow_runs_total") == {"success": 40, "error": 2}
    assert samples.get("n8ndb_workflow_last_run_timestamp_seconds", result="success") == READ_AT - 60
    assert samples.by("status", "n8ndb_executions_open") == {"new": 0, "running": 2, "waiting": 0}
    assert samples.by("status", "n8ndb_execution_oldest_timestamp_seconds") == {"running": READ_AT - 30}
    assert samples.get("n8ndb_executions_overdue", workflow_id="w1") == 0
    assert samples.get("n8ndb_node_run_seconds_total") == 0.125
    assert samples.get("n8ndb_executions_vanished_total") == 1
    buckets = samples.by("le", "n8ndb_execution_duration_seconds_bucket", status="success")
    assert [buckets[bound] for bound in ("0.1", "0.25", "3600.0", "+Inf")] == [1, 3, 3, 3]
    assert samples.get("n8ndb_execution_duration_seconds_sum", status="success") == 0.5
    assert samples.get("n8ndb_execution_duration_seconds_count", status="success") == 3


@pytest.mark.parametrize("openmetrics", [False, True])
@pytest.mark.parametrize("name", ['"', "\\", "%s %d 100 %", "🙂", "a\nb", "", "__name__=x}"])
def test_a_name_is_escaped_whatever_it_holds(small: Small, name: str, *, openmetrics: bool) -> None:
    workflows = [Workflow("w1", name, active=True, archived=False)]
    read(small, reading(workflows=workflows, node_runs={}))
    (info,) = (
        family
        for family in parsed(small.page(openmetrics=openmetrics), openmetrics=openmetrics)
        if family.name == "n8ndb_workflow_info"
    )
    assert [sample.labels["workflow_name"] for sample in info.samples] == [name]


def test_workflows_that_have_one_label_are_one_series(small: Small) -> None:
    twice = [Workflow("w1", name, active=True, archived=False) for name in ("one", "other")]
    read(small, reading(workflows=twice))
    assert len(small.samples().all("n8ndb_workflow_info")) == 1


def test_a_page_that_is_under_way_is_that_of_the_read_it_began_with(small: Small) -> None:
    read(small)
    pieces = small.recorder.page(openmetrics=False)
    page = [next(pieces)]
    read(small, reading(finished={FinishedKey("w1", "trigger", EndStatus.SUCCESS): 4}, vanished=9))
    page += pieces
    text = b"".join(page).decode()
    assert 'n8ndb_executions_finished_total{n8n="orders",workflow_id="w1",mode="trigger",status="success"} 3\n' in text
    assert 'n8ndb_executions_vanished_total{n8n="orders"} 1\n' in text


def test_a_page_that_is_under_way_while_another_database_takes_over_is_that_of_before(small: Small) -> None:
    read(small)
    pieces = small.recorder.page(openmetrics=False)
    page = [next(pieces)]
    small.reload((SMALL + DATABASE + N8N).replace("dbname: n8n", "dbname: other"))
    small.reload(SMALL)
    page += pieces
    assert b'n8ndb_executions_vanished_total{n8n="orders"} 1\n' in b"".join(page)


def test_a_reload_keeps_all_unless_the_database_is_another_one(small: Small) -> None:
    read(small)
    fail(small)
    small.reload((SMALL + DATABASE + N8N).replace("wf008_brazil", "moved").replace("from: wf001", "from: [wf001]"))
    assert small.samples().get("n8ndb_executions_finished_total", status="success") == 3
    small.reload((SMALL + DATABASE + N8N).replace("dbname: n8n", "dbname: other"))
    assert small.samples().all("n8ndb_executions_finished_total") == {}
    assert small.samples().get("n8ndb_read_errors_total", reason="refused") == 1


def test_a_full_page_is_made_in_small_pieces_and_costs_no_more_than_is_said(small: Small) -> None:
    workflows = [Workflow(f"w{number}", "", active=True, archived=False) for number in range(500)]
    modes = ("trigger", "webhook", "manual", "error")
    full = reading(
        workflows=workflows,
        finished={FinishedKey(one.id, mode, status): 1 for one in workflows for mode in modes for status in EndStatus},
        durations={
            (one.id, status): histogram() for one in workflows for status in (EndStatus.SUCCESS, EndStatus.ERROR)
        },
        open={(one.id, status): OpenRuns(1, READ_AT) for one in workflows for status in OpenStatus},
    )
    read(small, full)
    pieces = list(small.recorder.page(openmetrics=False))
    assert max(piece.count(b"\n") for piece in pieces) <= 600  # our own are one piece
    lines = re.findall(r"^n8ndb_.*", b"".join(pieces).decode(), re.MULTILINE)
    assert 30_000 < len(lines) <= metrics.series_of(small.pair("orders", "read"), ())


def test_each_help_can_be_read_alone(small: Small) -> None:
    read(small)
    for name, text in re.findall(r"^# HELP (n8ndb_\S+) (.*)$", small.page(), re.MULTILINE):
        assert text.endswith("."), name
        assert ("seconds" in name) <= ("seconds" in text.lower()), name
        assert not {"our", "we"} & set(re.findall(r"\w+", text.lower())), name


def test_a_family_that_counts_time_is_no_whole_number(small: Small) -> None:
    read(small)
    assert 'status="success"} 0.125\n' in small.page()

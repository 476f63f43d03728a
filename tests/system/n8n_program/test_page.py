"""The program beside a real database of an n8n: what is on its page, after every fault and every change."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.collectors.n8n.flatted_writer import execution, run
from tests.collectors.n8n.recordings import KEYS, VERSIONS, Change, Recording, schema_of
from tests.n8n.script import ENDS
from tests.netlab import Lab, requires_root, wait_until
from tests.system import n8n_tables
from tests.system.database_server import Server
from tests.system.databases import requires_databases
from tests.system.n8n_program.stage import FINISHED, NAME, Stage, sessions
from tests.system.running import REPOSITORY

pytestmark = [requires_root, requires_databases]

GAUGES = {
    "n8ndb_workflow_info",
    "n8ndb_workflow_active",
    "n8ndb_workflows",
    "n8ndb_workflow_last_run_timestamp_seconds",
    "n8ndb_executions_open",
    "n8ndb_executions_overdue",
    "n8ndb_table_bytes",
    "n8ndb_backlog_executions",
}


@pytest.fixture
def running(stage: Stage) -> Stage:
    stage.write_fleet()
    stage.start()
    wait_until(lambda: stage.finished() == 0, "it is read, and what had ended before is not counted")
    return stage


def test_the_page_has_what_ended_what_is_open_and_the_names(running: Stage) -> None:
    running.ends("success", 3)
    running.ends("error", 2)
    running.sql("INSERT INTO workflow_statistics VALUES (7, now(), 'production_success', 'w1')")
    running.sql(
        'INSERT INTO execution_entity (mode, status, "workflowId", "stoppedAt", "waitTill")'
        " VALUES ('webhook', 'waiting', 'w1', now(), now() - interval '1 hour')"
    )
    running.counts(3)
    running.reads()

    page = running.page()
    assert page.value("n8ndb_up", n8n="orders") == 1
    assert page.value(FINISHED, mode="trigger", status="error") == 2
    assert page.value("n8ndb_execution_duration_seconds_bucket", status="success", le="2.5") == 3
    assert page.value("n8ndb_execution_duration_seconds_bucket", status="success", le="1.0") == 0
    assert page.value("n8ndb_executions_open", status="waiting") == 1
    assert page.value("n8ndb_executions_open", status="running") == 0
    assert page.value("n8ndb_executions_overdue") == 1
    assert page.value("n8ndb_workflow_runs_total", kind="production", result="success") == 7
    assert page.value("n8ndb_workflow_info", workflow_id="w1", workflow_name=NAME.replace("\n", " ")) == 1
    assert sum(page.values("n8ndb_read_errors_total")) == 0
    assert len(page.values("n8ndb_read_errors_total")) == 11
    line = next(line for line in running.exporter.get("/").splitlines() if line.startswith("orders"))
    assert line.endswith("n8n: 1 execution waits though the time to go on has passed; the database is well")
    assert running.exporter.program.error_output().count("orders") == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_real_n8n_wrote_is_counted_as_its_own_list_has_it(server: Server, tmp_path: Path, version: str) -> None:
    recording = Recording.of(version)
    tables = ", ".join(reversed([name for name in KEYS if not (version.startswith("1.") and name == n8n_tables.DELTA)]))
    try:
        with Lab() as lab, n8n_tables.connected(server) as connection, connection.cursor() as cursor:
            cursor.execute(schema_of(version))
            cursor.execute(f"GRANT SELECT ON {tables} TO monitor")
            write(cursor, recording.workflows)
            stage = Stage(lab, server, tmp_path)
            stage.write_fleet()
            stage.start()
            stage.reads()
            for number, changes in enumerate(recording.transactions):
                cursor.execute("BEGIN")
                write(cursor, changes)
                cursor.execute("COMMIT")
                if number % (len(recording.transactions) // 4) == 0:
                    stage.reads()
            stage.reads()
            page = stage.page()
    finally:
        n8n_tables.run(server, f"DROP TABLE IF EXISTS {tables} CASCADE")

    names = {change.row["id"]: change.row["name"] for change in recording.workflows if "name" in change.row}
    counted = {
        (names[labels["workflow_id"]], labels["mode"], labels["status"]): value
        for labels, value in ((dict(of), value) for (name, of), value in page.samples.items() if name == FINISHED)
        if value
    }
    assert counted == ENDS
    assert sum(page.values("n8ndb_executions_open")) == 0


def write(cursor: Any, changes: Iterable[Change]) -> None:
    for change in changes:
        cursor.execute(*change.statement())


@pytest.mark.parametrize("fault", ["down", "frozen", "permission"])
def test_while_reads_fail_gauges_are_withdrawn_and_then_all_is_counted_once(running: Stage, fault: str) -> None:
    running.ends("success", 2)
    running.counts(2)
    running.ends("success", 3)
    server = running.server
    match fault:
        case "down":
            server.stop()
        case "frozen":
            server.freeze()
        case "permission":
            running.sql("REVOKE SELECT ON execution_entity FROM monitor")
    try:
        wait_until(lambda: running.page().value("n8ndb_up") == 0, "it is known")
        page = running.page()
        known = page.value(FINISHED, mode="trigger", status="success")
        assert known in {2, 5}
        assert GAUGES.isdisjoint(name for name, _ in page.samples)
        assert page.value("n8ndb_last_read_timestamp_seconds") is not None
        wait_until(lambda: sum(running.errors().values()) > 1, "each failure is counted")
        expected = {"down": {"refused", "reset"}, "frozen": {"timeout"}, "permission": {"query"}}[fault]
        assert running.errors().keys() <= expected
        line = next(line for line in running.exporter.get("/").splitlines() if line.startswith("orders"))
        assert " database: " in line
    finally:
        match fault:
            case "down":
                server.start()
            case "frozen":
                server.thaw()
            case "permission":
                running.sql("GRANT SELECT ON execution_entity TO monitor")
    wait_until(lambda: running.page().value("n8ndb_up") == 1, "it is well again")
    running.ends()
    running.counts(6)
    log = running.exporter.program.error_output()
    assert "level=error" not in log
    assert log.count("outage began: orders read ipv4") == log.count("outage ended: orders read ipv4") == 1


def test_a_reload_keeps_what_was_counted_unless_it_is_read_elsewhere(running: Stage) -> None:
    running.ends("success", 4)
    running.counts(4)
    running.write_fleet(country="BR", interval="1500ms")
    running.reload()
    assert running.finished() == 4
    running.ends()
    running.counts(5)

    running.sql("CREATE SCHEMA elsewhere")
    for table in n8n_tables.TABLES:
        running.sql(f"CREATE TABLE elsewhere.{table} (LIKE public.{table} INCLUDING ALL)")
        running.sql(f"GRANT USAGE ON SCHEMA elsewhere TO monitor; GRANT SELECT ON elsewhere.{table} TO monitor")
    running.write_fleet(schema="elsewhere")
    running.reload()
    wait_until(lambda: running.page().value("n8ndb_up") == 1, "it is read elsewhere")
    assert running.finished() is None
    running.sql("DROP SCHEMA elsewhere CASCADE")

    running.write_fleet(with_n8n=False)
    running.reload()
    assert not [name for name, _ in running.page().samples if name.startswith("n8ndb_")]
    wait_until(lambda: not sessions(running), "its session is over")


def test_a_stop_does_not_wait_for_a_read_under_way(stage: Stage) -> None:
    stage.write_fleet(interval="20s", timeout="15s", state_file=str(stage.folder / "orders.json"))
    with n8n_tables.connected(stage.server) as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE execution_entity IN ACCESS EXCLUSIVE MODE")
        stage.start()
        wait_until(lambda: sessions(stage, "wait_event_type = 'Lock'"), "the read is under way")
        assert stage.stop() == 0
    wait_until(lambda: not sessions(stage), "no session is left")


def test_a_scrape_and_the_page_leave_the_database_alone(stage: Stage) -> None:
    stage.write_fleet(interval="1h")
    stage.start()
    stage.counts(0)
    wait_until(lambda: sum(stage.page().values("database_probes_total")) == 2, "the first login and the first query")
    wait_until(lambda: len(activity(stage)) == 2, "the login's session has ended")
    before = activity(stage)
    for _ in range(20):
        stage.page()
        stage.exporter.get("/")
    assert activity(stage) == before


@pytest.mark.parametrize("with_n8n", [True, False])
def test_the_driver_is_loaded_only_where_an_n8n_is_read(stage: Stage, *, with_n8n: bool) -> None:
    stage.write_fleet(with_n8n=with_n8n)
    stage.start()
    if with_n8n:
        stage.counts(0)
    maps = Path(f"/proc/{stage.exporter.program.pid}/maps").read_text()
    assert ("psycopg2" in maps) == with_n8n


def test_it_is_read_at_once_for_who_asks_and_the_state_file_stays_as_it_is(stage: Stage) -> None:
    file = stage.folder / "orders.json"
    stage.write_fleet(interval="1h", state_file=str(file))
    stage.start()
    stage.counts(0)
    kept = file.read_bytes()
    stage.ends()
    stage.sql("INSERT INTO execution_entity (mode, status, \"workflowId\") VALUES ('trigger', 'new', 'w1')")

    text = stage.exporter.get("/probe?target=orders")
    assert text.splitlines()[0] == (f"orders read: n8n's database at {stage.server.socket_path} as monitor over ipv4")
    assert ": 1 execution open, the oldest for " in text
    assert text.splitlines()[-1] == "  verdict: fine"
    assert stage.finished() == 0
    assert file.read_bytes() == kept


def test_the_command_reads_it_once_and_says_the_same(stage: Stage) -> None:
    stage.write_fleet(state_file=str(stage.folder / "orders.json"))
    stage.sql("INSERT INTO workflow_statistics VALUES (1, now(), 'production_error', 'w1')")
    command = [sys.executable, "-m", "exporter", "probe", "orders", "--config.file", str(stage.fleet)]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    first, read, verdict = ran.stdout.splitlines()
    assert first.startswith("orders read: n8n's database at ")
    assert re.fullmatch(r"  read in [\d.]+ (ms|s): 0 executions open, 1 workflow fails", read)
    assert verdict == "  verdict: n8n: 1 workflow fails: " + NAME.replace("\n", " ") + "; the database is well"
    assert not (stage.folder / "orders.json").exists()


def test_nodes_are_counted_where_that_is_wanted(stage: Stage) -> None:
    nodes = '[{"name": "Set", "type": "n8n-nodes-base.set"}]'
    stage.sql("UPDATE workflow_entity SET nodes = %s", nodes)
    stage.write_fleet(nodes="true")
    stage.start()
    stage.counts(0)
    assert sum(stage.page().values("n8ndb_node_data_unread_total")) == 0
    stage.ends()
    stage.sql(
        'WITH made AS (INSERT INTO execution_entity (mode, status, "workflowId", "startedAt", "stoppedAt")'
        " VALUES ('trigger', 'success', 'w1', now(), now()) RETURNING id)"
        ' INSERT INTO execution_data ("executionId", data) SELECT id, %s FROM made',
        execution({"Set": [run(time.time(), 1.5)]}),
    )
    stage.counts(2)
    stage.reads()
    page = stage.page()
    labels = {"workflow_id": "w1", "node": "Set", "node_type": "n8n-nodes-base.set", "status": "success"}
    assert page.value("n8ndb_node_runs_total", **labels) == 1
    assert page.value("n8ndb_node_run_seconds_total", **labels) == 1.5
    assert page.value("n8ndb_node_type_run_seconds_sum", node_type="n8n-nodes-base.set") == 1.5
    assert page.value("n8ndb_node_data_unread_total", why="missing") == 1


def activity(stage: Stage) -> list[tuple[object, ...]]:
    return stage.sql("SELECT pid, state_change FROM pg_stat_activity WHERE application_name = 'latency-exporter'")

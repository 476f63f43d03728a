"""What the program has counted of an n8n goes on: after a kill, a stop, a reload, and whatever the state file is."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from tests.collectors.n8n.flatted_writer import execution, run
from tests.netlab import requires_root, wait_until
from tests.system.databases import PASSWORD, requires_databases
from tests.system.n8n_program.stage import FINISHED, Stage
from tests.system.running import Exporter

pytestmark = [requires_root, requires_databases]

NODE_RUNS = "n8ndb_node_runs_total"
UNREAD = "n8ndb_node_data_unread_total"
VANISHED = "n8ndb_executions_vanished_total"


def file_of(stage: Stage) -> Path:
    return stage.folder / "orders.json"


def kill_and_start(stage: Stage) -> None:
    stage.exporter.program.kill()
    stage.exporter.program.wait(10)
    stage.start()


def first(stage: Stage, name: str, **labels: str) -> float:
    """Return the first value of a counter that is on the page, all series taken together."""
    return sum(wait_until(lambda: stage.page().values(name, **labels), f"{name} is on the page"))


def ends_with_data(stage: Stage, number: int) -> None:
    """Let executions end, of one node each."""
    stage.sql(
        'WITH made AS (INSERT INTO execution_entity (mode, status, "workflowId", "startedAt", "stoppedAt")'
        " SELECT 'trigger', 'success', 'w1', now(), now() FROM generate_series(1, %s) RETURNING id)"
        ' INSERT INTO execution_data ("executionId", data) SELECT id, %s FROM made',
        number,
        execution({"Set": [run(time.time(), 1.5)]}),
    )


def looked_at(stage: Stage) -> float:
    """Return of how many executions the nodes were counted, or could not be."""
    page = stage.page()
    return sum(page.values(NODE_RUNS)) + sum(page.values(UNREAD))


def test_no_count_goes_back_after_a_kill_however_much_ended_before(stage: Stage) -> None:
    stage.write_fleet(state_file=str(file_of(stage)))
    stage.start()
    stage.counts(0)
    stage.ends("success", 11_000)
    stage.counts(11_000)
    kill_and_start(stage)
    assert first(stage, FINISHED, mode="trigger", status="success") == 11_000


def test_what_n8n_has_deleted_since_is_still_counted_after_a_kill(stage: Stage) -> None:
    stage.write_fleet(state_file=str(file_of(stage)))
    stage.start()
    stage.counts(0)
    stage.sql(
        'INSERT INTO execution_entity (mode, status, "workflowId", "startedAt")'
        " SELECT 'trigger', 'running', 'w1', now() FROM generate_series(1, 200)"
    )
    stage.ends("success", 3)
    stage.counts(3)
    stage.sql("DELETE FROM execution_entity WHERE status = 'running'")
    wait_until(lambda: stage.page().value(VANISHED) == 200, "they have vanished")
    stage.sql("DELETE FROM execution_entity")
    kill_and_start(stage)
    assert (first(stage, VANISHED), first(stage, FINISHED)) == (200, 3)


def test_what_was_seen_to_run_and_goes_while_the_program_is_killed_has_vanished(stage: Stage) -> None:
    stage.write_fleet(state_file=str(file_of(stage)))
    stage.start()
    stage.counts(0)
    stage.sql("INSERT INTO execution_entity (mode, status, \"workflowId\") VALUES ('trigger', 'running', 'w1')")
    wait_until(lambda: stage.page().value("n8ndb_executions_open", status="running") == 1, "it was seen")
    stage.exporter.program.kill()
    stage.sql("DELETE FROM execution_entity WHERE status = 'running'")
    kill_and_start(stage)
    assert first(stage, VANISHED) == 1


def test_no_count_of_nodes_goes_back_after_a_kill(stage: Stage) -> None:
    stage.write_fleet(state_file=str(file_of(stage)), nodes="true")
    stage.start()
    stage.counts(0)
    ends_with_data(stage, 900)
    wait_until(lambda: sum(stage.page().values(NODE_RUNS)) >= 400, "those of two reads are counted")
    counted = sum(stage.page().values(NODE_RUNS))
    kill_and_start(stage)
    assert first(stage, NODE_RUNS) >= counted
    wait_until(lambda: looked_at(stage) >= 900, "all are counted")
    assert sum(stage.page().values(NODE_RUNS)) == 900


def test_nodes_that_wait_to_be_counted_are_counted_after_a_stop(stage: Stage) -> None:
    stage.write_fleet(state_file=str(file_of(stage)), nodes="true")
    stage.start()
    stage.counts(0)
    ends_with_data(stage, 900)
    stage.counts(900)
    assert looked_at(stage) < 900
    assert stage.stop() == 0
    stage.start()
    wait_until(lambda: looked_at(stage) >= 900, "all are counted")
    assert sum(stage.page().values(NODE_RUNS)) == 900


def test_counts_go_on_after_a_restart_with_a_state_file(stage: Stage) -> None:
    stage.write_fleet(state_file=str(stage.folder / "orders.json"))
    stage.start()
    stage.counts(0)
    stage.ends("success", 3)
    stage.counts(3)
    assert stage.stop() == 0
    stage.ends("success", 2)
    stage.start()
    stage.counts(5)


def test_counts_go_on_with_another_login_and_a_state_file(stage: Stage) -> None:
    file = str(stage.folder / "orders.json")
    stage.write_fleet(interval="2s", state_file=file)
    stage.start()
    stage.counts(0)
    stage.ends("success", 3)
    stage.counts(3)
    stage.write_fleet(interval="2s", timeout="1500ms", state_file=file)
    stage.reload()
    seen = set()
    for _ in range(2):
        stage.reads()
        seen.add(stage.finished())
    assert seen == {3}


def test_a_file_that_cannot_be_written_is_named_once(stage: Stage) -> None:
    file = stage.folder / "orders.json"
    (stage.folder / "orders.json.new").mkdir()
    stage.write_fleet(state_file=str(file))
    stage.start()
    stage.counts(0)
    stage.reads()
    assert stage.exporter.program.error_output().count(f"{file}: can't be written: Is a directory") == 1
    assert f"{file}: can't be written" in stage.exporter.get("/")


@pytest.mark.parametrize("change", ["max_workflows: 3", "nodes: true", "timeout", "user", "password"])
def test_counts_go_on_when_a_reload_changes_how_it_is_read(stage: Stage, change: str) -> None:
    stage.write_fleet(interval="2s")
    stage.start()
    stage.counts(0)
    stage.ends("success", 3)
    stage.counts(3)
    stage.ends("success", 2)
    fleet = stage.fleet.read_text()
    match change:
        case "timeout":
            fleet = fleet.replace("timeout: 800ms", "timeout: 1500ms")
        case "user":
            hba = stage.server.data / "pg_hba.conf"
            hba.write_text(f"local all other scram-sha-256\n{hba.read_text()}")
            stage.sql("CREATE ROLE other LOGIN SUPERUSER PASSWORD %s", PASSWORD)
            stage.sql("SELECT pg_reload_conf()")
            fleet = fleet.replace("user: monitor", "user: other")
        case "password":
            stage.sql("ALTER ROLE monitor PASSWORD 'another'")
            stage.password.write_text("another")
        case _:
            fleet = fleet.replace("database: db", f"database: db, {change}")
    stage.fleet.write_text(fleet)
    stage.reload()
    try:
        stage.counts(5)
    finally:
        stage.sql("DROP ROLE IF EXISTS other")
        stage.sql("ALTER ROLE monitor PASSWORD %s", PASSWORD)


def test_counts_go_on_beside_a_read_for_who_asks(stage: Stage) -> None:
    stage.write_fleet()
    stage.start()
    stage.counts(0)
    stage.ends("success", 3)
    stage.counts(3)
    stage.exporter.get("/probe?target=orders")
    stage.write_fleet(timeout="700ms")
    stage.reload()
    stage.exporter.get("/probe?target=orders")
    stage.ends()
    stage.counts(4)


def test_a_pipe_in_the_place_of_the_file_holds_up_neither_reads_nor_the_stop(stage: Stage) -> None:
    os.mkfifo(file_of(stage))
    stage.write_fleet(state_file=str(file_of(stage)))
    stage.start()
    stage.counts(0)
    stage.ends()
    stage.counts(1)
    assert "is no regular file; counts are not kept there" in stage.exporter.get("/")
    began = time.monotonic()
    assert stage.stop() == 0
    assert time.monotonic() - began < 8
    assert file_of(stage).is_fifo()


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_file_system_that_hangs_holds_up_neither_reads_nor_the_stop(stage: Stage, call: str) -> None:
    hangs = f"import os, threading\nos.{call} = lambda *_: threading.Event().wait()\n"
    (stage.folder / "sitecustomize.py").write_text(hangs)
    stage.write_fleet(state_file=str(file_of(stage)))
    stage.exporter = Exporter(stage.host, stage.fleet, through=["env", f"PYTHONPATH={stage.folder}"]).ready()
    stage.counts(0)
    stage.ends()
    stage.counts(1)
    assert f"{file_of(stage)}: its file system does not answer; counts are not kept" in stage.exporter.get("/")
    began = time.monotonic()
    assert stage.stop() == 0
    assert time.monotonic() - began < 8


def test_two_programs_do_not_overwrite_each_others_file(stage: Stage) -> None:
    stage.write_fleet(state_file=str(file_of(stage)))
    stage.start()
    stage.counts(0)
    stage.ends("success", 2)
    stage.counts(2)
    first_program = stage.exporter
    stage.exporter = Exporter(stage.host, stage.fleet, "--web.listen-address=127.0.0.1:9103", port=9103).ready()
    stage.counts(0)
    stage.ends()
    stage.counts(1)
    refused = f"{file_of(stage)}: another program uses it"
    assert refused in stage.exporter.get("/")
    assert stage.exporter.program.error_output().count(refused) == 1
    assert refused not in first_program.get("/")

    assert stage.stop() == 0
    stage.exporter = first_program
    stage.counts(3)
    kill_and_start(stage)
    stage.counts(3)


def test_a_symbolic_link_is_written_through(stage: Stage) -> None:
    real = stage.folder / "real.json"
    file_of(stage).symlink_to(real)
    stage.write_fleet(state_file=str(file_of(stage)))
    stage.start()
    stage.counts(0)
    assert file_of(stage).is_symlink()
    assert re.match(r"\{\"version\"", real.read_text())

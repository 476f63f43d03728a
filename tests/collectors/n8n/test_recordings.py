"""The recordings of a real n8n hold what the program that made them did, and what is surprising about it."""

from __future__ import annotations

import collections
import json
from collections.abc import Iterator

import psycopg2
import pytest

from tests.collectors.n8n.recordings import KEYS, VERSIONS, Recording, Tables, schema_of
from tests.n8n.script import ENDS, UNSAVED
from tests.system.database_server import Server
from tests.system.databases import requires_databases, started

Transition = tuple[str, str]


@pytest.fixture(params=VERSIONS)
def version(request) -> str:
    return request.param


@pytest.fixture
def recording(version) -> Recording:
    return Recording.of(version)


def played(recording: Recording) -> Tables:
    tables = Tables()
    for changes in (recording.workflows, *recording.transactions, recording.data):
        tables.apply(changes)
    return tables


def executions(tables: Tables) -> Iterator[tuple[str, str, str, bool]]:
    """Yield of each execution its workflow's name, mode, status and whether it is deleted."""
    names = {row["id"]: row["name"] for row in tables["workflow_entity"]}
    for row in tables["execution_entity"]:
        yield names[row["workflowId"]], row["mode"], row["status"], row.get("deletedAt") is not None


def test_after_all_changes_the_executions_are_those_of_the_list_of_n8n(recording):
    kept = (row[:3] for row in executions(played(recording)) if not row[3])
    assert collections.Counter(kept) == ENDS


def test_unsaved_executions_stay_as_running_and_deleted_or_go(recording, version):
    left = collections.Counter(row[:3] for row in executions(played(recording)) if row[3])
    unsaved = collections.Counter({(name, mode, "running"): count for (name, mode, _), count in UNSAVED.items()})
    gone = sum(
        change.kind == "gone" and change.table == "execution_entity"
        for each in recording.transactions
        for change in each
    )
    if version.startswith("1."):
        assert (gone, left) == (4, {("unsaved by hand", "manual", "running"): 1})
    else:
        assert (gone, left) == (0, unsaved)


def test_recovery_at_a_start_turns_what_waits_into_crashed_and_back_with_its_time_kept(recording):
    status: dict[int, str] = {}
    waits: dict[int, str | None] = {}
    crashes: dict[int, tuple[str, str | None]] = {}
    for change in (each for transaction in recording.transactions for each in transaction):
        if change.table == "execution_entity" and change.kind != "gone":
            (identity,) = change.key
            waits[identity] = change.row.get("waitTill", waits.get(identity))
            if (now := change.row.get("status")) is not None:
                if now == "crashed":
                    crashes[identity] = (status[identity], waits[identity])
                status[identity] = now
    for identity, (before, waits_till) in crashes.items():
        assert (before == "waiting") == (waits_till is not None) == (status[identity] == "success")
    assert collections.Counter(before for before, _ in crashes.values()) == {"waiting": 3, "running": 2}


def test_the_statistics_of_n8n_2_lose_nothing_while_their_delta_is_added_up():
    recording = Recording.of("2.41.1")
    tables, before = Tables(), 0
    for changes in recording.transactions:
        tables.apply(changes)
        now = sum(row["count"] for row in tables["workflow_statistics"]) + len(tables["workflow_statistics_delta"])
        assert now >= before
        before = now


@requires_databases
def test_the_tables_take_every_change(recording, version, postgresql):
    with psycopg2.connect(host=str(postgresql.socket_path), port=postgresql.port, user="postgres") as connection:
        cursor = connection.cursor()
        cursor.execute(schema_of(version))
        for changes in (recording.workflows, *recording.transactions, recording.data):
            for change in changes:
                cursor.execute(*change.statement())
        tables = played(recording)
        for table in KEYS:
            if tables[table]:
                cursor.execute(f"SELECT count(*) FROM {table}")
                assert cursor.fetchone() == (len(tables[table]),)
        connection.rollback()
    connection.close()


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Server]:
    with started("postgresql") as server:
        yield server


def test_recorded_data_is_flatted_json_with_the_runs_of_nodes_or_empty(recording):
    for change in recording.data:
        if elements := json.loads(change.row["data"]):
            assert "runData" in elements[int(elements[0]["resultData"])]

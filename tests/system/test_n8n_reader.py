"""n8n in a real PostgreSQL: read whatever its tables are called, and read again after every fault of the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from collectors.contract import Facts, ProbeFailed
from collectors.n8n.reader import Reader
from collectors.n8n.reading import N8nReading, NodeKey, NodeRuns
from collectors.n8n.rows import EndStatus
from collectors.n8n.target import N8nTarget
from collectors.terms import Reason
from tests.collectors.n8n.book import counted
from tests.collectors.n8n.flatted_writer import execution, run
from tests.collectors.targets import context
from tests.system import n8n_tables
from tests.system.database_server import Server
from tests.system.databases import PASSWORD, requires_databases, started
from tests.system.n8n_tables import Place

pytestmark = requires_databases

NAME = 'Ünïcode "quoted" 🙂'
PLACES = [Place(1), Place(2), Place(2, 'a "schema" of 100 % \'s\\', "n8n %s_")]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with started("postgresql", options=["-c", "max_connections=40"]) as made:
        yield made


class N8n:
    """One n8n and its reader."""

    def __init__(self, server: Server, place: Place, reader: Reader) -> None:
        self.server, self.place, self.reader = server, place, reader
        self.target = self.target_with()

    def target_with(self, **changes: object) -> N8nTarget:
        return n8n_tables.target(self.server, self.place, **{"timeout": 4.0} | changes)

    def sql(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        for name in n8n_tables.TABLES:
            statement = statement.replace(name.upper(), self.place.table(name).replace("%", "%%" if values else "%"))
        return n8n_tables.run(self.server, statement, *values)

    def ends(self, status: str = "success") -> int:
        """Let an execution begin and end; return its id."""
        ((number,),) = self.sql(
            'INSERT INTO EXECUTION_ENTITY (mode, status, "workflowId", "startedAt", "stoppedAt")'
            " VALUES ('trigger', %s, 'w1', now(), now() + interval '2 s') RETURNING id",
            status,
        )
        assert isinstance(number, int)
        return number

    async def read(self, target: N8nTarget | None = None) -> N8nReading:
        return await self.reader.read(target or self.target, Facts())

    async def failure(self, target: N8nTarget | None = None) -> tuple[Reason, str]:
        with pytest.raises(ProbeFailed) as failed:
            await self.read(target)
        assert PASSWORD not in repr(failed.value)
        return failed.value.reason, failed.value.detail


@pytest.fixture(params=PLACES, ids=["1", "2", "named"])
def place(request: pytest.FixtureRequest) -> Place:
    place = request.param
    assert isinstance(place, Place)
    return place


@pytest.fixture
async def n8n(server: Server, place: Place) -> AsyncIterator[N8n]:
    async with made(server, place) as one:
        yield one


@pytest.fixture
async def newer(server: Server) -> AsyncIterator[N8n]:
    async with made(server, PLACES[1]) as one:
        yield one


class made:  # noqa: N801 - it reads as what it does
    """Makes the tables of an n8n with one workflow and one execution of before, reads once, and drops them."""

    def __init__(self, server: Server, place: Place) -> None:
        self.server, self.place = server, place
        self.reader = Reader(context())

    async def __aenter__(self) -> N8n:
        n8n_tables.run(self.server, n8n_tables.create(self.place))
        one = N8n(self.server, self.place, self.reader)
        nodes = '[{"name": "Set", "type": "n8n-nodes-base.set"}]'
        one.sql("INSERT INTO WORKFLOW_ENTITY (id, name, active, nodes) VALUES ('w1', %s, true, %s)", NAME, nodes)
        one.ends()
        await one.read()
        return one

    async def __aexit__(self, *error: object) -> None:
        self.reader.close()
        for name in (*n8n_tables.TABLES, n8n_tables.DELTA):
            n8n_tables.run(self.server, f"DROP TABLE IF EXISTS {self.place.table(name)} CASCADE")


async def test_everything_is_read(n8n):
    n8n.sql("INSERT INTO WORKFLOW_STATISTICS VALUES (7, now(), 'production_success', 'w1')")
    n8n.ends("error")
    n8n.sql(
        'INSERT INTO EXECUTION_ENTITY (mode, status, "workflowId", "stoppedAt", "waitTill")'
        " VALUES ('manual', 'waiting', 'w1', now(), now() - interval '1 hour')"
    )

    reading = await n8n.read()

    assert counted(reading) == {"error": 1}
    assert [(one.id, one.name, one.active) for one in reading.workflows] == [("w1", NAME, True)]
    assert reading.workflow_states == {"active": 1, "inactive": 0, "archived": 0}
    assert [(*key, runs.runs) for key, runs in reading.lifetime.items()] == [("w1", "production", "success", 7)]
    assert reading.durations["w1", "error"].total == 2.0
    assert [(*key, open_runs.number) for key, open_runs in reading.open.items()] == [("w1", "waiting", 1)]
    assert reading.overdue == {"w1": 1}
    assert set(reading.table_bytes) == set(n8n_tables.TABLES)
    assert all(reading.table_bytes.values())
    assert abs(reading.read_at - time.time()) < 60
    assert 0 < reading.took < 10


async def test_runs_that_n8n_has_not_yet_added_up_are_in_its_own_count(newer):
    newer.sql("INSERT INTO WORKFLOW_STATISTICS VALUES (7, '2020-01-01', 'production_error', 'w1')")
    delta = newer.place.table(n8n_tables.DELTA)
    newer.sql(
        f"""INSERT INTO {delta} ("workflowId", name, "createdAt")"""
        " VALUES ('w1', 'production_error', '2021-01-01Z'), ('w1', 'production_error', '2022-01-01Z'),"
        " ('w1', 'manual_success', '2023-01-01Z')"
    )

    lifetime = (await newer.read()).lifetime

    assert {(key.kind, key.result): (runs.runs, runs.latest) for key, runs in lifetime.items()} == {
        ("production", "error"): (9, 1_640_995_200.0),
        ("manual", "success"): (1, 1_672_531_200.0),
    }


async def test_n8ns_own_counts_and_the_number_of_workflows_are_right_however_many_there_are(newer):
    newer.sql(
        "INSERT INTO WORKFLOW_ENTITY (id, name, active)"
        " SELECT 'x' || i, '', i % 2 = 0 FROM generate_series(1, 21000) AS i"
    )
    newer.sql(
        'INSERT INTO WORKFLOW_STATISTICS (count, name, "workflowId")'
        " SELECT 1, 'production_success', id FROM WORKFLOW_ENTITY WHERE id <> 'w1' UNION ALL"
        " SELECT i, word, 'w1' FROM unnest('{production_success,data_loaded}'::text[]) WITH ORDINALITY AS w (word, i)"
    )
    reading = await newer.read(newer.target_with(max_workflows=10_501))

    assert reading.workflow_states == {"active": 10_501, "inactive": 10_500, "archived": 0}
    assert len(reading.lifetime) == 10_501
    assert reading.lifetime["w1", "production", "success"].runs == 1
    assert {key[1:] for key in reading.lifetime} == {("production", "success")}


async def test_what_n8n_never_writes_costs_nothing_but_itself(newer):
    newer.sql("ALTER TABLE WORKFLOW_ENTITY ALTER active DROP NOT NULL, ALTER name DROP NOT NULL")
    newer.sql('ALTER TABLE WORKFLOW_ENTITY ALTER "isArchived" DROP NOT NULL, ALTER "versionId" DROP NOT NULL')
    newer.sql("ALTER TABLE EXECUTION_ENTITY ALTER mode DROP NOT NULL, ALTER status DROP NOT NULL")
    newer.sql("INSERT INTO WORKFLOW_ENTITY VALUES ('w0', NULL, NULL, '[]', NULL, NULL)")
    newer.sql("INSERT INTO WORKFLOW_STATISTICS VALUES (-3, 'infinity', 'production_success', 'w1')")
    newer.sql("INSERT INTO WORKFLOW_STATISTICS VALUES (NULL, NULL, 'production_error', 'w1')")
    newer.sql("INSERT INTO EXECUTION_ENTITY (\"workflowId\") VALUES ('w1')")
    newer.ends()

    reading = await newer.read()

    assert [one[:4] for one in reading.workflows] == [("w1", NAME, True, False), ("w0", "", False, False)]
    assert reading.workflow_states == {"active": 1, "inactive": 1, "archived": 0}
    assert {key.result: of for key, of in reading.lifetime.items()} == {"success": (0, None), "error": (0, None)}
    assert counted(reading) == {"success": 1, "unknown": 1}


TIMES = ["infinity", "-infinity", "294276-01-01", "4713-01-01 BC", "2926-01-01", "1970-01-01"]


@pytest.mark.parametrize("column", ["createdAt", "startedAt", "stoppedAt", "waitTill"])
@pytest.mark.parametrize("wrong", TIMES)
async def test_a_time_that_cannot_be_is_not_known(newer, column, wrong):
    for status in ("success", "error", "crashed", "new", "running", "waiting"):
        number = newer.ends(status)
        newer.sql(f'UPDATE EXECUTION_ENTITY SET "{column}" = %s WHERE id = %s', wrong, number)
    newer.ends()

    reading = await newer.read()

    assert counted(reading)["success"] == 2
    assert 2 <= reading.durations["w1", EndStatus.SUCCESS].total <= 4
    assert 0 <= reading.queue.total < 60
    assert all(0 <= reading.read_at - runs.oldest < 60 for runs in reading.open.values())


async def test_nodes_are_read_where_they_are_asked_for(n8n):
    target = n8n.target_with(nodes=True)
    await n8n.read(target)
    data = execution({"Set": [run(time.time() + 1, 0.25, data={"large": "x" * 200_000})]})
    number = n8n.ends()
    n8n.sql('INSERT INTO EXECUTION_DATA ("executionId", data) VALUES (%s, %s)', number, data)

    reading = await n8n.read(target)

    assert reading.node_runs == {NodeKey("w1", "Set", "n8n-nodes-base.set", "success"): NodeRuns(1, 0.25)}
    assert not (await n8n.read()).node_runs


async def test_grants_on_the_columns_that_are_used_are_enough(n8n):
    tables = ", ".join(name.upper() for name in n8n_tables.TABLES)
    n8n.sql(f"REVOKE ALL ON {tables} FROM monitor")
    newer = ', "storedAt"' if n8n.place.major > 1 else ""
    execution_columns = '"workflowId", id, mode, status, "createdAt", "startedAt", "stoppedAt", "waitTill", "deletedAt"'
    n8n.sql(f"GRANT SELECT ({execution_columns}{newer}) ON EXECUTION_ENTITY TO monitor")
    n8n.sql('GRANT SELECT (id, name, active, "versionId", "isArchived", nodes) ON WORKFLOW_ENTITY TO monitor')
    n8n.sql('GRANT SELECT ("workflowId", name, count, "latestEvent") ON WORKFLOW_STATISTICS TO monitor')
    n8n.sql('GRANT SELECT ("executionId", data) ON EXECUTION_DATA TO monitor')
    n8n.ends()

    assert counted(await n8n.read(n8n.target_with(nodes=True))) == {}
    assert counted(await n8n.read()) == {"success": 1}


async def test_a_permission_that_is_lost_is_named_until_it_is_given_again(newer):
    newer.sql("REVOKE SELECT ON EXECUTION_ENTITY FROM monitor")

    assert await newer.failure() == (
        Reason.QUERY,
        "read executions: the user may not read it any more; grant it SELECT on the columns again (42501)",
    )
    assert await newer.failure() == (
        Reason.QUERY,
        "not there in schema public, or not granted to monitor: execution_entity;"
        " run reader.sql again, or correct schema and table_prefix",
    )
    newer.ends()
    newer.sql("GRANT SELECT ON EXECUTION_ENTITY TO monitor")
    assert counted(await newer.read()) == {"success": 1}


async def test_a_table_that_is_locked_is_waited_for_within_bounds(newer):
    with n8n_tables.connected(newer.server) as connection, connection.cursor() as cursor:
        cursor.execute(f"BEGIN; LOCK TABLE {newer.place.table('execution_entity')} IN ACCESS EXCLUSIVE MODE")
        newer_reads = await newer.failure()
        cursor.execute("COMMIT")

    assert newer_reads == (
        Reason.TIMEOUT,
        "read executions: another transaction holds a lock on n8n's tables, a migration for example (55P03)",
    )
    newer.ends()
    assert counted(await newer.read()) == {"success": 1}


async def test_a_migration_while_we_read_fails_once(newer):
    newer.sql('ALTER TABLE EXECUTION_ENTITY DROP COLUMN "storedAt"')

    assert await newer.failure() == (
        Reason.QUERY,
        "read executions: a column of n8n's tables is gone; n8n may be migrating (42703)",
    )
    newer.ends()
    assert counted(await newer.read()) == {"success": 1}


async def test_a_session_that_the_server_ended_is_begun_anew_within_the_same_read(newer):
    newer.ends()
    newer.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'latency-exporter'")

    assert counted(await newer.read()) == {"success": 1}


async def test_a_database_that_was_down_is_gone_on_with(newer):
    newer.server.stop()
    try:
        assert await newer.failure() == (
            Reason.REFUSED,
            "log in: connection refused: nothing listens there, or a firewall refuses it",
        )
    finally:
        newer.server.start()
    newer.ends()

    assert counted(await newer.read()) == {"success": 1}


async def test_a_database_that_hangs_is_given_up_at_the_deadline(newer):
    newer.server.freeze()
    try:
        assert await newer.failure(newer.target) == (Reason.TIMEOUT, "begin to read: no answer in time")
        assert await newer.failure(newer.target) == (Reason.TIMEOUT, "log in: no answer in time")
    finally:
        newer.server.thaw()
    newer.ends()

    assert counted(await newer.read()) == {"success": 1}


async def test_a_read_that_is_given_up_leaves_no_session(newer):
    with n8n_tables.connected(newer.server) as connection, connection.cursor() as cursor:
        cursor.execute(f"BEGIN; LOCK TABLE {newer.place.table('execution_entity')} IN ACCESS EXCLUSIVE MODE")
        read = asyncio.ensure_future(newer.read())
        await until(newer, "wait_event_type = 'Lock'", 1)
        read.cancel()
        await asyncio.wait([read])
        cursor.execute("COMMIT")
    await until(newer, "true", 0)
    newer.ends()

    assert counted(await newer.read()) == {"success": 1}


async def test_nothing_is_written_and_nothing_is_left_open(newer):
    await newer.read()

    ((state, in_transaction),) = newer.sql(
        "SELECT state, xact_start IS NOT NULL FROM pg_stat_activity WHERE application_name = 'latency-exporter'"
    )
    assert (state, in_transaction) == ("idle", False)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"user": "nobody-here"}, (Reason.AUTH, "log in: the password is wrong, or there is no such user")),
        ({"dbname": "elsewhere"}, (Reason.AUTH, "log in: there is no such database or user")),
        ({"password": None}, (Reason.AUTH, "log in: the database wants a password; set password_file")),
        ({"tls": "verify-full"}, (Reason.TLS, "log in: the database does not speak TLS; set tls: disable")),
        ({"socket": "/nonexistent"}, (Reason.REFUSED, "log in: there is no socket in this folder")),
        (
            {"table_prefix": "p_"},
            (
                Reason.QUERY,
                "not there in schema public, or not granted to monitor:"
                " p_execution_entity, p_workflow_entity, p_workflow_statistics;"
                " run reader.sql again, or correct schema and table_prefix",
            ),
        ),
    ],
)
async def test_what_is_written_wrongly_is_named(newer, changes, expected):
    assert await newer.failure(newer.target_with(**changes)) == expected


async def test_a_unix_socket_is_read_through(newer):
    target = newer.target_with(socket=str(newer.server.socket_path), address="", password=newer.target.password)

    assert counted(await newer.read(target)) == {}


async def until(n8n: N8n, condition: str, number: int) -> None:
    """Wait until so many of the reader's sessions are in a state."""
    statement = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'latency-exporter' AND {condition}"
    async with asyncio.timeout(30):
        while n8n.sql(statement) != [(number,)]:
            await asyncio.sleep(0.01)

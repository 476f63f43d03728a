"""deploy/n8n/reader.sql run again, undone, misused, by another than the administrator, and before n8n's migrations."""

from __future__ import annotations

import contextlib
import time

import pytest

from collectors.contract import Facts, ProbeFailed
from collectors.terms import Reason
from tests.collectors.n8n.book import counted
from tests.collectors.n8n.flatted_writer import execution, run
from tests.system import n8n_role, n8n_tables
from tests.system.database_server import CommandFailedError
from tests.system.databases import PASSWORD, requires_databases
from tests.system.n8n_role import ROLE
from tests.system.n8n_tables import Place
from tests.system.reader_role.owned import granted, made

pytestmark = requires_databases

AS_OWNER = "dbname=n8n options='-crole=owner'"


def test_run_twice_it_leaves_the_same(n8n):
    n8n_role.create(n8n.server, n8n.place)
    first = granted(n8n)
    n8n_role.create(n8n.server, n8n.place)

    assert granted(n8n) == first
    assert len(first) > 20


def test_run_again_without_the_part_for_nodes_it_takes_that_away(newer):
    n8n_role.create(newer.server, nodes=False)
    without = granted(newer)
    n8n_role.create(newer.server)
    newer.sql(f"GRANT SELECT ON EXECUTION_DATA, WORKFLOW_ENTITY TO {ROLE}")
    n8n_role.create(newer.server, nodes=False)

    assert granted(newer) == without


def test_it_is_taken_away_without_a_trace_and_twice(n8n):
    n8n_role.create(n8n.server, n8n.place)
    for _ in range(2):
        n8n_role.drop(n8n.server, n8n.place)
        assert granted(n8n) == []
        assert n8n.sql(f"SELECT FROM pg_roles WHERE rolname = '{ROLE}'") == []
        assert n8n.sql("SELECT FROM pg_proc WHERE proname LIKE '%latency_exporter%'") == []


def test_its_name_may_be_any(newer):
    role = 'An "odd" role\'s \\ 100 %'
    exists = "SELECT rolcanlogin FROM pg_roles WHERE rolname LIKE 'An %'"

    n8n_role.create(newer.server, role=role)
    assert newer.sql(exists) == [(True,)]
    n8n_role.drop(newer.server, role=role)
    assert newer.sql(exists) == []


def test_it_stays_until_it_is_taken_from_the_last_n8n(newer):
    other = Place(2, "public", "other_")
    with made(newer.server, other):
        n8n_role.create(newer.server)
        alone = granted(newer)
        n8n_role.create(newer.server, other)
        n8n_role.drop(newer.server, other)
        assert granted(newer) == alone
        n8n_role.drop(newer.server)
    assert granted(newer) == []


@pytest.mark.parametrize("role", ["postgres", "owner", "odd"])
def test_a_role_that_can_do_more_stays_as_it_is(newer, role):
    newer.sql("CREATE ROLE odd LOGIN IN ROLE pg_read_all_data")
    before = newer.sql("SELECT * FROM pg_roles ORDER BY oid")
    try:
        for drop in ("off", "on"):
            with pytest.raises(CommandFailedError, match=f"role {role} can do more than read; it stays as it is"):
                n8n_role.psql(newer.server, role=role, drop=drop)
        assert newer.sql("SELECT * FROM pg_roles ORDER BY oid") == before
    finally:
        newer.sql("DROP ROLE odd")


def test_where_there_is_no_n8n_nothing_is_made(server):
    with pytest.raises(CommandFailedError, match="database n8n has no table p_execution_entity in schema public"):
        n8n_role.psql(server, prefix="p_")
    assert n8n_tables.run(server, f"SELECT FROM pg_roles WHERE rolname = '{ROLE}'") == []


async def test_the_owner_of_the_tables_can_make_it_too(newer, reader):
    n8n_role.psql(newer.server, dbname=AS_OWNER, nodes="on")
    newer.sql(f"ALTER ROLE {ROLE} PASSWORD '{PASSWORD}'")
    by_owner = granted(newer)

    await reader.read(newer.target(), Facts())
    n8n_role.create(newer.server)
    everybodys = {("n8n", ""), ("public", "")}
    assert {one[:2] for one in by_owner} == {one[:2] for one in granted(newer)} - everybodys


@pytest.mark.parametrize(
    "migration",
    [
        'ALTER TABLE EXECUTION_ENTITY DROP COLUMN "storedAt"',
        "ALTER TABLE EXECUTION_ENTITY ADD COLUMN new text DEFAULT ''",
        'ALTER TABLE EXECUTION_ENTITY ALTER COLUMN "workflowId" TYPE varchar(64)',
        'ALTER TABLE EXECUTION_DATA DROP CONSTRAINT "execution_data_executionId_fkey";'
        "ALTER TABLE EXECUTION_ENTITY ALTER COLUMN id TYPE bigint",
        'ALTER TABLE EXECUTION_DATA ALTER COLUMN "executionId" TYPE bigint',
        "ALTER TABLE EXECUTION_DATA ALTER COLUMN data TYPE varchar",
        'ALTER TABLE EXECUTION_DATA DROP COLUMN "workflowData"',
        "ALTER TABLE WORKFLOW_ENTITY ALTER COLUMN nodes TYPE json USING nodes::text::json",
        "ALTER TABLE WORKFLOW_ENTITY ALTER COLUMN id TYPE text",
        "CREATE TABLE copy AS SELECT * FROM WORKFLOW_STATISTICS; DROP TABLE WORKFLOW_STATISTICS;"
        "ALTER TABLE copy RENAME TO workflow_statistics",
        "DROP TABLE WORKFLOW_STATISTICS_DELTA",
    ],
)
async def test_a_migration_of_n8n_passes_and_the_script_run_again_is_enough(newer, reader, migration):
    n8n_role.create(newer.server)
    await reader.read(newer.target(), Facts())

    newer.migrates(migration)
    n8n_role.create(newer.server)
    newer.ends()

    target = newer.target()
    with contextlib.suppress(ProbeFailed):  # of statements made for the tables as they were
        await reader.read(target, Facts())
    unread = (await reader.read(target, Facts())).node_data_unread
    assert {why: number for why, number in unread.items() if number} in ({}, {"unreadable": 1})


@pytest.mark.parametrize(
    ("there", "back", "detail"),
    [
        (
            "ALTER TABLE EXECUTION_DATA RENAME TO gone",
            "ALTER TABLE gone RENAME TO execution_data",
            "read tables' sizes: a table of n8n is gone; n8n may be migrating (42P01)",
        ),
        (
            "ALTER TABLE EXECUTION_DATA RENAME COLUMN data TO gone",
            "ALTER TABLE EXECUTION_DATA RENAME COLUMN gone TO data",
            "read the nodes of executions: a column of n8n's tables is gone; n8n may be migrating (42703)",
        ),
    ],
)
async def test_what_a_migration_renames_is_named_until_it_is_back(newer, reader, there, back, detail):
    n8n_role.create(newer.server)
    target = newer.target()
    await reader.read(target, Facts())
    newer.ends(execution({"Set": [run(time.time() + 1, 0.25)]}))
    newer.migrates(there)

    for _ in range(2):
        with pytest.raises(ProbeFailed) as failed:
            await reader.read(target, Facts())
        assert (failed.value.reason, failed.value.detail) == (Reason.QUERY, detail)
    newer.migrates(back)
    reading = await reader.read(target, Facts())

    assert counted(reading) == {"success": 1}
    assert [runs.runs for runs in reading.node_runs.values()] == [1]

"""The role of deploy/n8n/reader.sql reads of n8n's database what the collector needs, and can do nothing else."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from psycopg2 import errors

from collectors.contract import Facts, ProbeFailed
from collectors.n8n import statements as sql
from collectors.n8n.reading import NodeKey, NodeRuns
from collectors.terms import Reason
from tests.collectors.n8n.book import counted
from tests.collectors.n8n.flatted_writer import execution, run
from tests.collectors.n8n.recordings import VERSIONS, Recording, schema_of
from tests.system import n8n_role, n8n_tables
from tests.system.databases import requires_databases
from tests.system.n8n_role import ROLE
from tests.system.n8n_tables import quoted
from tests.system.reader_role.owned import FUNCTIONS

pytestmark = requires_databases

READ = {
    "execution_entity": "id workflowId mode status createdAt startedAt stoppedAt waitTill deletedAt storedAt",
    "workflow_entity": "id name active isArchived versionId",
    "workflow_statistics": "workflowId name count latestEvent",
    "workflow_statistics_delta": "workflowId name createdAt",
}


@pytest.mark.parametrize("nodes", [False, True], ids=["without nodes", "with nodes"])
async def test_the_collector_needs_no_more(n8n, reader, nodes):
    n8n_role.create(n8n.server, n8n.place, nodes=nodes)
    target = n8n.target(nodes=nodes)
    await reader.read(target, Facts())
    n8n.ends(execution({"Set": [run(time.time() + 1, 0.25, data={"large": "x" * 200_000})]}))

    reading = await reader.read(target, Facts())

    assert counted(reading) == {"success": 1}
    expected = {NodeKey("w1", "Set", "n8n-nodes-base.set", "success"): NodeRuns(1, 0.25)}
    assert reading.node_runs == (expected if nodes else {})
    assert all(reading.table_bytes.values())


async def test_without_the_part_for_nodes_their_runs_are_refused_with_what_lacks(newer, reader):
    n8n_role.create(newer.server, nodes=False)

    with pytest.raises(ProbeFailed) as failed:
        await reader.read(newer.target(), Facts())

    assert (failed.value.reason, failed.value.detail) == (
        Reason.QUERY,
        f"not there in schema public, or not granted to {ROLE}: execution_data, workflow_entity.nodes;"
        " run reader.sql again, with -v nodes=on",
    )


@pytest.mark.parametrize("version", VERSIONS)
async def test_of_what_n8n_wrote_as_much_is_read_as_with_grants_on_all_of_it(server, reader, version):
    recording = Recording.of(version)
    with n8n_tables.connected(server) as connection, connection.cursor() as cursor:
        cursor.execute(schema_of(version))
        cursor.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO monitor")
        try:
            _write(cursor, [recording.workflows])
            n8n_role.create(server)
            targets = [n8n_tables.target(server, nodes=True, user=user) for user in ("monitor", ROLE)]
            for target in targets:
                await reader.read(target, Facts())
            _write(cursor, [*recording.transactions, recording.data])
            plain, by_functions = [await reader.read(target, Facts()) for target in targets]
        finally:
            n8n_role.drop(server)
            cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC")

    assert plain.node_runs
    assert sum(counted(plain).values()) > 30
    for name in ("finished", "durations", "node_runs", "node_types", "node_data_unread", "lifetime", "workflows"):
        assert getattr(by_functions, name) == getattr(plain, name), name


def _write(cursor: Any, transactions: list[Any]) -> None:
    for change in (change for changes in transactions for change in changes):
        cursor.execute(*change.statement())


@pytest.mark.parametrize("nodes", [False, True], ids=["without nodes", "with nodes"])
def test_of_all_columns_those_that_are_used_can_be_read(n8n, nodes):
    n8n_role.create(n8n.server, n8n.place, nodes=nodes)
    columns = n8n.sql(
        f"SELECT relname, attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid AND relkind = 'r'"
        f" WHERE relnamespace = '{quoted(n8n.place.schema).replace(chr(39), chr(39) * 2)}'::regnamespace AND attnum > 0"
    )
    expected = {(n8n.place.prefix + table, name) for table, names in READ.items() for name in names.split()}

    with n8n.session() as cursor:
        readable = {
            (table, column)
            for table, column in columns
            if not n8n.refused(cursor, f"SELECT {quoted(column)} FROM {n8n.place.quoted_schema}.{quoted(table)}")
        }

    assert readable == expected & set(columns)
    assert len(columns) > len(readable) + 8


def test_each_column_that_can_be_read_is_used(newer):
    n8n_role.create(newer.server)
    with newer.session() as cursor:
        cursor.execute(sql.COLUMNS, sql.probe("public", ""))
        all_of_it = set(cursor.fetchall())

    assert {table for table, called in all_of_it if called == "()"} == set(FUNCTIONS)
    for one in all_of_it - {("workflow_statistics_delta", "createdAt")}:
        less = all_of_it - {one}
        changed = sql.statements("public", "", less) != sql.statements("public", "", all_of_it)
        assert changed or sql.missing(less, "", nodes=True), one


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO {} DEFAULT VALUES",
        "UPDATE {} SET {} = {}",
        "DELETE FROM {}",
        "TRUNCATE {}",
        "LOCK TABLE {} IN ACCESS SHARE MODE",
        "CREATE TRIGGER t AFTER INSERT ON {} EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    ],
)
def test_no_table_can_be_written_or_locked(newer, statement):
    n8n_role.create(newer.server)
    with newer.session() as cursor:
        for table in newer.tables():
            column = '"executionId"' if table == "execution_data" else "name" if "workflow" in table else "id"
            words = statement.replace("SET {} = {}", f"SET {column} = {column}").format(table.upper())
            assert newer.refused(cursor, f"BEGIN; {words}"), words
            cursor.execute("ROLLBACK")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE public.t ()",
        "CREATE SCHEMA s",
        "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION LATENCY_EXPORTER_HEADS(bigint[]) RETURNS TABLE (execution bigint, head text)"
        " LANGUAGE sql AS 'SELECT 1, 2'",
        "ALTER FUNCTION LATENCY_EXPORTER_HEADS(bigint[]) RESET ALL",
        "CREATE ROLE r",
        "SET ROLE owner",
        "SET SESSION AUTHORIZATION owner",
        "SELECT pg_read_file('PG_VERSION')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "CREATE TEMPORARY TABLE t ()",
        "SELECT passwd FROM pg_shadow",
    ],
)
def test_nothing_can_be_made_or_become(newer, statement):
    n8n_role.create(newer.server)
    newer.sql("REVOKE TEMPORARY ON DATABASE n8n FROM PUBLIC")  # as the script advises
    try:
        with newer.session() as cursor:
            assert newer.refused(cursor, statement)
    finally:
        newer.sql("GRANT TEMPORARY ON DATABASE n8n TO PUBLIC")


def test_its_sessions_have_limits(newer):
    n8n_role.create(newer.server)
    with newer.session() as cursor:
        cursor.execute("RESET default_transaction_read_only")
        with pytest.raises(errors.ReadOnlySqlTransaction):
            cursor.execute("CREATE TEMPORARY TABLE t ()")
        cursor.execute(
            "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),"
            " current_setting('idle_in_transaction_session_timeout'), rolconnlimit FROM pg_roles"
            " WHERE rolname = current_user"
        )
        assert cursor.fetchall() == [("30s", "5s", "30s", 20)]


def test_how_many_connections_it_has_can_be_given(newer):
    n8n_role.psql(newer.server, connections="7")

    limit = n8n_tables.run(newer.server, "SELECT rolconnlimit FROM pg_roles WHERE rolname = %s", ROLE)
    assert limit == [(7,)]


class TestFunctions:
    def test_no_more_is_given_than_the_beginning_of_the_data_and_the_types_of_nodes(self, n8n):
        n8n_role.create(n8n.server, n8n.place)
        n8n.ends("é" * 16_384 + "hush")
        n8n.ends("short")

        with n8n.session() as cursor:
            cursor.execute(n8n.named("SELECT head FROM LATENCY_EXPORTER_HEADS(ARRAY[1, 2, 3]) ORDER BY execution"))
            assert cursor.fetchall() == [("é" * 16_384,), ("short",)]
            cursor.execute(n8n.named("SELECT workflow, nodes FROM LATENCY_EXPORTER_NODES(ARRAY['w1', 'w2'])"))
            ((workflow, nodes),) = cursor.fetchall()
        assert workflow == "w1"
        assert json.loads(nodes) == [{"name": "Set", "type": "n8n-nodes-base.set"}]

    @pytest.mark.parametrize(
        ("nodes", "given"),
        [
            ("[]", None),
            ("{}", None),
            ("null", None),
            (r'[{"name": "a", "parameters": ["\u0000"]}]', None),
            (r'[{"name": "a", "parameters": ["\ud83d"]}]', None),
            (r'[1, null, [], {"name": "a", "parameters": ["\\u0000", "\\uD83D", "🙂", "\ud83d\ude42"]}]', '"a"'),
            (json.dumps([{"name": "x" * 600_000}]), None),
        ],
    )
    def test_nodes_that_are_none_break_nothing(self, newer, nodes, given):
        n8n_role.create(newer.server)
        n8n_tables.run(newer.server, "UPDATE workflow_entity SET nodes = %s", nodes)

        with newer.session() as cursor:
            cursor.execute("SELECT nodes FROM latency_exporter_nodes(ARRAY['w1'])")
            ((text,),) = cursor.fetchall()
        assert (text is None) if given is None else (given in text)

    def test_they_run_as_the_owner_of_the_tables_for_the_role_alone(self, n8n):
        n8n_role.create(n8n.server, n8n.place)

        made = n8n.sql(
            "SELECT proowner::regrole::text, prosecdef, proconfig, ARRAY(SELECT a.grantee::regrole::text"
            " FROM aclexplode(proacl) a ORDER BY 1) FROM pg_proc WHERE proname LIKE '%latency_exporter%'"
        )
        assert made == [("owner", True, ["search_path=pg_catalog, pg_temp"], [ROLE, "owner"])] * 2

    def test_nothing_that_its_caller_makes_comes_in_their_way(self, newer):
        n8n_role.create(newer.server)
        newer.ends("true")

        with newer.session() as cursor:
            cursor.execute(
                "CREATE TEMPORARY TABLE execution_data AS SELECT 1 AS \"executionId\", 'false'::text AS data;"
                "CREATE FUNCTION pg_temp.left(text, int) RETURNS text LANGUAGE sql AS $$SELECT 'false'$$;"
                "SET search_path = pg_temp, public, pg_catalog"
            )
            cursor.execute("SELECT head FROM public.latency_exporter_heads(ARRAY[1])")
            assert cursor.fetchall() == [("true",)]

    async def test_functions_of_somebody_else_are_not_called(self, newer, reader):
        n8n_role.create(newer.server, nodes=False)
        newer.sql(
            "CREATE FUNCTION LATENCY_EXPORTER_HEADS(bigint[]) RETURNS TABLE (execution bigint, head text)"
            " LANGUAGE sql SECURITY DEFINER AS 'SELECT 1::bigint, ''''::text'"
        )

        with pytest.raises(ProbeFailed, match="execution_data"):
            await reader.read(newer.target(), Facts())

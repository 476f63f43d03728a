"""The role of deploy/n8n/reader.sql reads what the collector needs and nothing else, and holds up nothing of n8n's."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg2
import pytest
from psycopg2 import errors

from collectors.contract import Facts, ProbeFailed
from collectors.n8n import statements as sql
from collectors.n8n.reader import Reader
from collectors.n8n.reading import NodeKey, NodeRuns
from collectors.terms import Reason
from tests.collectors.n8n.book import counted
from tests.collectors.n8n.flatted_writer import execution, run
from tests.collectors.n8n.recordings import VERSIONS, Recording, schema_of
from tests.collectors.targets import context
from tests.system import n8n_role, n8n_tables
from tests.system.database_server import CommandFailedError, Server
from tests.system.databases import PASSWORD, requires_databases, started
from tests.system.n8n_role import ROLE
from tests.system.n8n_tables import Place, quoted

pytestmark = requires_databases

PLACES = [Place(1), Place(2), Place(2, 'a "schema" of 100 % \'s\\ $$', "n8n %s_")]
AS_OWNER = "dbname=n8n options='-crole=owner'"
SECRETS = ("credentials_entity", "user", "settings")
"""Tables of n8n's that are nobody's business."""
READ = {
    "execution_entity": "id workflowId mode status createdAt startedAt stoppedAt waitTill deletedAt storedAt",
    "workflow_entity": "id name active isArchived versionId",
    "workflow_statistics": "workflowId name count latestEvent",
    "workflow_statistics_delta": "workflowId name createdAt",
}
FUNCTIONS = ("latency_exporter_heads", "latency_exporter_nodes")
NODES = [{"name": "Set", "type": "n8n-nodes-base.set", "parameters": {"token": "hush"}}]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with started("postgresql", options=["-c", "max_connections=40"]) as made:
        made.admin("CREATE ROLE owner LOGIN CREATEROLE; GRANT CREATE ON DATABASE n8n TO owner")
        yield made


class N8n:
    """The tables of one n8n, which belong to a role of their own, with one workflow."""

    def __init__(self, server: Server, place: Place) -> None:
        self.server, self.place = server, place

    def make(self) -> None:
        n8n_tables.run(self.server, n8n_tables.create(self.place))
        for name in SECRETS:
            n8n_tables.run(self.server, f"CREATE TABLE {self.place.table(name)} (id int PRIMARY KEY, data text)")
        for name in self.tables():
            n8n_tables.run(self.server, f"ALTER TABLE {self.place.table(name)} OWNER TO owner")
        n8n_tables.run(self.server, f"GRANT ALL ON SCHEMA {self.place.quoted_schema} TO owner")
        workflows = self.place.table("workflow_entity").replace("%", "%%")
        n8n_tables.run(
            self.server,
            f"INSERT INTO {workflows} (id, name, active, nodes) VALUES ('w1', 'w', true, %s)",
            json.dumps(NODES),
        )

    def tables(self) -> list[str]:
        return [*n8n_tables.TABLES, *SECRETS, *([n8n_tables.DELTA] if self.place.major > 1 else [])]

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement as the administrator; a table's or function's plain name in capitals stands for it."""
        return n8n_tables.run(self.server, self.named(statement))

    def named(self, statement: str) -> str:
        for name in sorted((*self.tables(), *FUNCTIONS), key=len, reverse=True):
            statement = statement.replace(name.upper(), self.place.table(name))
        return statement

    def migrates(self, statement: str) -> None:
        """Change the tables as their owner does, who is no administrator."""
        self.sql(f"SET ROLE owner; SET lock_timeout = '5s'; {statement}")

    def ends(self, data: str = "[]") -> None:
        """Let an execution begin and end."""
        executions, stored = (self.place.table(name).replace("%", "%%") for name in n8n_tables.TABLES[:2])
        n8n_tables.run(
            self.server,
            f'WITH one AS (INSERT INTO {executions} (mode, status, "workflowId", "startedAt", "stoppedAt")'
            " VALUES ('trigger', 'success', 'w1', now(), now()) RETURNING id)"
            f' INSERT INTO {stored} ("executionId", data) SELECT id, %s FROM one',
            data,
        )

    def target(self, *, nodes: bool = True) -> Any:
        return n8n_tables.target(self.server, self.place, user=ROLE, nodes=nodes)

    @contextlib.contextmanager
    def session(self) -> Iterator[Any]:
        """A session of the role that commits each statement, and has put off what limits are its own to change."""
        made = psycopg2.connect(
            host=self.server.address, port=self.server.port, user=ROLE, password=PASSWORD, dbname="n8n"
        )
        made.autocommit = True
        with made.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = off")
            yield cursor
        made.close()

    def refused(self, cursor: Any, statement: str) -> bool:
        """Tell whether the role may not do something; any other error is a mistake of the test."""
        try:
            cursor.execute(self.named(statement))
        except errors.InsufficientPrivilege:
            return True
        return False


@pytest.fixture(params=PLACES, ids=["1", "2", "named"])
def n8n(request: pytest.FixtureRequest, server: Server) -> Iterator[N8n]:
    with made(server, request.param) as one:
        yield one


@pytest.fixture
def newer(server: Server) -> Iterator[N8n]:
    with made(server, PLACES[1]) as one:
        yield one


@contextlib.contextmanager
def made(server: Server, place: Place) -> Iterator[N8n]:
    one = N8n(server, place)
    one.make()
    try:
        yield one
    finally:
        n8n_role.drop(server, place)
        for name in one.tables():
            n8n_tables.run(server, f"DROP TABLE IF EXISTS {place.table(name)} CASCADE")


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    with contextlib.closing(Reader(context())) as made:
        yield made


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
        f"not there in schema public, or not granted to {ROLE}: execution_data, workflow_entity.nodes",
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
        assert cursor.fetchall() == [("30s", "5s", "30s", 5)]


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


def test_run_twice_it_leaves_the_same(n8n):
    n8n_role.create(n8n.server, n8n.place)
    first = _given(n8n)
    n8n_role.create(n8n.server, n8n.place)

    assert _given(n8n) == first
    assert len(first) > 20


def test_run_again_without_the_part_for_nodes_it_takes_that_away(newer):
    n8n_role.create(newer.server, nodes=False)
    without = _given(newer)
    n8n_role.create(newer.server)
    newer.sql(f"GRANT SELECT ON EXECUTION_DATA, WORKFLOW_ENTITY TO {ROLE}")
    n8n_role.create(newer.server, nodes=False)

    assert _given(newer) == without


def test_it_is_taken_away_without_a_trace_and_twice(n8n):
    n8n_role.create(n8n.server, n8n.place)
    for _ in range(2):
        n8n_role.drop(n8n.server, n8n.place)
        assert _given(n8n) == []
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
        alone = _given(newer)
        n8n_role.create(newer.server, other)
        n8n_role.drop(newer.server, other)
        assert _given(newer) == alone
        n8n_role.drop(newer.server)
    assert _given(newer) == []


def _given(n8n: N8n) -> list[tuple[Any, ...]]:
    """What is granted to the role or depends on it, in the whole cluster, and its settings."""
    return n8n.sql(
        f"""
        WITH it AS (SELECT oid FROM pg_roles WHERE rolname = '{ROLE}')
        SELECT a.attrelid::regclass::text, a.attname, g.privilege_type FROM pg_attribute a, aclexplode(attacl) g, it
            WHERE grantee = it.oid
        UNION ALL SELECT c.oid::regclass::text, '', g.privilege_type FROM pg_class c, aclexplode(relacl) g, it
            WHERE grantee = it.oid
        UNION ALL SELECT p.oid::regprocedure::text, p.prosrc, g.privilege_type FROM pg_proc p, aclexplode(proacl) g, it
            WHERE grantee = it.oid
        UNION ALL SELECT nspname, '', g.privilege_type FROM pg_namespace, aclexplode(nspacl) g, it
            WHERE grantee = it.oid
        UNION ALL SELECT datname, '', g.privilege_type FROM pg_database, aclexplode(datacl) g, it WHERE grantee = it.oid
        UNION ALL SELECT setconfig::text, '', '' FROM pg_db_role_setting, it WHERE setrole = it.oid
        ORDER BY 1, 2, 3"""
    )


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
    by_owner = _given(newer)

    await reader.read(newer.target(), Facts())
    n8n_role.create(newer.server)
    everybodys = {("n8n", ""), ("public", "")}
    assert {one[:2] for one in by_owner} == {one[:2] for one in _given(newer)} - everybodys


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

"""However many executions n8n has kept, a read takes its rows by an index; only the first one looks through all."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from collectors.contract import Facts
from collectors.n8n import statements as sql
from collectors.n8n.reader import Reader
from collectors.n8n.statements import Statements
from tests.collectors.n8n.book import counted
from tests.collectors.n8n.recordings import VERSIONS
from tests.collectors.targets import context
from tests.netlab import wait_until
from tests.system import n8n_filled, n8n_role, n8n_tables
from tests.system.database_server import Server
from tests.system.databases import requires_databases, started

pytestmark = requires_databases

EXECUTIONS = 50_000
LARGE = {"execution_entity", "execution_data"}


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with started("postgresql") as made:
        n8n_filled.fill(made, request.param, EXECUTIONS, waiting=250)
        n8n_role.create(made)
        yield made


def scanned(plan: dict[str, Any]) -> set[str]:
    """Return the tables that a plan looks through from end to end."""
    below = set().union(*map(scanned, plan.get("Plans", [])))
    return below | ({plan["Relation Name"]} if plan["Node Type"] == "Seq Scan" else set())


def plan(server: Server, statement: str, *values: object) -> dict[str, Any]:
    (((explained,),),) = n8n_tables.run(server, f"EXPLAIN (FORMAT JSON) {statement}", *values)
    made = explained["Plan"]
    assert isinstance(made, dict)
    return made


def statements(server: Server) -> Statements:
    """Return those that read the tables themselves."""
    columns = n8n_tables.run(server, sql.COLUMNS, *sql.probe("public", ""))
    return sql.statements("public", "", {(table, column) for table, column in columns if column != "()"})


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("newest", ()),
        ("newest_id", ()),
        ("fresh", (EXECUTIONS - 100,)),
        ("fresh", (EXECUTIONS - sql.FRESH_AT_ONCE,)),
        ("asked_for", (sql.array(range(200, EXECUTIONS, 200)),)),
        ("workflows", ()),
        ("workflow_states", ()),
        ("statistics", (sql.texts(["w1", "w2"]),)),
        ("table_bytes", ()),
        ("heads", (sql.array(range(EXECUTIONS - 200, EXECUTIONS)),)),
        ("nodes", (["w1", "w2"],)),
    ],
)
def test_a_statement_of_each_read_looks_through_no_large_table(server, name, values):
    assert not scanned(plan(server, getattr(statements(server), name), *values)) & LARGE


def test_n8ns_own_counts_of_some_workflows_are_read_without_those_of_all_others(server):
    with n8n_tables.connected(server) as connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # without the workflows
        cursor.execute(
            'INSERT INTO workflow_statistics ("workflowId", name, count)'
            " SELECT 'gone' || i, 'production_success', 1 FROM generate_series(1, 50000) i"
        )
        cursor.execute("ANALYZE workflow_statistics")

    assert "workflow_statistics" not in scanned(plan(server, statements(server).statistics, sql.texts(["w1", "w2"])))


@pytest.mark.parametrize("name", ["unended", "modes"])
def test_a_statement_of_the_start_does_so_it_would_show(server, name):
    assert scanned(plan(server, getattr(statements(server), name))) == {"execution_entity"}


async def test_a_read_looks_through_no_large_table_whatever_its_functions_do(server: Server, tmp_path: pathlib.Path):
    target = n8n_tables.target(server, user=n8n_role.ROLE, nodes=True, state_file=str(tmp_path / "state"))
    with contextlib.closing(Reader(context())) as first:
        await first.read(target, Facts())
    n8n_filled.end(server, 100, n8n_filled.data())
    before = _scans(server)

    with contextlib.closing(Reader(context())) as second:
        reading = await second.read(target, Facts())

    assert counted(reading) == {"success": 100}
    assert sum(runs.runs for runs in reading.node_runs.values()) == 500
    assert _scans(server) == before


def _scans(server: Server) -> list[tuple[Any, ...]]:
    """Return how often each large table was looked through, when all that read have ended and so have counted it."""
    readers = "SELECT FROM pg_stat_activity WHERE application_name = 'latency-exporter'"
    wait_until(lambda: not n8n_tables.run(server, readers), "the readers' sessions have ended", 30)
    return n8n_tables.run(
        server, "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE relname = ANY(%s) ORDER BY 1", list(LARGE)
    )

"""Each statement toward n8n's tables: its plan, and what it takes of the database's processor."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg2

from benchmarks.process import cpu_between, cpu_times
from collectors.n8n import statements as sql
from tests.system import n8n_filled, n8n_tables
from tests.system.database_server import Server

_REPEATED = 15


def statements(server: Server, newest: int, still_open: int) -> Iterator[str]:
    """Yield the lines of a table: each statement, how it finds its rows, and what it takes of the database."""
    found = set(n8n_tables.run(server, sql.COLUMNS, *sql.probe("public", "")))
    plain = sql.statements("public", "", {one for one in found if one[1] != "()"})
    called = sql.statements("public", "", found)
    step = newest // still_open
    spread = sql.array(range(step, newest + 1, step))
    heads, workflows = [sql.array(range(newest - 199, newest + 1))], [[f"w{number}" for number in range(10)]]
    of_each = sql.texts(f"w{number}" for number in range(n8n_filled.WORKFLOWS))
    asked: list[tuple[str, str, Sequence[object]]] = [
        ("the newest execution", plain.newest, ()),
        ("100 new executions", plain.fresh, (newest - 100,)),
        ("5,000 new executions", plain.fresh, (newest - 5_000,)),
        (f"{still_open:,} open executions, spread over all", plain.asked_for, (spread,)),
        ("workflows", plain.workflows, ()),
        ("how many workflows there are", plain.workflow_states, ()),
        ("n8n's own statistics", plain.statistics, (of_each,)),
        ("sizes of tables", plain.table_bytes, ()),
        ("heads of the data of 200 executions", plain.heads, heads),
        ("the same by the function", called.heads, heads),
        ("nodes of 10 workflows", plain.nodes, workflows),
        ("the same by the function", called.nodes, workflows),
        ("at the start: the highest id", plain.newest_id, ()),
        ("at the start: what is open", plain.unended, ()),
        ("at the start: modes of each workflow", plain.modes, ()),
        ("after a restore: the first id since a time", plain.first_since, (time.time() - 1e5,)),
    ]
    yield "| statement | plan | pages | the database's processor time |"
    yield "|---|---|---:|---:|"
    with n8n_tables.connected(server) as connection, connection.cursor() as cursor:
        cursor.execute("SET jit = off")
        for what, statement, values in asked:
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", values or None)
            (((explained,),),) = cursor.fetchall()
            plan = explained["Plan"]
            pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
            took = statistics.median(_spent(cursor, statement, values) for _ in range(_REPEATED))
            yield f"| {what} | {', '.join(_scans(plan)) or 'no table'} | {pages:,} | {took * 1e3:.2f} ms |"


def _spent(cursor: psycopg2.extensions.cursor, statement: str, values: Sequence[object]) -> float:
    """Return the processor's time of the server's process: by the clock it would be what else the machine does, too."""
    pid = cursor.connection.info.backend_pid
    before = cpu_times(pid)
    cursor.execute(statement, values or None)
    return cpu_between(before, cpu_times(pid))


def _scans(plan: Mapping[str, Any]) -> Iterator[str]:
    """Yield how each table is looked at."""
    for below in plan.get("Plans", []):
        yield from _scans(below)
    if "Scan" in plan["Node Type"] and (of := plan.get("Index Name", plan.get("Relation Name"))):
        yield f"{plan['Node Type']} {of}"

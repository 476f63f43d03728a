"""``python -m benchmarks.n8n``: what it costs to read an n8n that has kept many executions; as root, with PostgreSQL.

For both kinds of tables, of n8n 1.x and 2.x, a server of its own is filled. Then one process reads as the exporter does,
as the role of deploy/n8n/reader.sql and with nodes: what ended since the last read, and the executions that wait.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import random
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg2

from benchmarks.n8n_reader import IDLE, Turn
from collectors.n8n import flatted
from collectors.n8n import statements as sql
from tests.collectors.n8n.recordings import VERSIONS
from tests.system import n8n_filled, n8n_role, n8n_tables
from tests.system.database_server import Server
from tests.system.databases import started

_OPEN = 1_000
_NEW = 100
_MANY = 5_000
_LARGE = 9_000_000
_REPEATED = 15
_OPTIONS = (
    *("-c", "shared_buffers=128MB", "-c", "shared_preload_libraries=pg_stat_statements"),
    *("-c", "pg_stat_statements.track_planning=on", "-c", "autovacuum=off"),
)


def main() -> None:
    """Print tables: each statement, and each figure that matters to whoever operates it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.n8n", description=__doc__)
    parser.add_argument("--executions", type=int, default=1_000_000, metavar="N", help="how many are stored")
    executions = parser.parse_args().executions
    figures = []
    for version in VERSIONS:
        with started("postgresql", options=_OPTIONS) as server:
            n8n_filled.fill(server, version, executions, waiting=_OPEN)
            n8n_tables.run(server, "CREATE EXTENSION pg_stat_statements")
            n8n_role.create(server)
            _write(f"\nStatements, n8n {version}, {executions:,} executions:\n")
            _statements(server, executions)
            figures.append(_figures(server))
    _write(f"\n| what | {' | '.join(f'n8n {version}' for version in VERSIONS)} |\n|---|{'---:|' * len(VERSIONS)}")
    for what in figures[0]:
        _write(f"| {what} | {' | '.join(each[what] for each in figures)} |")


def _statements(server: Server, newest: int) -> None:
    found = set(n8n_tables.run(server, sql.COLUMNS, *sql.probe("public", "")))
    plain = sql.statements("public", "", {one for one in found if one[1] != "()"})
    called = sql.statements("public", "", found)
    step = newest // _OPEN
    heads, workflows = [list(range(newest - 199, newest + 1))], [[f"w{number}" for number in range(10)]]
    asked: list[tuple[str, str, Sequence[object]]] = [
        ("the newest execution", plain.newest, ()),
        ("100 new executions", plain.fresh, (newest - _NEW,)),
        ("5,000 new executions", plain.fresh, (newest - _MANY,)),
        ("1,000 open executions, spread over all", plain.asked_for, (list(range(step, newest + 1, step)),)),
        ("workflows", plain.workflows, ()),
        ("n8n's own statistics", plain.statistics, ()),
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
    _write("| statement | plan | pages | planning and execution, median |")
    _write("|---|---|---:|---:|")
    with n8n_tables.connected(server) as connection, connection.cursor() as cursor:
        cursor.execute("SET jit = off")
        for what, statement, values in asked:
            plans = [_explained(cursor, statement, values) for _ in range(_REPEATED)]
            pages = plans[-1]["Plan"]["Shared Hit Blocks"] + plans[-1]["Plan"]["Shared Read Blocks"]
            took = statistics.median(plan["Planning Time"] + plan["Execution Time"] for plan in plans)
            _write(f"| {what} | {', '.join(_scans(plans[0]['Plan'])) or 'no table'} | {pages:,} | {took:.2f} ms |")


def _explained(cursor: Any, statement: str, values: Sequence[object]) -> Any:
    cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", values or None)
    return cursor.fetchone()[0][0]


def _scans(plan: Any) -> Iterator[str]:
    """Yield how each table is looked at."""
    for below in plan.get("Plans", []):
        yield from _scans(below)
    if "Scan" in plan["Node Type"] and (of := plan.get("Index Name", plan.get("Relation Name"))):
        yield f"{plan['Node Type']} {of}"


class _Reader:
    """The process that reads."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.before = self.answer()

    def ask(self, line: str = "read") -> Turn:
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self.answer()

    def answer(self) -> Turn:
        assert self._process.stdout
        return Turn(**json.loads(self._process.stdout.readline()))


@contextlib.contextmanager
def _reader(server: Server) -> Iterator[_Reader]:
    words = [sys.executable, "-m", "benchmarks.n8n_reader", str(server.port)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own program
        try:
            yield _Reader(process)
        finally:
            process.terminate()


def _figures(server: Server) -> dict[str, str]:
    ended = 0

    def new(number: int, content: str = "x" * 100) -> Callable[[], None]:
        return lambda: n8n_filled.end(server, number, n8n_filled.data(content))

    with _reader(server) as reader:
        start, of_start = _read(server, reader)
        steady = [_read(server, reader, new(_NEW)) for _ in range(_REPEATED)]
        memory = reader.ask().memory
        quiet = [reader.ask(IDLE) for _ in range(_REPEATED)]
        many = [_read(server, reader, new(_MANY)) for _ in range(_REPEATED)]
        ended = _REPEATED * (_NEW + _MANY)
        last = reader.ask()
    if (last.ended, last.open) != (ended, _OPEN) or not last.nodes:
        sys.exit(f"{last} is not what happened: this measures nothing")
    large = {name: _large(server, text) for name, text in _texts()}
    return {
        "start, wall": _ms(start.wall),
        "start, database time": _ms(of_start),
        f"read with {_NEW} new executions, database time, median; most": _both(one for _, one in steady),
        f"read with {_NEW} new executions, wall, median; most": _both(turn.wall for turn, _ in steady),
        f"loop held meanwhile, median; most": _both(turn.held for turn, _ in steady),
        f"read with {_MANY:,} new executions, database time, median; most": _both(one for _, one in many),
        f"read with {_MANY:,} new executions, wall, median; most": _both(turn.wall for turn, _ in many),
        "loop held meanwhile, median; most ": _both(turn.held for turn, _ in many),
        "loop held while nothing is read, median; most": _both(turn.held for turn in quiet),
        f"memory added after {_REPEATED} reads": f"{(memory - reader.before.memory) / 1e6:.1f} MB",
        f"memory added after {_REPEATED} reads of {_MANY:,} more": f"{(last.memory - reader.before.memory) / 1e6:.1f} MB",
        **{f"an execution of 9 MB, {name}, its head fetched and decoded": took for name, took in large.items()},
    }


def _read(server: Server, reader: _Reader, prepare: Callable[[], None] = lambda: None) -> tuple[Turn, float]:
    """Read once; return the reader's turn and the database's time in seconds."""
    prepare()
    n8n_tables.run(server, "SELECT pg_stat_statements_reset()")
    turn = reader.ask()
    ((took,),) = n8n_tables.run(
        server,
        "SELECT sum(total_plan_time + total_exec_time) / 1e3 FROM pg_stat_statements"
        f" WHERE userid = '{n8n_role.ROLE}'::regrole",
    )
    return turn, float(took)


def _texts() -> Iterator[tuple[str, str]]:
    """Yield texts that PostgreSQL compresses well and not at all."""
    yield "compressed in the database", "".join(f"item {number} of many; " for number in range(_LARGE // 20))
    yield "not compressible", base64.b64encode(random.Random(0).randbytes(_LARGE * 3 // 4)).decode()


def _large(server: Server, content: str) -> str:
    """Return how long it takes, with the peak of memory: the beginning of one execution's data, as a read wants it."""
    n8n_filled.end(server, 1, n8n_filled.data(content))
    ((number,),) = n8n_tables.run(server, "SELECT max(id) FROM execution_entity")
    connection = psycopg2.connect(
        host="127.0.0.1", port=server.port, user=n8n_role.ROLE, password="c4nary-Pa55word", dbname="n8n"
    )
    called = sql.statements("public", "", {("latency_exporter_heads", "()")}).heads
    took = []
    with connection.cursor() as cursor:
        for _ in range(_REPEATED):
            began = time.perf_counter()
            cursor.execute(called, ([number],))
            ((_, text),) = cursor.fetchall()
            runs = list(flatted.node_runs(text))
            took.append(time.perf_counter() - began)
        tracemalloc.start()
        cursor.execute(called, ([number],))
        flatted.node_runs(cursor.fetchall()[0][1])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    connection.close()
    if not runs:
        sys.exit("no node's run was found: this measures nothing")
    return f"{_ms(statistics.median(took))}, {peak / 1e3:.0f} kB"


def _both(values: Iterator[float]) -> str:
    listed = list(values)
    return f"{_ms(statistics.median(listed))}; {_ms(max(listed))}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f} ms"


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

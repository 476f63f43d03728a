"""``python -m benchmarks.n8n``: what it costs to read an n8n that has kept many executions; as root, with PostgreSQL.

For both kinds of tables, of n8n 1.x and 2.x, a server of its own is filled. Then one process reads as the exporter
does, as the role of deploy/n8n/reader.sql and with nodes: what ended since the last read, and the executions that wait.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from subprocess import PIPE
from typing import IO

import psycopg2

from benchmarks.n8n_reader import IDLE, Report
from benchmarks.n8n_statements import statements
from benchmarks.process import cpu_times
from collectors.n8n import flatted
from collectors.n8n import statements as sql
from tests.collectors.n8n.recordings import VERSIONS
from tests.system import n8n_filled, n8n_role, n8n_tables
from tests.system.database_server import Server
from tests.system.databases import PASSWORD, started

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
            for line in statements(server, executions, _OPEN):
                _write(line)
            figures.append(_figures(server))
    _write(f"\n| what | {' | '.join(f'n8n {version}' for version in VERSIONS)} |\n|---|{'---:|' * len(VERSIONS)}")
    for what in figures[0]:
        _write(f"| {what} | {' | '.join(each[what] for each in figures)} |")


class _Reader:
    """The process that reads."""

    def __init__(self, lines: IO[str], answers: IO[str]) -> None:
        self._lines, self._answers = lines, answers
        self.before = self._answer()

    def ask(self, line: str = "read") -> Report:
        self._lines.write(line + "\n")
        self._lines.flush()
        return self._answer()

    def _answer(self) -> Report:
        return Report(**json.loads(self._answers.readline()))


@contextlib.contextmanager
def _reader(server: Server) -> Iterator[_Reader]:
    words = [sys.executable, "-m", "benchmarks.n8n_reader", str(server.port)]
    with subprocess.Popen(words, stdin=PIPE, stdout=PIPE, text=True) as process:  # noqa: S603 - our own program
        try:
            if process.stdin and process.stdout:
                yield _Reader(process.stdin, process.stdout)
        finally:
            process.terminate()


@dataclasses.dataclass(frozen=True)
class _Read:
    """One read; seconds."""

    report: Report
    database: float
    """By the statements' own clocks, as pg_stat_statements has it."""
    processor: float
    """Of the server's process."""


def _read(server: Server, reader: _Reader, new: int = 0) -> _Read:
    """Let executions begin and end, and read once."""
    if new:
        n8n_filled.end(server, new, n8n_filled.data())
    n8n_tables.run(server, "SELECT pg_stat_statements_reset()")
    before = _processor(server)
    report = reader.ask()
    spent = _processor(server) - before
    ((took,),) = n8n_tables.run(
        server,
        "SELECT sum(total_plan_time + total_exec_time) / 1e3 FROM pg_stat_statements WHERE userid = %s::regrole",
        n8n_role.ROLE,
    )
    return _Read(report, float(took), spent)


def _processor(server: Server) -> float:
    """Return the processor's time of the reader's session so far."""
    pids = n8n_tables.run(server, "SELECT pid FROM pg_stat_activity WHERE usename = %s", n8n_role.ROLE)
    return sum(sum(cpu_times(pid).values()) for (pid,) in pids) / 1e9


def _figures(server: Server) -> dict[str, str]:
    with _reader(server) as reader:
        start = _read(server, reader)
        few = [_read(server, reader, _NEW) for _ in range(_REPEATED)]
        memory = reader.ask().memory
        quiet = [reader.ask(IDLE) for _ in range(_REPEATED)]
        many = [_read(server, reader, _MANY) for _ in range(_REPEATED)]
        last = reader.ask()
    if (last.ended, last.open) != (_REPEATED * (_NEW + _MANY), _OPEN) or not last.nodes:
        sys.exit(f"{last} is not what happened: this measures nothing")
    return {
        "start: wall; database": f"{_ms(start.report.wall)}; {_ms(start.database)}",
        **_of_reads(_NEW, few),
        **_of_reads(_MANY, many),
        "nothing is read: loop held, median; most": _both([report.held for report in quiet]),
        "nothing is read: loopback ICMP round trip, median; 99 %": _echoes(quiet),
        "while it is read: loopback ICMP round trip, median; 99 %": _echoes([read.report for read in (*few, *many)]),
        "loopback ICMP without a reply": str(last.unanswered),
        f"memory added by {_REPEATED} reads": _megabytes(memory - reader.before.memory),
        f"memory added by {_REPEATED} more with {_MANY:,} new": _megabytes(last.memory - reader.before.memory),
        **{f"head of a 9 MB execution, {how}: time; memory": _large(server, text) for how, text in _texts()},
    }


def _of_reads(new: int, reads: Sequence[_Read]) -> dict[str, str]:
    return {
        f"{new:,} new: the database's processor time, median; most": _both([read.processor for read in reads]),
        f"{new:,} new: statements by the clock, median; most": _both([read.database for read in reads]),
        f"{new:,} new: wall, median; most": _both([read.report.wall for read in reads]),
        f"{new:,} new: loop held, median; most": _both([read.report.held for read in reads]),
    }


def _texts() -> Iterator[tuple[str, str]]:
    """Yield texts that PostgreSQL compresses well and not at all."""
    yield "compressed in the database", "".join(f"item {number} of many; " for number in range(_LARGE // 20))
    yield "not compressible", base64.b64encode(os.urandom(_LARGE * 3 // 4)).decode()


def _large(server: Server, content: str) -> str:
    """Return how long it takes to read and decode the beginning of one execution's data, and the most memory for it."""
    n8n_filled.end(server, 1, n8n_filled.data(content))
    ((number,),) = n8n_tables.run(server, "SELECT max(id) FROM execution_entity")
    connection = psycopg2.connect(
        host="127.0.0.1", port=server.port, user=n8n_role.ROLE, password=PASSWORD, dbname="n8n"
    )
    called = sql.statements("public", "", {("latency_exporter_heads", "()")}).heads
    took = []
    with connection.cursor() as cursor:
        for _ in range(_REPEATED):
            began = time.perf_counter()
            cursor.execute(called, (sql.array([number]),))
            ((_, text),) = cursor.fetchall()
            runs = list(flatted.node_runs(text))
            took.append(time.perf_counter() - began)
        tracemalloc.start()
        cursor.execute(called, (sql.array([number]),))
        flatted.node_runs(cursor.fetchall()[0][1])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    connection.close()
    if not runs:
        sys.exit("no node's run was found: this measures nothing")
    return f"{_ms(statistics.median(took))}, {peak / 1e3:.0f} kB"


def _echoes(reports: Sequence[Report]) -> str:
    hundredths = statistics.quantiles((one for report in reports for one in report.echoes), n=100)
    return f"{hundredths[49] * 1e6:.1f} µs; {hundredths[98] * 1e6:.1f} µs"


def _both(values: Sequence[float]) -> str:
    return f"{_ms(statistics.median(values))}; {_ms(max(values))}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f} ms"


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

"""``python -m benchmarks.queries``: what a query on a kept connection costs; as root, with both servers installed.

Beside it stands the least that it could cost: sleep and ask by psycopg2, without an event loop, a schedule or a page.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psycopg2

from benchmarks.databases import write_fleet
from benchmarks.process import cpu_between, cpu_times
from tests.ports import free_port
from tests.system.database_server import Server
from tests.system.databases import PASSWORD, started

_DATABASES = (1, 10, 50)
_EACH_SECOND = ("interval: 1s", "timeout: 900ms", "cold_interval: 1h")
_WINDOW = 8.0
"""Seconds that are measured."""
_WINDOWS = 3
_ENGINES = {"postgresql": ("-c", "max_connections=100"), "mysql": ("--max-connections=100",)}


def main() -> None:
    """Print a table, microseconds of CPU per query, medians of three windows."""
    _write("| engine | databases, each once a second | latency-exporter | psycopg2 in a bare loop |")
    _write("|---|---:|---:|---:|")
    for engine, options in _ENGINES.items():
        with started(engine, options=options) as server:
            for count in _DATABASES:
                floor = f"{_bare(server, count):.0f} µs" if engine == "postgresql" else "–"
                _write(f"| {engine} | {count} | {_ours(server, count):.0f} µs | {floor} |")


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _ours(server: Server, count: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        fleet, port = write_fleet(Path(folder), server, count, *_EACH_SECOND), free_port()
        words = ["-m", "exporter", f"--config.file={fleet}", f"--web.listen-address=127.0.0.1:{port}"]
        with subprocess.Popen([sys.executable, *words, "--log.level=error"]) as program:  # noqa: S603 - our own program
            try:
                time.sleep(5.0)
                figures = [_window(program.pid, port) for _ in range(_WINDOWS)]
            finally:
                program.terminate()
    return statistics.median(figures)


def _window(pid: int, port: int) -> float:
    """Return microseconds of CPU per query; the pages with the counts are requested outside the window."""
    asked, before = _queries(port), time.monotonic()
    time.sleep(1.0)
    spent = cpu_times(pid)
    time.sleep(_WINDOW)
    used = cpu_between(spent, cpu_times(pid))
    time.sleep(1.0)
    per_second = (_queries(port) - asked) / (time.monotonic() - before)
    return used / (per_second * _WINDOW) * 1e6


def _queries(port: int) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
        lines = page.read().decode().splitlines()
    failures = [line for line in lines if line.startswith("database_probe_failures_total")]
    if not all(line.endswith(" 0") for line in failures):
        sys.exit("a probe failed: this measures nothing")
    return sum(
        float(line.split()[-1]) for line in lines if line.startswith("database_probes_total") and 'mode="warm"' in line
    )


def _bare(server: Server, count: int) -> float:
    connection = psycopg2.connect(
        host="127.0.0.1", port=server.port, user="monitor", password=PASSWORD, dbname="n8n", sslmode="disable"
    )
    connection.autocommit = True
    queries = max(10, 2 * count)
    with connection.cursor() as cursor:
        spent = cpu_times(os.getpid())
        for _ in range(queries):
            time.sleep(1 / count)
            cursor.execute("SELECT 1")
            cursor.fetchall()
        used = cpu_between(spent, cpu_times(os.getpid()))
    connection.close()
    return used / queries * 1e6


if __name__ == "__main__":
    main()

"""``python -m benchmarks.queries``: what a query on a kept connection costs; as root, with both servers installed.

Beside it the least that it could: a loop that sleeps and asks by psycopg2, without a loop, a schedule or a page.
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

from benchmarks.process import cpu_between, cpu_times
from tests.system.database_server import Server, free_port
from tests.system.databases import PASSWORD, started

_DATABASES = (1, 10, 50)
_WINDOW = 8.0
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
        password, fleet, port = Path(folder, "password"), Path(folder, "fleet.yml"), free_port()
        password.touch(0o600)
        password.write_text(PASSWORD, encoding="utf-8")
        fleet.write_text(_fleet(server, count, password), encoding="utf-8")
        words = ["-m", "exporter", f"--config.file={fleet}", f"--web.listen-address=127.0.0.1:{port}"]
        with subprocess.Popen([sys.executable, *words, "--log.level=error"]) as program:  # noqa: S603 - our own program
            try:
                time.sleep(5.0)
                figures = [_window(program.pid, port) for _ in range(_WINDOWS)]
            finally:
                program.terminate()
    return statistics.median(figures)


def _fleet(server: Server, count: int, password: Path) -> str:
    database = (
        f"type: {server.kind}, host: 127.0.0.1, port: {server.port}, user: monitor, password_file: {password}, "
        "dbname: n8n, tls: disable, interval: 1s, timeout: 900ms, cold_interval: 1h"
    )
    return "\n".join(
        ["hosts: [{name: here, address: 127.0.0.1}]", "databases:"]
        + [f"  - {{name: d{number}, {database}}}" for number in range(count)]
    )


def _window(pid: int, port: int) -> float:
    """Return microseconds per query; the page that says how many there were is asked for outside the window."""
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

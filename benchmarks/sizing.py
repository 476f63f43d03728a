"""``python -m benchmarks.sizing``: what 100 more pairs of each kind cost; as root, with PostgreSQL and MariaDB.

The program runs with few pairs and with many, at usual intervals, and is scraped every 15 seconds. The first row is the
program with few pairs; each other row is the difference between many and few, for 100 pairs.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.databases import write_fleet
from benchmarks.field import Field
from benchmarks.machine import facts
from benchmarks.process import cpu_between, cpu_times, memory_of
from benchmarks.programs import OUR_PORT, Recipe, helper, ours, running
from tests.ports import free_port
from tests.system.database_server import Server
from tests.system.databases import started

_SETTLED = 20.0
"""Seconds from the start until the program uses as much as it will."""
_WINDOW = 60.0
"""Seconds that are measured: four scrapes, and one login of each database."""
_FEW, _MANY = 100, 1100
_FEW_DATABASES, _MANY_DATABASES = 10, 110
_HUNDRED = 100


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of the program cost."""

    series: int
    megabytes: float
    cpu_percent: float


def main() -> None:
    """Print a table, and what was measured on."""
    _write("| what | series | memory | CPU |")
    _write("|---|---:|---:|---:|")
    with Field() as field:
        for protocol, interval, timeout in (("icmp", "5s", "4s"), ("tcp", "15s", "10s"), ("http", "15s", "10s")):
            recipe = ours(protocol, interval=interval, timeout=timeout)
            few, many = _probing(field, recipe, _FEW), _probing(field, recipe, _MANY)
            if protocol == "icmp":
                _write(_row(f"the program with {_FEW} pairs of icmp", few))
            _write(_row(f"100 pairs of {protocol}, every {interval}", _difference(few, many, _MANY - _FEW)))
    for kind, option in (("postgresql", "-cmax_connections=400"), ("mysql", "--max-connections=400")):
        with started(kind, options=(option,)) as server:
            few, many = _asking(server, _FEW_DATABASES), _asking(server, _MANY_DATABASES)
        _write(_row(f"100 databases, {kind}", _difference(few, many, _MANY_DATABASES - _FEW_DATABASES)))
    _write(facts([]).partition(" Beside it")[0])


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _row(what: str, cost: Cost) -> str:
    return f"| {what} | {cost.series:,} | {cost.megabytes:.1f} MB | {cost.cpu_percent:.2f} % |"


def _difference(few: Cost, many: Cost, pairs: int) -> Cost:
    share = _HUNDRED / pairs
    return Cost(
        round((many.series - few.series) * share),
        (many.megabytes - few.megabytes) * share,
        (many.cpu_percent - few.cpu_percent) * share,
    )


def _probing(field: Field, recipe: Recipe, pairs: int) -> Cost:
    """Measure the program with pairs of the field."""
    notes = field.folder / "scraped"
    with running(field, recipe, field.addresses(pairs)) as program:
        with helper(field, "scraper", str(OUR_PORT), "--output", str(notes), "--every", "15"):
            megabytes, cpu_percent = _window(program.pid)
        return Cost(_series(field.get(OUR_PORT, "/metrics").decode()), megabytes, cpu_percent)


def _asking(server: Server, databases: int) -> Cost:
    """Measure the program beside a database server on this machine, at a database's default intervals."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as end:
        folder, port = Path(name), free_port()
        fleet = write_fleet(folder, server, databases)
        flags = [f"--config.file={fleet}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
        program = end.enter_context(_python("exporter", *flags))
        end.enter_context(_python("benchmarks.scraper", str(port), "--output", str(folder / "notes"), "--every", "15"))
        megabytes, cpu_percent = _window(program.pid)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
            return Cost(_series(page.read().decode()), megabytes, cpu_percent)


@contextlib.contextmanager
def _python(module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-m", module, *arguments]) as program:  # noqa: S603 - our own program
        try:
            yield program
        finally:
            program.terminate()


def _window(pid: int) -> tuple[float, float]:
    """Return the resident megabytes, and the share of a core in per cent."""
    time.sleep(_SETTLED)
    before, began = cpu_times(pid), time.monotonic()
    time.sleep(_WINDOW)
    used = cpu_between(before, cpu_times(pid)) / (time.monotonic() - began)
    return memory_of(pid).resident / 1e6, used * 100


def _series(page: str) -> int:
    """Count the samples of pairs and databases; a probe that failed makes the figures worthless."""
    for count in re.findall(r"^(?:network_latency|database)_probe_failures_total\{.*\} (\S+)$", page, re.MULTILINE):
        if float(count):
            sys.exit("a probe failed: this measures nothing")
    return len(re.findall(r"^(?:network_latency|database)_", page, re.MULTILINE))


if __name__ == "__main__":
    main()

"""The measured as Markdown: a summary with one row per figure, everything, and a few rows. Medians of the runs.

Pure, but for ``write``. Absolute times are noise on a shared machine; so every table has ratios.
"""

from __future__ import annotations

import itertools
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.programs import BLACKBOX, FPING, OURS, SMOKEPING
from benchmarks.rows import NOT_MEASURED, Results, Row

TABLE_FILE, FEW_FILE, MACHINE_FILE = "table.md", "few.md", "machine.txt"
PROGRAMS = (OURS, FPING, SMOKEPING, BLACKBOX)
NOTHING = "–"
Key = tuple[str, str, int, str]
"""Measurement, program, targets, name of the value."""
Medians = Mapping[Key, float]


@dataclass(frozen=True, slots=True)
class Figure:
    """A row of the summary; the smaller the better, where others have it too."""

    what: str
    measurement: str
    name: str
    unit: str
    every_size: bool = False
    """One row per number of targets, else the largest alone."""
    others: str = ""
    """Where the others' value is found, if not in the same measurement."""
    is_of_the_few: bool = False
    """Whether it stands in the README."""

    @property
    def command(self) -> str:
        """Return the measurement by its name on the command line."""
        return self.measurement.split("-")[0] if self.measurement.startswith("load-") else self.measurement


_LOADED = "the same under load (others: without)"
FIGURES = (
    Figure("CPU per ICMP probe", "icmp-cost", "cpu_us", "µs", every_size=True, is_of_the_few=True),
    Figure("memory, ICMP", "icmp-cost", "resident_mb", "MB", every_size=True),
    Figure("ICMP probes in slots that had all begun within 20 ms", "icmp-cost", "on_time_share", "%", every_size=True),
    Figure("ICMP round trip, error, median", "icmp-truth", "rtt_median_us", "µs", is_of_the_few=True),
    Figure(_LOADED, "load-icmp", "rtt_median_us", "µs", others="icmp-truth"),
    Figure("ICMP round trip, error, 99 %", "icmp-truth", "rtt_p99_us", "µs", is_of_the_few=True),
    Figure(_LOADED, "load-icmp", "rtt_p99_us", "µs", others="icmp-truth"),
    Figure("CPU per TCP probe", "tcp-cost", "cpu_us", "µs", every_size=True, is_of_the_few=True),
    Figure("TCP round trip, error, median", "tcp-truth", "rtt_median_us", "µs"),
    Figure(_LOADED, "load-tcp", "rtt_median_us", "µs", others="tcp-truth"),
    Figure("TCP round trip, error, 99 %", "tcp-truth", "rtt_p99_us", "µs", is_of_the_few=True),
    Figure(_LOADED, "load-tcp", "rtt_p99_us", "µs", others="tcp-truth"),
    Figure("CPU per HTTP probe", "http-cost", "cpu_us", "µs", every_size=True, is_of_the_few=True),
    Figure("HTTP: round trip, error, median", "http-truth", "rtt_median_us", "µs"),
    Figure(_LOADED, "load-http", "rtt_median_us", "µs", others="http-truth"),
    Figure("HTTP: round trip, error, 99 %", "http-truth", "rtt_p99_us", "µs"),
    Figure(_LOADED, "load-http", "rtt_p99_us", "µs", others="http-truth"),
    Figure("HTTP: response, error, median", "http-truth", "response_median_us", "µs"),
    Figure(_LOADED, "load-http", "response_median_us", "µs", others="http-truth"),
    Figure("HTTP: response, error, 99 %", "http-truth", "response_p99_us", "µs", is_of_the_few=True),
    Figure(_LOADED, "load-http", "response_p99_us", "µs", others="http-truth"),
    Figure("CPU per line of a page", "page", "plain_line_us", "µs"),
    Figure("CPU per line of a page, gzip", "page", "gzip_line_us", "µs"),
    Figure("CPU per page (ours: seven times the lines)", "page", "plain_scrape_ms", "ms"),
    Figure("CPU per page, gzip", "page", "gzip_scrape_ms", "ms"),
    Figure("loop held at most while scraped", "page", "plain_held_ms", "ms"),
    Figure("loop held at most while scraped, gzip", "page", "gzip_held_ms", "ms"),
    Figure(
        "memory, three probes per target (smokeping_prober: one)",
        "page",
        "resident_mb",
        "MB",
        every_size=True,
        is_of_the_few=True,
    ),
)
_FEW_AT_MOST = 1000
"""Targets in the few rows: beyond that blackbox_exporter is not measured."""
_COST_COLUMNS = ("cpu_us", "probes_per_second", "resident_mb", "peak_mb")
_TRUTH_COLUMNS = ("median_us", "p99_us", "max_us", "signed_median_us", "signed_p99_us")
_ACCOUNT_COLUMNS = ("on_time_share", "skipped", "failures", "by_user_clock", "overflows", "decided")
_PAGE_COLUMNS = ("bytes", "lines", "answer_ms", "scrape_ms", "line_us", "held_ms")


def medians(rows: Iterable[Row]) -> Medians:
    """Return the median of each value over the runs."""
    found: dict[Key, list[float]] = defaultdict(list)
    for row in rows:
        found[row.measurement, row.program, row.targets, row.name].append(row.value)
    return {key: statistics.median(values) for key, values in found.items()}


def summary(values: Medians) -> str:
    """Return a row per figure that was measured."""
    head = ["what", "targets", *PROGRAMS, "best other / ours", "BENCH_ARGS"]
    return table(head, (row for figure in FIGURES for row in _figure_rows(figure, values)))


def few(rows: Sequence[Row], machine: str) -> str:
    """Return the figures of the README, each at the largest number of targets that all programs have."""
    values = medians(rows)
    head = ["what", "targets", *PROGRAMS, "best other / ours"]
    chosen = [
        [row[:-1] for row in _figure_rows(figure, values, _FEW_AT_MOST)][-1:]
        for figure in FIGURES
        if figure.is_of_the_few
    ]
    ours = machine.partition(" Beside it")[0].strip()
    return f"{table(head, itertools.chain.from_iterable(chosen))}\nMedians. On {ours}\n"


def details(values: Medians) -> str:
    """Return every table, each below a heading."""
    parts = [
        ("Cost of a probe", _cost_table(values)),
        ("Were we on time?", _account_table(values)),
        ("Errors of single probes", _truth_table(values)),
        ("Pages", _page_table(values)),
    ]
    return "".join(f"\n## {title}\n\n{text}" for title, text in parts if text)


def document(rows: Sequence[Row], machine: str) -> str:
    """Return all of it, with what has to be known to read it."""
    values = medians(rows)
    runs = len({row.run for row in rows})
    return (
        f"{summary(values)}\n"
        f"Medians of {runs} run{'s' if runs > 1 else ''}. On {machine.strip()}\n"
        "The machine is shared, so absolute times are noisy: the ratios count. CPU is that of the program alone, of\n"
        "all its threads, divided by the probes that reached the targets; it contains the kernel's work for the\n"
        "packets, on both sides of a virtual wire. Errors are reported minus true, by size; true is what the kernel\n"
        f"stamped on the packets. {NOTHING} means not measured, or not to be had.\n"
        'A row is measured again by `make bench BENCH_ARGS="--only …"`.\n'
        f"{_missed(rows)}"
        f"{details(values)}"
    )


def _missed(rows: Iterable[Row]) -> str:
    """Return what failed: medians without it are of fewer runs."""
    failed = [
        f"{row.program} in {row.measurement} at {row.targets:,} targets (run {row.run})"
        for row in rows
        if row.name == NOT_MEASURED
    ]
    return f"**Failed, and not in the medians:** {', '.join(failed)}.\n" if failed else ""


def write(folder: Path, results: Results) -> None:
    """Write the tables beside the pictures."""
    machine = (folder / MACHINE_FILE).read_text(encoding="utf-8")
    (folder / TABLE_FILE).write_text(document(results.rows, machine), encoding="utf-8")
    (folder / FEW_FILE).write_text(few(results.rows, machine), encoding="utf-8")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, or nothing if it would be empty."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines, ""]) if lines else ""


def number(value: float | None, unit: str = "") -> str:
    """Return three digits that matter, and no exponent."""
    if value is None or value != value:  # noqa: PLR0124 - not a number
        return NOTHING
    digits = 0 if abs(value) >= 100 or value == int(value) else 1 if abs(value) >= 10 else 2  # noqa: PLR2004 - three digits
    return f"{value:,.{digits}f}{unit and ' '}{unit}"


def ratio(value: float | None, ours: float | None) -> str:
    """Return how many times as much as ours."""
    if value is None or not ours or ours < 0:
        return NOTHING
    times = value / ours
    return f"{times:.0f}×" if times >= 10 else f"{times:.1f}×" if times >= 1 else f"{times:.2f}×"  # noqa: PLR2004 - two digits


def _cell(value: float | None, unit: str) -> str:
    """Return a value with its unit; of a share per cents, to the hundredth: 99.96 % is not all."""
    if unit != "%":
        return number(value, unit)
    return NOTHING if value is None or value != value else f"{value:.2%}"  # noqa: PLR0124 - not a number


def _figure_rows(figure: Figure, values: Medians, at_most: int = sys.maxsize) -> Iterator[list[str]]:
    sizes = [size for size in _sizes(values, figure.measurement, figure.name) if size <= at_most]
    for targets in sizes if figure.every_size else sizes[-1:]:
        ours = values.get((figure.measurement, OURS, targets, figure.name))
        where = figure.others or figure.measurement
        others = [values.get((where, program, targets, figure.name)) for program in PROGRAMS[1:]]
        best = min((value for value in others if value is not None), default=None)
        cells = [_cell(value, figure.unit) for value in (ours, *others)]
        yield [figure.what, f"{targets:,}", *cells, ratio(best, ours), f"`--only {figure.command}`"]


def _cost_table(values: Medians) -> str:
    head = [
        "probe",
        "targets",
        "program",
        "CPU, µs",
        "× ours",
        "probes per s",
        "resident, MB",
        "peak, MB",
        "BENCH_ARGS",
    ]

    def rows() -> Iterator[list[str]]:
        for protocol in ("icmp", "tcp", "http"):
            measurement = f"{protocol}-cost"
            for targets, program in _found(values, measurement, "cpu_us"):
                cpu, *rest = _take(values, (measurement, program, targets), _COST_COLUMNS)
                ours = values.get((measurement, OURS, targets, "cpu_us"))
                cells = [number(cpu), ratio(cpu, ours), *map(number, rest)]
                yield [protocol, f"{targets:,}", program, *cells, f"`--only {measurement}`"]

    return table(head, rows())


def _account_table(values: Medians) -> str:
    head = [
        "probe",
        "targets",
        "slot begun within 20 ms",
        "left out",
        "failed",
        "by the user's clock",
        "overflows",
        "probes",
        "BENCH_ARGS",
    ]

    def rows() -> Iterator[list[str]]:
        for protocol in ("icmp", "tcp", "http"):
            measurement = f"{protocol}-cost"
            for targets, program in _found(values, measurement, "on_time_share"):
                share, *rest = _take(values, (measurement, program, targets), _ACCOUNT_COLUMNS)
                yield [protocol, f"{targets:,}", _cell(share, "%"), *map(number, rest), f"`--only {measurement}`"]

    return table(head, rows())


def _truth_table(values: Medians) -> str:
    head = ["what", "targets", "program", "compared", "median, µs", "99 %", "max", "signed median", "signed 99 %"]

    def rows() -> Iterator[list[str]]:
        for measurement in ("icmp-truth", "load-icmp", "tcp-truth", "load-tcp", "http-truth", "load-http"):
            for quantity in ("rtt", "response"):
                for targets, program in _found(values, measurement, f"{quantity}_median_us"):
                    yield _truth_row(values, (measurement, program, targets), quantity)

    return table([*head, "99 %, × ours", "BENCH_ARGS"], rows())


def _truth_row(values: Medians, key: tuple[str, str, int], quantity: str) -> list[str]:
    measurement, program, targets = key
    names = [f"{quantity}_{name}" for name in ("compared", *_TRUTH_COLUMNS)]
    cells = _take(values, key, names)
    times = ratio(values.get((*key, names[2])), values.get((measurement, OURS, targets, names[2])))
    only = "load" if measurement.startswith("load-") else measurement
    protocol = measurement.replace("-truth", "").replace("load-", "")
    what = f"{protocol} {quantity}{', under load' if only == 'load' else ''}"
    return [what, f"{targets:,}", program, *map(number, cells), times, f"`--only {only}`"]


def _page_table(values: Medians) -> str:
    head = ["page", "targets", "program", "bytes", "lines", "answered in, ms", "CPU, ms", "CPU per line, µs"]

    def rows() -> Iterator[list[str]]:
        for kind in ("plain", "gzip"):
            for targets, program in _found(values, "page", f"{kind}_bytes"):
                cells = _take(values, ("page", program, targets), [f"{kind}_{name}" for name in _PAGE_COLUMNS])
                yield [kind, f"{targets:,}", program, *map(number, cells), "`--only page`"]

    return table([*head, "loop held, ms", "BENCH_ARGS"], rows())


def _sizes(values: Medians, measurement: str, name: str) -> list[int]:
    return sorted({targets for found, _, targets, named in values if (found, named) == (measurement, name)})


def _found(values: Medians, measurement: str, name: str) -> list[tuple[int, str]]:
    """Return targets and programs of which there is such a value, ours first in each size."""
    return [
        (targets, program)
        for targets in _sizes(values, measurement, name)
        for program in PROGRAMS
        if (measurement, program, targets, name) in values
    ]


def _take(values: Medians, key: tuple[str, str, int], names: Iterable[str]) -> list[float | None]:
    return [values.get((*key, name)) for name in names]

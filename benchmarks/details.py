"""The tables below the summary: what each program cost, whether ours was on time, how true all were, and pages."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.markdown import cell, number, ratio, table
from benchmarks.medians import Medians, columns, subjects
from benchmarks.programs import OURS, PROTOCOLS

_COST_COLUMNS = ("cpu_us", "probes_per_second", "resident_mb", "peak_mb")
_TRUTH_COLUMNS = ("median_us", "p99_us", "max_us", "signed_median_us", "signed_p99_us")
_ACCOUNT_COLUMNS = ("on_time_share", "skipped", "failures", "by_user_clock", "overflows", "decided")
_PAGE_COLUMNS = ("bytes", "lines", "answer_ms", "scrape_ms", "line_us", "held_ms")


def details(values: Medians) -> str:
    """Return every table, each below a heading."""
    parts = [
        ("Cost of a probe", _cost_table(values)),
        ("Were we on time?", _account_table(values)),
        ("Errors of single probes", _truth_table(values)),
        ("Pages", _page_table(values)),
    ]
    return "".join(f"\n## {title}\n\n{text}" for title, text in parts if text)


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
        for protocol in PROTOCOLS:
            measurement = f"{protocol}-cost"
            for targets, program in subjects(values, measurement, "cpu_us"):
                cpu, *others = columns(values, (measurement, program, targets), _COST_COLUMNS)
                ours = values.get((measurement, OURS, targets, "cpu_us"))
                cells = [number(cpu), ratio(cpu, ours), *map(number, others)]
                yield [protocol, f"{targets:,}", program, *cells, f"`--only {measurement}`"]

    return table(head, rows())


def _account_table(values: Medians) -> str:
    head = [
        "probe",
        "targets",
        "burst begun within 20 ms",
        "left out",
        "failed",
        "by the user's clock",
        "overflows",
        "probes",
        "BENCH_ARGS",
    ]

    def rows() -> Iterator[list[str]]:
        for protocol in PROTOCOLS:
            measurement = f"{protocol}-cost"
            for targets, program in subjects(values, measurement, "on_time_share"):
                share, *others = columns(values, (measurement, program, targets), _ACCOUNT_COLUMNS)
                yield [protocol, f"{targets:,}", cell(share, "%"), *map(number, others), f"`--only {measurement}`"]

    return table(head, rows())


def _truth_table(values: Medians) -> str:
    head = ["what", "targets", "program", "compared", "median, µs", "99 %", "max", "signed median", "signed 99 %"]

    def rows() -> Iterator[list[str]]:
        for measurement in (name for protocol in PROTOCOLS for name in (f"{protocol}-truth", f"load-{protocol}")):
            for quantity in ("rtt", "response"):
                for targets, program in subjects(values, measurement, f"{quantity}_median_us"):
                    yield _truth_row(values, (measurement, program, targets), quantity)

    return table([*head, "99 %, × ours", "BENCH_ARGS"], rows())


def _truth_row(values: Medians, key: tuple[str, str, int], quantity: str) -> list[str]:
    measurement, program, targets = key
    names = [f"{quantity}_{name}" for name in ("compared", *_TRUTH_COLUMNS)]
    cells = columns(values, key, names)
    times = ratio(values.get((*key, names[2])), values.get((measurement, OURS, targets, names[2])))
    only = "load" if measurement.startswith("load-") else measurement
    protocol = measurement.replace("-truth", "").replace("load-", "")
    what = f"{protocol} {quantity}{', under load' if only == 'load' else ''}"
    return [what, f"{targets:,}", program, *map(number, cells), times, f"`--only {only}`"]


def _page_table(values: Medians) -> str:
    head = ["page", "targets", "program", "bytes", "lines", "answered in, ms", "CPU, ms", "CPU per line, µs"]

    def rows() -> Iterator[list[str]]:
        for kind in ("plain", "gzip"):
            for targets, program in subjects(values, "page", f"{kind}_bytes"):
                cells = columns(values, ("page", program, targets), [f"{kind}_{name}" for name in _PAGE_COLUMNS])
                yield [kind, f"{targets:,}", program, *map(number, cells), "`--only page`"]

    return table([*head, "loop held, ms", "BENCH_ARGS"], rows())

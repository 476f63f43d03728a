"""What was measured, as Markdown: all of it, and a few rows for the README. Medians of the runs.

Pure, but for ``write``. Absolute times are noise on a shared machine; so every table has ratios.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.details import details
from benchmarks.figures import FIGURES, Figure
from benchmarks.markdown import NOTHING, cell, ratio, table
from benchmarks.medians import Medians, medians, sizes
from benchmarks.programs import OURS, PROGRAMS
from benchmarks.rows import NOT_MEASURED, MeasuredRow, Results

TABLE_FILE, FEW_FILE, MACHINE_FILE = "table.md", "few.md", "machine.txt"
_FEW_AT_MOST = 1000
"""Targets in the few rows: beyond that blackbox_exporter is not measured."""
_ABOVE_ONE = "Above 1×, ours is better."


def summary(values: Medians) -> str:
    """Return a row per figure that was measured."""
    head = ["what", "targets", *PROGRAMS, "best other / ours", "BENCH_ARGS"]
    return table(head, (row for figure in FIGURES for row in _figure_rows(figure, values)))


def few(rows: Sequence[MeasuredRow], machine: str) -> str:
    """Return the figures of the README, each at the largest number of targets that all programs have."""
    values = medians(rows)
    head = ["what", "targets", *PROGRAMS, "best other / ours"]
    chosen = (_few_rows(figure, values) for figure in FIGURES if figure.is_of_the_few)
    ours = machine.partition(" Beside it")[0].strip()
    return f"{table(head, itertools.chain.from_iterable(chosen))}\nMedians. {_ABOVE_ONE} On {ours}\n"


def document(rows: Sequence[MeasuredRow], machine: str) -> str:
    """Return all of it, with what has to be known to read it."""
    values = medians(rows)
    runs = len({row.run for row in rows})
    return (
        f"{summary(values)}\n"
        f"Medians of {runs} run{'s' if runs > 1 else ''}. {_ABOVE_ONE} On {machine.strip()}\n"
        "The machine is shared, so absolute times are noisy: the ratios count. CPU is that of the program alone, of\n"
        "all its threads, divided by the probes that reached the targets; it contains the kernel's work for the\n"
        "packets, on both sides of a virtual wire. Errors are reported minus true, by size; true is what the kernel\n"
        f"stamped on the packets. {NOTHING} means not measured, or not to be had.\n"
        'A row is measured again by `make bench BENCH_ARGS="--only …"`.\n'
        f"{_missed(rows)}"
        f"{details(values)}"
    )


def _missed(rows: Iterable[MeasuredRow]) -> str:
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


def _few_rows(figure: Figure, values: Medians) -> list[list[str]]:
    rows = [row[:-1] for row in _figure_rows(figure, values, _FEW_AT_MOST)]
    smallest = rows[:-1][:1] if figure.and_of_the_smallest else []
    return smallest + rows[-1:]


def _figure_rows(figure: Figure, values: Medians, at_most: int = sys.maxsize) -> Iterator[list[str]]:
    measured = [size for size in sizes(values, figure.measurement, figure.name) if size <= at_most]
    for targets in measured if figure.every_size else measured[-1:]:
        ours = values.get((figure.measurement, OURS, targets, figure.name))
        where = figure.others or figure.measurement
        others = [values.get((where, program, targets, figure.name)) for program in PROGRAMS[1:]]
        best = min((value for value in others if value is not None), default=None)
        cells = [cell(value, figure.unit) for value in (ours, *others)]
        yield [figure.what, f"{targets:,}", *cells, ratio(best, ours), f"`--only {figure.command}`"]

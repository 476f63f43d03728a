"""The median of each value over the runs, and which of them there are."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping

from benchmarks.programs import PROGRAMS
from benchmarks.rows import MeasuredRow

Key = tuple[str, str, int, str]
"""Measurement, program, targets, name of the value."""
Medians = Mapping[Key, float]


def medians(rows: Iterable[MeasuredRow]) -> Medians:
    """Return the median of each value over the runs."""
    values: dict[Key, list[float]] = defaultdict(list)
    for row in rows:
        values[row.measurement, row.program, row.targets, row.name].append(row.value)
    return {key: statistics.median(of_runs) for key, of_runs in values.items()}


def sizes(values: Medians, measurement: str, name: str) -> list[int]:
    """Return the numbers of targets with a value of this name, the smallest first."""
    return sorted({targets for measured, _, targets, named in values if (measured, named) == (measurement, name)})


def subjects(values: Medians, measurement: str, name: str) -> list[tuple[int, str]]:
    """Return the numbers of targets and programs with a value of this name, ours first of each number."""
    return [
        (targets, program)
        for targets in sizes(values, measurement, name)
        for program in PROGRAMS
        if (measurement, program, targets, name) in values
    ]


def columns(values: Medians, key: tuple[str, str, int], names: Iterable[str]) -> list[float | None]:
    """Return the values of these names for one measurement, program and number of targets."""
    return [values.get((*key, name)) for name in names]

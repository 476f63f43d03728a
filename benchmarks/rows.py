"""What was measured: rows and single errors, written at once, so that an interrupted run leaves what it has."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from typing import NamedTuple, Self

ROWS_FILE = "rows.csv"
NOT_MEASURED = "not_measured"
"""Name of the row that says that a program failed there."""


@dataclass(frozen=True, slots=True)
class MeasuredRow:
    """One value of one run."""

    run: int
    measurement: str
    program: str
    targets: int
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Errors:
    """Reported minus true, in microseconds, of every single probe of one program in one run."""

    run: int
    measurement: str
    program: str
    targets: int
    quantity: str
    """``rtt`` or ``response``."""
    values: tuple[float, ...]


class Failure(NamedTuple):
    """What could not be measured, also at a second attempt, and why."""

    measurement: str
    subject: str
    why: str


@dataclass(slots=True)
class Results:
    """Everything measured so far, in memory and in ``folder``."""

    folder: Path
    rows: list[MeasuredRow] = field(default_factory=list)
    errors: list[Errors] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list, compare=False)
    _held_back: list[MeasuredRow | Errors] | None = field(default=None, compare=False)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return what a benchmark left."""
        return cls(folder, list(read_rows(folder)), list(read_errors(folder)))

    def begin(self) -> None:
        """Make the folder; what an earlier benchmark left there goes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in (*self.folder.glob("*.csv"), *self.folder.glob("*.csv.gz")):
            old.unlink()
        self._append(ROWS_FILE, [[column.name for column in fields(MeasuredRow)]])

    @contextlib.contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Keep what is added meanwhile only if nothing fails: half an attempt would be in the medians twice."""
        held_back: list[MeasuredRow | Errors] = []
        self._held_back = held_back
        try:
            yield
        finally:
            self._held_back = None
        for one in held_back:
            self.add(one) if isinstance(one, MeasuredRow) else self.add_errors(one)

    def add(self, *rows: MeasuredRow) -> None:
        """Keep rows."""
        if self._held_back is not None:
            self._held_back += rows
            return
        self.rows += rows
        self._append(ROWS_FILE, map(astuple, rows))

    def add_errors(self, errors: Errors) -> None:
        """Keep errors: a member more of the measurement's gzip file, which readers see as one text."""
        if self._held_back is not None:
            self._held_back.append(errors)
            return
        self.errors.append(errors)
        text = io.StringIO()
        head = (errors.run, errors.program, errors.targets, errors.quantity)
        path = self.folder / f"{errors.measurement}-errors-us.csv.gz"
        columns = [] if path.exists() else [("run", "program", "targets", "quantity", "error_us")]
        csv.writer(text, lineterminator="\n").writerows([*columns, *((*head, f"{us:.3f}") for us in errors.values)])
        with path.open("ab") as file:
            file.write(gzip.compress(text.getvalue().encode(), mtime=0))

    def _append(self, name: str, rows: Iterable[Iterable[object]]) -> None:
        with (self.folder / name).open("a", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


def read_rows(folder: Path) -> Iterator[MeasuredRow]:
    """Yield the rows that a benchmark left."""
    with (folder / ROWS_FILE).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield MeasuredRow(
                int(row["run"]),
                row["measurement"],
                row["program"],
                int(row["targets"]),
                row["name"],
                float(row["value"]),
            )


def read_errors(folder: Path) -> Iterator[Errors]:
    """Yield the errors that a benchmark left, one group per run, program, targets and quantity."""
    suffix = "-errors-us.csv.gz"
    for path in sorted(folder.glob(f"*{suffix}")):
        groups: dict[tuple[str, ...], list[float]] = {}
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            for run, program, targets, quantity, error in list(csv.reader(file))[1:]:
                groups.setdefault((run, program, targets, quantity), []).append(float(error))
        for (run, program, targets, quantity), values in groups.items():
            measurement = path.name.removesuffix(suffix)
            yield Errors(int(run), measurement, program, int(targets), quantity, tuple(values))

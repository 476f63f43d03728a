"""What every measurement gets: the field, how long and how much it measures, and where its results go."""

from __future__ import annotations

import http.client
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.field import Field
from benchmarks.programs import Recipe, is_installed
from benchmarks.rows import NOT_MEASURED, Errors, Failure, MeasuredRow, Results
from tests.netlab import CommandFailed

Seconds = float


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many targets, by measurement."""

    icmp_cost: tuple[int, ...] = (20, 200, 1000, 5000)
    asked_at_most: int = 1000
    """Beyond that, asking blackbox_exporter once a second per target is a load of its own."""
    stream_cost: tuple[int, ...] = (20, 200, 1000)
    icmp_truth: tuple[int, ...] = (200, 1000)
    stream_truth: int = 200
    page: int = 1000
    small_page: int = 20
    memory_after: Seconds = 30.0
    scrapes: int = 10


QUICK = Sizes(
    icmp_cost=(20, 100),
    stream_cost=(20,),
    icmp_truth=(50,),
    stream_truth=20,
    page=50,
    memory_after=5.0,
    scrapes=3,
)


@dataclass(frozen=True, slots=True)
class Bench:
    """One run."""

    field: Field
    results: Results
    run: int
    seconds: Seconds
    sizes: Sizes

    def window(self) -> None:
        """Wait for as long as is measured."""
        time.sleep(self.seconds)

    def subject(self, measurement: str, recipe: Recipe, targets: int) -> Subject:
        """Return one program at one size, to measure it."""
        return Subject(self, measurement, recipe, targets)


@dataclass(frozen=True, slots=True)
class Subject:
    """One program at one size in one measurement of one run."""

    bench: Bench
    measurement: str
    recipe: Recipe
    targets: int

    def addresses(self) -> list[str]:
        """Return its targets."""
        return self.bench.field.addresses(self.targets)

    def add(self, **values: float) -> None:
        """Keep values, and print them to stderr."""
        head = (self.bench.run, self.measurement, self.recipe.name, self.targets)
        self.bench.results.add(*(MeasuredRow(*head, name, value) for name, value in values.items()))
        tell(f"{self}: " + ", ".join(f"{name} {value:.6g}" for name, value in values.items()))

    def add_errors(self, quantity: str, values: list[float]) -> None:
        """Keep single errors, in microseconds."""
        head = (self.bench.run, self.measurement, self.recipe.name, self.targets)
        self.bench.results.add_errors(Errors(*head, quantity, tuple(values)))

    def measure(self, look: Callable[[], None]) -> None:
        """Measure it, and once more if that fails: other load may pass. A second failure is kept, and others go on."""
        if not is_installed(self.recipe, self.bench.field):
            raise MissingProgram(self.recipe.name)
        why = self._attempt(look)
        if why is not None:
            tell(f"{self}: not measured: {why}; trying once more")
            why = self._attempt(look)
        if why is not None:
            tell(f"{self}: not measured: {why}")
            self.bench.results.failures.append(Failure(self.measurement, str(self), why))
            self.add(**{NOT_MEASURED: 1})

    def _attempt(self, look: Callable[[], None]) -> str | None:
        """Keep what is measured if nothing fails; else return why it failed."""
        try:
            with self.bench.results.all_or_nothing():
                look()
        except (
            TimeoutError,
            ChildProcessError,
            CommandFailed,
            OSError,
            LookupError,
            http.client.HTTPException,
        ) as error:
            return str(error) or type(error).__name__
        return None

    def __str__(self) -> str:
        return f"run {self.bench.run}, {self.measurement}, {self.recipe.name}, {self.targets} targets"


class MissingProgram(Exception):
    """A program that is to be compared is not installed; ``make bench`` installs it."""


def tell(line: str) -> None:
    """Write a line of progress to stderr."""
    sys.stderr.write(f"{line}\n")

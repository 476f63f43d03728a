"""Series made up for a test: the last hours of a fleet, healthy at first, and what it was like a day before."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

END = 1_768_392_000
"""When the history ends: a day of the past, so that queries have the same answers at any time."""
HOUR, DAY = 3_600, 86_400
FAULT = END - 1_500
"""When what is broken breaks; until then all is well."""
STATES = {"healthy": FAULT, "faulty": END}
"""When the fleet is looked at."""
BEGIN, YESTERDAY = FAULT - 4_800, (FAULT - DAY - 900, END - DAY + 60)
"""When the last hours begin; and when, a day before, samples are taken."""

Labels = Mapping[str, str]


class Series(NamedTuple):
    """A series by its labels, its name among them; times are seconds since the epoch."""

    labels: Labels
    times: Sequence[int]
    values: Sequence[float]


class Clock(NamedTuple):
    """How many seconds are from sample to sample, and from one evaluation of the rules to the next.

    ``is_held``: rules are evaluated only when the fleet is looked at, and the results stand for all of the time before.
    """

    step: int
    recording: int
    is_held: bool = False

    @property
    def times(self) -> list[int]:
        return [*range(*YESTERDAY, self.step), *range(BEGIN, END + 1, self.step)]

    @property
    def moments(self) -> dict[int, Sequence[int]]:
        """Return when rules are evaluated, and when the results stand: an hour before each look, and a day before."""
        yesterday = {FAULT - DAY: [at - DAY for at in STATES.values()]}
        well, broken = range(FAULT - HOUR, FAULT + 1, self.recording), range(END, FAULT, -self.recording)[::-1]
        if self.is_held:
            return {**yesterday, FAULT: well, END: broken}
        return yesterday | {at: [at] for at in (*well, *broken)}

    def gauge(self, labels: Labels, well: float, broken: float | None = math.nan) -> Series:
        """Return a gauge that has another value while something is broken; None is absent, left out is no change."""
        broken = well if broken is not None and math.isnan(broken) else broken
        pairs = [(at, broken if _is_broken(at) else well) for at in self.times]
        there = [(at, value) for at, value in pairs if value is not None]
        return Series(labels, [at for at, _ in there], [value for _, value in there])

    def counter(self, labels: Labels, well: float, broken: float | None = math.nan) -> Series:
        """Return a counter by how much it rises in a second; None ends it, left out is no change."""
        if broken is None:
            times = [at for at in self.times if not _is_broken(at)]
            return Series(labels, times, [well * (at - YESTERDAY[0]) for at in times])
        broken = well if math.isnan(broken) else broken
        return Series(labels, self.times, [_risen(at, well, broken) for at in self.times])

    def histogram(
        self, name: str, labels: Labels, bounds: Sequence[float], well: Spread, broken: Spread | None = None
    ) -> Iterator[Series]:
        """Yield the series of a histogram, whose observations are spread in another way while something is broken."""
        after = broken or well
        for bound in (*bounds, math.inf):
            le = "+Inf" if bound == math.inf else f"{bound:g}"
            rates = (each.per_second * each.below(bound) for each in (well, after))
            yield self.counter({"__name__": f"{name}_bucket", **labels, "le": le}, *rates)
        yield from self.summary(name, labels, well, after)

    def summary(self, name: str, labels: Labels, well: Spread, broken: Spread | None = None) -> Iterator[Series]:
        """Yield sum and count."""
        both = (well, broken or well)
        total = (each.per_second * each.middle for each in both)
        yield self.counter({"__name__": f"{name}_sum", **labels}, *total)
        yield self.counter({"__name__": f"{name}_count", **labels}, *(each.per_second for each in both))

    def until_fault(self, series: Series) -> Series:
        """Return a series that ends with the exporter that has it."""
        there = [(at, value) for at, value in zip(series.times, series.values, strict=True) if not _is_broken(at)]
        return Series(series.labels, [at for at, _ in there], [value for _, value in there])


class Spread(NamedTuple):
    """Observations in a second, spread around a middle (seconds): log-normal, as round trips are."""

    per_second: float
    middle: float
    width: float = 0.2

    def below(self, bound: float) -> float:
        """Return the share of them that is not above a bound."""
        if bound == math.inf:
            return 1.0
        return 0.5 * (1 + math.erf(math.log(bound / self.middle) / (self.width * math.sqrt(2))))


def _is_broken(at: int) -> bool:
    return at > FAULT


def _risen(at: int, well: float, broken: float) -> float:
    end = min(at, FAULT)
    return well * (end - YESTERDAY[0]) + broken * (at - end)

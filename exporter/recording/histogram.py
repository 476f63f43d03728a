"""Observations counted in buckets, as Prometheus' histograms are."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate


class Histogram:
    """Counts observations in buckets with the given upper bounds, and one above them all."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Count a value; a bound belongs to the bucket below it (``le``)."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.total += value * times

    def copy(self) -> Histogram:
        """Return a copy that counts no further."""
        copy = Histogram(self.bounds)
        copy.counts, copy.total = self.counts.copy(), self.total
        return copy

    def row(self) -> tuple[float, ...]:
        """Return the cumulative counts, then the sum, then the count: the order of their lines."""
        cumulative = tuple(accumulate(self.counts))
        return (*cumulative, self.total, cumulative[-1])

"""Observations counted in buckets, as Prometheus' histograms are: in classic ones, and in native ones beside them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from exporter.clock import wall_clock
from exporter.recording.native import NATIVE_BOUNDS, NativeLayout


class Histogram:
    """Counts observations in buckets with the given upper bounds, and one above them all."""

    __slots__ = ("bounds", "counts", "created", "layout", "native", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0
        self.native: dict[int, int] = {}
        """The same observations by their places in ``NATIVE_BOUNDS``. They are counted whoever asks, so that they do
        not begin anew when somebody does; it takes 0.15 microseconds."""
        self.layout: NativeLayout | None = None
        """Of the native buckets, where somebody has asked for them."""
        self.created = wall_clock()
        """Since when it counts, in seconds since the epoch."""

    def observe(self, value: float, times: int = 1) -> None:
        """Count a value; a bound belongs to the bucket below it (``le``)."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.total += value * times
        place, native = bisect_left(NATIVE_BOUNDS, value), self.native
        native[place] = native.get(place, 0) + times

    def copy(self) -> Histogram:
        """Return a copy that counts no further."""
        copy = Histogram(self.bounds)
        copy.counts, copy.total, copy.created = self.counts.copy(), self.total, self.created
        copy.native, copy.layout = self.native.copy(), self.layout
        return copy

    def row(self) -> tuple[float, ...]:
        """Return the cumulative counts, then the sum, then the count: the order of their lines."""
        cumulative = tuple(accumulate(self.counts))
        return (*cumulative, self.total, cumulative[-1])

    def native_layout(self) -> NativeLayout:
        """Return which native buckets have counts."""
        if self.layout is None or self.layout.number != len(self.native):
            self.layout = NativeLayout(self.native)
        return self.layout

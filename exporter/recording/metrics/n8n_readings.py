"""How a family is made of what was read of an n8n.

While reads fail, gauges are absent: nobody knows what they are now. Counters and histograms stay as they were read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import TypeVar

from collectors.n8n.reading import BucketCounts, N8nReading
from collectors.n8n.tallies import BUCKETS
from collectors.terms import Seconds
from exporter.recording.families import KeyedFamily, bucket_samples
from exporter.recording.series import PairSeries

ONE = (("", ()),)
"""The samples of a gauge, or of a counter."""
TIMES = bucket_samples(BUCKETS)
"""Those of a histogram."""

Group = tuple[Sequence[str], Sequence[float]]
"""The values of labels, and of samples."""
T = TypeVar("T")
_Read = Callable[[N8nReading], Iterable[tuple[Sequence[str], T]]]
"""Takes from a reading the values of labels, and what each series of them has."""


def gauge(name: str, text: str, labels: Sequence[str], read: _Read[float]) -> KeyedFamily:
    """Return a gauge of what the latest read saw, if it succeeded."""

    def values(series: PairSeries, now: Seconds) -> Iterator[Group]:
        reading = series.latest.reply
        if isinstance(reading, N8nReading) and series.is_fresh(now):
            for key, value in read(reading):
                yield key, (value,)

    return KeyedFamily(name, "gauge", text, labels, ONE, values)


def counter(name: str, text: str, labels: Sequence[str], read: _Read[float]) -> KeyedFamily:
    """Return a counter, as the latest read that succeeded has it."""

    def values(series: PairSeries, _now: Seconds) -> Iterator[Group]:
        if isinstance(series.reading, N8nReading):
            for key, value in read(series.reading):
                yield key, (value,)

    return KeyedFamily(name, "counter", text, labels, ONE, values)


def histogram(name: str, text: str, labels: Sequence[str], read: _Read[BucketCounts]) -> KeyedFamily:
    """Return a histogram, likewise."""

    def values(series: PairSeries, _now: Seconds) -> Iterator[Group]:
        if isinstance(series.reading, N8nReading):
            for key, times in read(series.reading):
                counts = tuple(accumulate(times.counts))
                yield key, (*counts, times.total, counts[-1])

    return KeyedFamily(name, "histogram", text, labels, TIMES, values)

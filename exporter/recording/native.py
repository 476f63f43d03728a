"""Buckets of native histograms: bounds that all share, so that none has to be chosen, and only what is counted costs.

By Prometheus' specification (prometheus.io/docs/specs/native_histograms): with schema 3 a bucket's upper bound is
2 ** (1 / 8) times that of the bucket below it, 9 % more, and index 0 is the bucket that ends at 1.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import groupby
from math import ldexp
from operator import itemgetter, sub

from exporter.recording.protobuf import (
    LANE_LIMIT,
    bytes_key,
    difference_varints,
    double,
    double_key,
    number_key,
    sized,
    varint,
    zigzag,
)

_SCHEMA = 3
_PER_OCTAVE = 2**_SCHEMA
_LEAST, _MOST = -30, 20
"""Powers of two: a nanosecond, below which times are counted as zero, and twelve days, above which there are none."""
NATIVE_BOUNDS = tuple(
    ldexp(2.0 ** (part / _PER_OCTAVE), power) for power in range(_LEAST, _MOST) for part in range(_PER_OCTAVE)
)
"""The upper bounds, in seconds; the first is that of zero. A histogram counts by the place here that a value has."""
_MOST_BUCKETS = 160
"""A histogram that has more of them gets half as many."""

_ZERO_THRESHOLD = double_key(6) + double(NATIVE_BOUNDS[0])
_ZERO_COUNT = number_key(7)
_SPAN, _DELTAS = 12, bytes_key(13)
_OFFSET, _LENGTH = number_key(1), number_key(2)


class NativeLayout:
    """Which buckets of a histogram have counts, by their places in ``NATIVE_BOUNDS``; it holds until another has."""

    __slots__ = ("_halvings", "_takes_counts", "before", "before_size", "number", "size")

    def __init__(self, places: Collection[int]) -> None:
        self.number = len(places)
        """How many there are, with that of zero."""
        ordered = sorted(filter(None, places))
        self._halvings = 0
        while len(ordered) > _MOST_BUCKETS:
            self._halvings += 1
            ordered = sorted({_wider(place) for place in ordered})
        self._takes_counts = _taking(ordered)
        self.before = number_key(5) + zigzag(_SCHEMA - self._halvings) + _ZERO_THRESHOLD
        self.before += _spans(ordered, _LEAST * (_PER_OCTAVE >> self._halvings)) + _DELTAS
        """The fields up to the length of the counts."""
        self.size = 4 * len(ordered)
        """How many bytes of counts are written."""
        self.before_size = self.before + varint(self.size)

    def in_order(self, counts: Mapping[int, int]) -> Sequence[int]:
        """Return the counts that are written."""
        for _ in range(self._halvings):
            counts = _merged(counts)
        return self._takes_counts(counts)


def native_fields(histograms: Sequence[tuple[NativeLayout, Mapping[int, int]]], most: int) -> Iterator[bytes]:
    """Yield the fields of each histogram's native buckets; no count is above ``most``."""
    written = _large(histograms) if most >= LANE_LIMIT // 2 else _small(histograms)
    for fields, (_, counts) in zip(written, histograms, strict=True):
        yield fields + _ZERO_COUNT + varint(counts[0]) if 0 in counts else fields


def _small(histograms: Sequence[tuple[NativeLayout, Mapping[int, int]]]) -> Iterator[bytes]:
    ordered: list[int] = []
    for layout, counts in histograms:
        ordered += layout.in_order(counts)
        ordered.append(0)  # from which the next one's are counted
    written, end = difference_varints(ordered), 0
    for layout, _ in histograms:
        start, end = end, end + layout.size
        yield layout.before_size + written[start:end]
        end += 4


def _large(histograms: Sequence[tuple[NativeLayout, Mapping[int, int]]]) -> Iterator[bytes]:
    for layout, counts in histograms:
        ordered = layout.in_order(counts)
        written = b"".join(map(zigzag, map(sub, ordered, (0, *ordered))))
        yield layout.before + varint(len(written)) + written


def _taking(places: Sequence[int]) -> Callable[[Mapping[int, int]], tuple[int, ...]]:
    if len(places) > 1:
        return itemgetter(*places)
    return lambda counts: tuple(counts[place] for place in places)


def _wider(place: int) -> int:
    """Return the place of the bucket of the next lower schema, whose bounds are every second one."""
    return (place + 1) // 2


def _merged(counts: Mapping[int, int]) -> Mapping[int, int]:
    merged: dict[int, int] = {}
    for place, count in counts.items():
        merged[_wider(place)] = merged.get(_wider(place), 0) + count
    return merged


def _spans(places: Sequence[int], first: int) -> bytes:
    """Write which buckets there are: the gap before each row of them, the first counted from index 0, and its length.

    ``first`` is the index of the place 0.
    """
    spans, end = [], -first
    for _, row in groupby(enumerate(places), lambda numbered: numbered[1] - numbered[0]):
        (_, begin), *more = row
        spans.append(sized(_SPAN, _OFFSET + zigzag(begin - end) + _LENGTH + varint(1 + len(more))))
        end = begin + 1 + len(more)
    return b"".join(spans)

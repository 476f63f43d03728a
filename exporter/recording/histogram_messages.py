"""Messages Metric of histograms: many are written at once, since one by one their counts would take most of a page."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, repeat

from exporter.recording.histogram import Histogram
from exporter.recording.metric_messages import message_before
from exporter.recording.native import native_fields
from exporter.recording.protobuf import LANE_LIMIT, double, double_key, number_key, sized, varint, varints

_COUNT, _SUM = number_key(1), double_key(2)
_CUMULATIVE_COUNT, _UPPER_BOUND = number_key(1), double_key(2)
_COUNT_BYTES, _DOUBLE_BYTES = 4, 8


class HistogramWriter:
    """Histograms with these bounds.

    The last bucket has no bound, and the count of all: nobody writes it.
    """

    __slots__ = ("_before", "_bounds", "_in_value", "_rows")

    def __init__(self, bounds: Sequence[float], in_value: int) -> None:
        self._in_value, self._before = in_value, dict[tuple[int, int], bytes]()
        self._bounds = [double(bound) for bound in bounds]
        self._rows = b"".join(_bucket(bytes(_COUNT_BYTES), bound) for bound in (bytes(_DOUBLE_BYTES), *self._bounds))
        """The buckets of one histogram without their counts, and before them one more, see ``_classic``."""

    def write(self, values: Sequence[float], behind: bytes) -> bytes:
        """Return the message of what ``Histogram.row`` returns, with classic buckets alone."""
        return self.write_rows((values,), (behind,))

    def write_rows(self, rows: Sequence[Sequence[float]], behind: Iterable[bytes]) -> bytes:
        """Return the messages of several of these."""
        counts = [0]
        for row in rows:
            counts += map(int, row[:-2])
        return self._messages(counts, [row[-2] for row in rows], repeat(b""), behind)

    def write_all(self, histograms: Sequence[Histogram], behind: Iterable[bytes]) -> bytes:
        """Return the messages of histograms, with classic and native buckets."""
        counts = [0]
        for histogram in histograms:
            counts += accumulate(histogram.counts)
        native = native_fields([(one.native_layout(), one.native) for one in histograms], max(counts))
        return self._messages(counts, [histogram.total for histogram in histograms], native, behind)

    def _messages(
        self, counts: list[int], totals: Sequence[float], native: Iterable[bytes], behind: Iterable[bytes]
    ) -> bytes:
        """Return the messages of these cumulative counts behind a 0, sums, native fields, and what stands behind."""
        write = self._classic if max(counts) < LANE_LIMIT else self._large
        known, pieces = self._before, list[bytes]()
        for classic, fields, after in zip(write(counts, totals), native, behind, strict=False):
            size = len(classic) + len(fields), len(after)
            if size not in known:
                known[size] = message_before("histogram", size[0], self._in_value, size[1])
            pieces += known[size], classic, fields, after
        return b"".join(pieces)

    def _classic(self, counts: list[int], totals: Sequence[float]) -> Iterator[bytes]:
        """Yield count, sum and buckets of each histogram.

        Count and sum are written as the count and the bound of a bucket are. So they are taken for a bucket before the
        others, of which nothing else is yielded.
        """
        number = len(self._bounds) + 1
        counts[:-1:number] = counts[number::number]
        written = varints(counts)[: _COUNT_BYTES * (len(counts) - 1)]
        sums = array("d", totals).tobytes()
        row, size = len(self._rows), len(self._rows) // number
        rows = bytearray(self._rows * len(totals))
        head = size - len(_CUMULATIVE_COUNT) - _COUNT_BYTES - len(_UPPER_BOUND) - _DOUBLE_BYTES
        for place in range(_COUNT_BYTES):
            rows[head + len(_CUMULATIVE_COUNT) + place :: size] = written[place::_COUNT_BYTES]
        for place in range(_DOUBLE_BYTES):
            rows[size - _DOUBLE_BYTES + place :: row] = sums[place::_DOUBLE_BYTES]
        done = bytes(rows)
        return (done[start + head : start + row] for start in range(0, len(done), row))

    def _large(self, counts: Sequence[int], totals: Sequence[float]) -> Iterator[bytes]:
        """Yield the same where a count is too large for ``varints``."""
        number = len(self._bounds) + 1
        for place, total in enumerate(totals):
            *below, count = map(varint, counts[1 + place * number : 1 + (place + 1) * number])
            yield b"".join((_COUNT, count, _SUM, double(total), *map(_bucket, below, self._bounds)))


def _bucket(count: bytes, upper_bound: bytes) -> bytes:
    return sized(3, _CUMULATIVE_COUNT + count + _UPPER_BOUND + upper_bound)

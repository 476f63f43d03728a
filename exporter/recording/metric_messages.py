"""Messages Metric: the numbers of one owner, or its histogram, with its labels.

What does not change stands before the numbers, and behind them: the date since when they count, and the labels. A
message stands behind its length, which is known beforehand but for what is written in as many bytes as it needs.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence

from exporter.recording.families import Labels
from exporter.recording.histogram import Histogram
from exporter.recording.protobuf import (
    LANE_LIMIT,
    Lanes,
    bytes_key,
    double,
    double_key,
    number_key,
    sized,
    timestamp,
    varint,
)

_METRIC = bytes_key(4)
_VALUES = {
    "gauge": bytes_key(2),
    "counter": bytes_key(3),
    "summary": bytes_key(4),
    "unknown": bytes_key(5),
    "histogram": bytes_key(7),
}
"""By the kind of the family, the key of a message's value."""
_CREATED = {"counter": 3, "summary": 4, "histogram": 15}
"""The field of such a value that says since when it counts."""
_NUMBER, _DOUBLE_BYTES = double_key(1), 8
_COUNT, _SUM = number_key(1), double_key(2)
_CUMULATIVE_COUNT, _UPPER_BOUND = number_key(1), double_key(2)


class Behind:
    """What stands behind an owner's numbers; ``created`` is in seconds since the epoch, None if it is not known."""

    __slots__ = ("in_value", "written")

    def __init__(self, kind: str, created: float | None, labels: bytes) -> None:
        field = _CREATED.get(kind) if created is not None else None
        since = sized(field, timestamp(created or 0.0)) if field else b""
        self.in_value = len(since)
        """How much of it belongs to the message's value."""
        self.written = since + labels


def labels_in_message(labels: Labels) -> bytes:
    """Write labels as fields of a message."""
    return b"".join(sized(1, sized(1, name.encode()) + sized(2, value.encode())) for name, value in labels)


def writer(kind: str, samples: Sequence[tuple[str, Labels]], behind: Behind) -> Writer:
    """Return what writes a family's samples, of all owners that have as long texts behind them."""
    in_value, size = behind.in_value, len(behind.written)
    if kind == "histogram":
        return HistogramWriter([float(more[-1][1]) for suffix, more in samples if suffix == "_bucket"][:-1], in_value)
    more = [labels_in_message(more) for _, more in samples]
    if kind == "summary":
        return _SummaryWriter(more[::2], in_value)
    return (NumberWriter if len(more) == 1 else _NumbersWriter)(kind, more, in_value, size)


def _before(kind: str, value: int, in_value: int, behind: int) -> bytes:
    """Return what stands before a message's value of so many bytes, and of ``in_value`` more of those ``behind``."""
    head = _VALUES[kind] + varint(value + in_value)
    return _METRIC + varint(len(head) + value + behind) + head


class NumberWriter:
    """One gauge or counter for each owner."""

    __slots__ = ("_before", "_more")

    def __init__(self, kind: str, more: Sequence[bytes], in_value: int, behind: int) -> None:
        (self._more,) = more
        self._before = _before(kind, len(_NUMBER) + _DOUBLE_BYTES, in_value, behind + len(self._more)) + _NUMBER

    def write(self, values: Sequence[float], behind: bytes) -> bytes:
        """Return an owner's message."""
        return b"".join((self._before, double(*values), behind, self._more))


class _NumbersWriter:
    """Several of them, with further labels each."""

    __slots__ = ("_pack", "_parts")

    def __init__(self, kind: str, more: Sequence[bytes], in_value: int, behind: int) -> None:
        self._parts: list[bytes | float] = []
        layout = "<"
        for labels in more:
            before = _before(kind, len(_NUMBER) + _DOUBLE_BYTES, in_value, behind + len(labels)) + _NUMBER
            self._parts += (before, 0.0, b"", labels)
            layout += f"{len(before)}sd{behind}s{len(labels)}s"
        self._pack = struct.Struct(layout).pack

    def write(self, values: Sequence[float], behind: bytes) -> bytes:
        parts = self._parts.copy()
        parts[1::4] = values
        parts[2::4] = [behind] * len(values)
        return self._pack(*parts)


class _SummaryWriter:
    __slots__ = ("_in_value", "_more")

    def __init__(self, more: Sequence[bytes], in_value: int) -> None:
        self._more, self._in_value = more, in_value

    def write(self, values: Sequence[float], behind: bytes) -> bytes:
        pieces = list[bytes]()
        for more, total, count in zip(self._more, values[::2], values[1::2], strict=True):
            value = b"".join((_SUM, double(total), _COUNT, varint(int(count))))
            pieces += (_before("summary", len(value), self._in_value, len(behind) + len(more)), value, behind, more)
        return b"".join(pieces)


class HistogramWriter:
    """Histograms with these bounds."""

    __slots__ = ("_before", "_in_value", "_lanes", "_pack", "_size", "_static", "_upper_bounds")

    def __init__(self, bounds: Sequence[float], in_value: int) -> None:
        self._in_value, self._before = in_value, dict[tuple[int, int], bytes]()
        self._upper_bounds = [_UPPER_BOUND + double(bound) for bound in bounds]
        before, behind = len(_bucket(bytes(4), b"")) - 4, len(_UPPER_BOUND) + _DOUBLE_BYTES
        size = before + 4 + behind
        self._pack = struct.Struct("<" + f"{before}xI{behind}x" * len(bounds)).pack
        self._lanes = Lanes.of(len(bounds), size, before)
        static = b"".join(_bucket(bytes(4), bound) for bound in self._upper_bounds)
        self._size, self._static = len(static), int.from_bytes(static, "little")

    def write(self, values: Histogram, behind: bytes) -> bytes:
        """Return a histogram's message, with classic and native buckets."""
        *below, count = itertools.accumulate(values.counts)
        return self._message(below, count, values.total, values.native_fields(count), behind)

    def write_row(self, values: Sequence[float], behind: bytes) -> bytes:
        """Return the message of what ``Histogram.row`` returns, with classic buckets alone."""
        *below, count, total, _ = values
        return self._message(list(map(int, below)), int(count), total, (), behind)

    def _message(
        self, below: Sequence[int], count: int, total: float, native: tuple[bytes, ...], behind: bytes
    ) -> bytes:
        """Return the message of these cumulative counts and further fields.

        The last bucket has no bound, and the count of all: nobody writes it.
        """
        if count < LANE_LIMIT:
            counts = int.from_bytes(self._pack(*below), "little")
            buckets = (self._lanes.varints(counts) | self._static).to_bytes(self._size, "little")
        else:
            buckets = b"".join(map(_bucket, map(varint, below), self._upper_bounds))
        value = (_COUNT, varint(count), _SUM, double(total), buckets, *native)
        size, length = sum(map(len, value)), len(behind)
        if (size, length) not in self._before:
            self._before[size, length] = _before("histogram", size, self._in_value, length)
        return b"".join((self._before[size, length], *value, behind))


def _bucket(count: bytes, upper_bound: bytes) -> bytes:
    return sized(3, _CUMULATIVE_COUNT + count + upper_bound)


Writer = NumberWriter | _NumbersWriter | _SummaryWriter | HistogramWriter

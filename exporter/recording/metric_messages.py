"""Messages Metric: the numbers of one owner, or its histogram, with its labels.

What does not change stands before the numbers, and behind them: the date since when they count, and the labels. A
message stands behind its length, which is known beforehand but for what is written in as many bytes as it needs.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from exporter.recording.families import Labels
from exporter.recording.protobuf import (
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
_SUM_BYTES = len(_SUM) + _DOUBLE_BYTES


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


def message_before(kind: str, value: int, in_value: int, behind: int) -> bytes:
    """Return what stands before a message's value of so many bytes, and of ``in_value`` more of those ``behind``."""
    head = _VALUES[kind] + varint(value + in_value)
    return _METRIC + varint(len(head) + value + behind) + head


class NumberWriter:
    """One gauge or counter for each owner."""

    __slots__ = ("_before", "_more")

    def __init__(self, kind: str, more: Sequence[bytes], in_value: int, behind: int) -> None:
        (self._more,) = more
        self._before = message_before(kind, len(_NUMBER) + _DOUBLE_BYTES, in_value, behind + len(self._more)) + _NUMBER

    def write(self, values: Sequence[float], behind: bytes) -> bytes:
        """Return an owner's message."""
        return b"".join((self._before, double(*values), behind, self._more))


class NumbersWriter:
    """Several of them, with further labels each."""

    __slots__ = ("_pack", "_parts", "_zeros")

    def __init__(self, kind: str, more: Sequence[bytes], in_value: int, behind: int) -> None:
        self._parts, self._zeros = list[bytes | float](), [b""]
        layout = "<"
        for labels in more:
            before = message_before(kind, len(_NUMBER) + _DOUBLE_BYTES, in_value, behind + len(labels)) + _NUMBER
            self._parts += (before, 0.0, b"", labels)
            self._zeros[-1] += before + bytes(_DOUBLE_BYTES)
            self._zeros.append(labels)
            layout += f"{len(before)}sd{behind}s{len(labels)}s"
        self._pack = struct.Struct(layout).pack

    def write(self, values: Sequence[float], behind: bytes) -> bytes:
        """Return an owner's messages."""
        if not any(values):  # as failures nearly always are
            return behind.join(self._zeros)
        parts = self._parts.copy()
        parts[1::4] = values
        parts[2::4] = [behind] * len(values)
        return self._pack(*parts)


class SummaryWriter:
    """Sums and counts, with further labels each."""

    __slots__ = ("_before", "_in_value", "_more")

    def __init__(self, more: Sequence[bytes], in_value: int) -> None:
        self._more, self._in_value, self._before = more, in_value, dict[tuple[int, int], bytes]()

    def write(self, values: Sequence[float], behind: bytes) -> bytes:
        """Return an owner's messages."""
        known, length = self._before, len(behind)
        pieces: list[bytes] = []
        numbers = iter(values)
        for more, total, counted in zip(self._more, numbers, numbers):  # noqa: B905 - strict=True takes 0.1 µs
            count = varint(int(counted))
            size = len(count), length + len(more)
            if size not in known:
                known[size] = message_before("summary", _SUM_BYTES + len(_COUNT) + len(count), self._in_value, size[1])
            pieces += (known[size], _SUM, double(total), _COUNT, count, behind, more)
        return b"".join(pieces)

"""Protocol buffers' wire format, as far as messages of metrics need it (protobuf.dev/programming-guides/encoding).

A field is its key, which holds its number and how it is written, and its value. The order of fields does not matter.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Self

LANE_LIMIT = 1 << 28
"""``varints`` have room for what is below it."""
_NANOSECONDS = 10**9
_VARINT, _FIXED64, _BYTES = 0, 1, 2

double = struct.Struct("<d").pack
"""Write a number, behind the ``double_key`` of its field."""


def varint(number: int) -> bytes:
    """Write a number that is not negative, seven bits a byte."""
    if number < 1 << 7:
        return bytes((number,))
    if number < 1 << 14:
        return bytes((number & 0x7F | 0x80, number >> 7))
    return bytes((number & 0x7F | 0x80, number >> 7 & 0x7F | 0x80)) + varint(number >> 14)


def zigzag(number: int) -> bytes:
    """Write a number that may be negative: 0, -1, 1, -2 as 0, 1, 2, 3."""
    return varint(2 * number if number >= 0 else -2 * number - 1)


def number_key(field: int) -> bytes:
    """Return the key of a field that is written as ``varint`` or ``zigzag``."""
    return varint(field << 3 | _VARINT)


def double_key(field: int) -> bytes:
    """Return the key of a field that is written as ``double``."""
    return varint(field << 3 | _FIXED64)


def bytes_key(field: int) -> bytes:
    """Return the key of a text, a message or packed numbers, behind which their length is written."""
    return varint(field << 3 | _BYTES)


def sized(field: int, value: bytes) -> bytes:
    """Write a text, a message or packed numbers."""
    return bytes_key(field) + varint(len(value)) + value


def timestamp(seconds: float) -> bytes:
    """Write a time since the epoch as a google.protobuf.Timestamp; all have the same length."""
    whole, nanoseconds = divmod(round(seconds * _NANOSECONDS), _NANOSECONDS)
    return number_key(1) + _five_bytes(whole) + number_key(2) + _five_bytes(nanoseconds)


def _five_bytes(number: int) -> bytes:
    """Write a number below 2 ** 35 as a varint that may be longer than it has to be, by groups of bits that are 0."""
    *continued, last = (number >> 7 * group & 0x7F for group in range(5))
    return bytes([*(group | 0x80 for group in continued), last])


class _Lanes(NamedTuple):
    """Constants for many numbers in one large integer, four bytes each, that become varints all at once."""

    ones: int
    """1 in each lane."""
    evens: int
    """All bits of a lane but that one."""
    groups: tuple[int, int, int, int]
    """Which bits of a lane are the seven lowest, and the next ones."""
    continued: int
    """The bit of each byte but the last that says that another one follows."""

    @classmethod
    def of(cls, number: int) -> Self:
        ones = int.from_bytes(b"\1\0\0\0" * number, "little")
        first, second, third, fourth = (ones * (0x7F << 7 * group) for group in range(4))
        return cls(ones, ones * 0xFFFFFFFE, (first, second, third, fourth), ones * 0x808080)


def varints(numbers: Sequence[int]) -> bytes:
    """Write numbers below ``LANE_LIMIT``, in four bytes each; what follows them is to be ignored.

    A varint may be longer than it has to be, by groups of seven bits that are 0. One by one they would take longer than
    all else of a page.
    """
    lanes = _lanes(len(numbers).bit_length())
    return _written(lanes, int.from_bytes(array("I", numbers), "little"))


def difference_varints(numbers: Sequence[int]) -> bytes:
    """Write likewise how much each number is above the one before it, by ``zigzag``; they are below half the limit."""
    lanes = _lanes(len(numbers).bit_length())
    values = int.from_bytes(array("I", numbers), "little")
    tops = lanes.ones << 31
    differences = ((values | tops) - (values << 32 & (tops << 1) - lanes.ones)) ^ tops  # as two's complements
    return _written(lanes, (differences << 1 & lanes.evens) ^ (differences >> 31 & lanes.ones) * 0xFFFFFFFF)


@lru_cache(16)
def _lanes(bits: int) -> _Lanes:
    """Return lanes for less than ``2 ** bits`` numbers: so few sizes of them are kept."""
    return _Lanes.of(1 << bits)


def _written(lanes: _Lanes, numbers: int) -> bytes:
    first, second, third, fourth = lanes.groups
    written = numbers & first | (numbers & second) << 1 | (numbers & third) << 2 | (numbers & fourth) << 3
    return (written | lanes.continued).to_bytes((lanes.continued.bit_length() + 15) // 8, "little")

"""Protocol buffers' wire format, as far as messages of metrics need it (protobuf.dev/programming-guides/encoding).

A field is its key, which holds its number and how it is written, and its value. The order of fields does not matter.
"""

from __future__ import annotations

import struct
from typing import NamedTuple, Self

LANE_LIMIT = 1 << 28
"""``Lanes`` have room for what is below it."""
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
    """Write a time since the epoch as a google.protobuf.Timestamp."""
    whole, nanoseconds = divmod(round(seconds * _NANOSECONDS), _NANOSECONDS)
    return number_key(1) + varint(whole) + number_key(2) + varint(nanoseconds)


class Lanes(NamedTuple):
    """Many numbers in one large integer, four bytes each, that become varints all at once.

    A varint may be longer than it has to be, by groups of seven bits that are 0; all of these have four bytes. One by
    one they would take longer than all else of a page.
    """

    ones: int
    """1 in each lane."""
    evens: int
    """All bits of a lane but that one."""
    groups: tuple[int, int, int, int]
    """Which bits of a lane are the seven lowest, and the next ones."""
    continued: int
    """The bit of each byte but the last that says that another one follows."""

    @classmethod
    def of(cls, number: int, size: int = 4, offset: int = 0) -> Self:
        """Return so many lanes, in fields of this size, each from this byte of its field on."""
        ones = int.from_bytes((bytes(offset) + b"\1").ljust(size, b"\0") * number, "little")
        first, second, third, fourth = (ones * (0x7F << 7 * group) for group in range(4))
        return cls(ones, ones * 0xFFFFFFFE, (first, second, third, fourth), ones * 0x808080)

    def varints(self, numbers: int) -> int:
        """Return the varints of numbers below ``LANE_LIMIT``."""
        first, second, third, fourth = self.groups
        return (
            numbers & first | (numbers & second) << 1 | (numbers & third) << 2 | (numbers & fourth) << 3
        ) | self.continued

    def differences(self, numbers: int) -> int:
        """Return how much each number is above the one before it, as two's complements; they are below 2 ** 31."""
        tops = self.ones << 31
        return ((numbers | tops) - (numbers << 32 & (tops << 1) - self.ones)) ^ tops

    def zigzags(self, numbers: int) -> int:
        """Return what is written for numbers that may be negative, and stand here as two's complements."""
        return (numbers << 1 & self.evens) ^ (numbers >> 31 & self.ones) * 0xFFFFFFFF

"""What goes and comes beside a packet, as bytes: cmsg(3).

    struct cmsghdr  { len, level, type }, its data, up to the next multiple of a long

``struct``'s native sizes and padding are the C compiler's.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_HEADER = struct.Struct("@Nii")
_LONG = struct.calcsize("@l")


def packed(level: int, kind: int, data: bytes) -> bytes:
    """Return one piece of ancillary data."""
    written = _HEADER.pack(_HEADER.size + len(data), level, kind) + data
    return written + bytes(-len(written) % _LONG)


def pieces(control: bytes | bytearray) -> Iterator[tuple[int, int, bytes | bytearray]]:
    """Return the pieces of a message's ancillary data: level, type, data."""
    at = 0
    while at + _HEADER.size <= len(control):
        length, level, kind = _HEADER.unpack_from(control, at)
        yield level, kind, control[at + _HEADER.size : at + length]
        at += max(length + -length % _LONG, _HEADER.size)

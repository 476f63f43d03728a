"""Many datagrams by one system call: sendmmsg(2) and recvmmsg(2), which Python's ``socket`` does not have.

Three of four system calls of an echo are receipts (two transmit stamps and the reply), and each costs Python more
in objects than the kernel in work. Here a batch's headers, addresses and ancillary data lie in one block of
memory whose pointers are written once; what came is read out of it by ``struct``.

    struct mmsghdr  { struct msghdr { name, namelen, iov, iovlen, control, controllen, flags }, len }

Sources: recvmmsg(2); include/linux/socket.h. ``struct``'s native sizes and padding are the C compiler's.
"""

from __future__ import annotations

import ctypes
import errno
import itertools
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any

BATCH = 64
"""Datagrams of one call."""
_NAME_ROOM = 32
"""For struct sockaddr_in6 (28 bytes), aligned."""
CONTROL_ROOM = 192
"""For a stamp and an ICMPv6 error with its sender (136 bytes), and some more."""
_HEADER = struct.Struct("@PIPNPNi0PI0P")
_CONTROL_LENGTH = struct.calcsize("@PIPNP")
_LENGTHS = [struct.Struct("@" + f"{struct.calcsize('@PIPNPNi0P')}xI0P" * count) for count in range(BATCH + 1)]
"""The datagrams' lengths, by how many headers have one."""
_VECTOR = struct.Struct("@PN")

_ZEROS = bytes(BATCH * CONTROL_ROOM)

_libc = ctypes.CDLL(None, use_errno=True)
_sendmmsg, _recvmmsg = _libc.sendmmsg, _libc.recvmmsg
_sendmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
_recvmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)


Datagram = tuple[tuple[Any, ...], int, int, int, int]
"""One that was received: its ancillary data as its inbox's shape reads it; where in the inbox's memory that, the
sender's address and the datagram lie; and the datagram's length."""


class _Block:
    """Memory for a batch: headers, ancillary data, vectors, names and datagrams, each of them BATCH times."""

    def __init__(self, name_bytes: int, room: int) -> None:
        sizes = (_HEADER.size, CONTROL_ROOM, _VECTOR.size, _NAME_ROOM, room)
        headers, controls, vectors, names, data, end = itertools.accumulate((BATCH * size for size in sizes), initial=0)
        self.memory = bytearray(end)
        self.address = ctypes.addressof((ctypes.c_char * end).from_buffer(self.memory))
        self.controls = range(controls, vectors, CONTROL_ROOM)
        self.names = range(names, data, _NAME_ROOM)
        self.data = range(data, end, room)
        """Where each of them is in ``memory``."""
        for n, vector in enumerate(range(vectors, names, _VECTOR.size)):
            _VECTOR.pack_into(self.memory, vector, self.address + self.data[n], room)
            name, control = self.address + self.names[n], self.address + self.controls[n]
            header = (name, name_bytes, self.address + vector, 1, control, CONTROL_ROOM, 0, 0)
            _HEADER.pack_into(self.memory, headers + n * _HEADER.size, *header)
        self.headers = bytes(self.memory[headers:controls])
        """The headers as they are before the kernel writes to them."""


class Outbox:
    """Sends datagrams of one length to addresses of one family, whose struct sockaddr has ``name_bytes``.

    ``control`` is the ancillary data of each, ``first`` that of the first of a batch.
    """

    def __init__(self, sock: socket.socket, name_bytes: int, length: int, control: bytes, first: bytes) -> None:
        self.descriptor = sock.fileno()
        """Of the socket that sends; it can be replaced."""
        self._block = block = _Block(name_bytes, length)
        for n, at in enumerate(block.controls):
            own = control if n else first
            block.memory[at : at + len(own)] = own
            struct.pack_into("@N", block.memory, n * _HEADER.size + _CONTROL_LENGTH, len(own))

    def send(self, datagrams: Sequence[bytes], names: Sequence[bytes], skip: int = 0) -> int:
        """Send a batch from its ``skip``-th datagram on; return how many went, at least one.

        OSError is about the first that was to be sent.
        """
        block = self._block
        if not skip:
            for places, packed in ((block.names, b"".join(names)), (block.data, b"".join(datagrams))):
                block.memory[places.start : places.start + len(packed)] = packed
        first = block.address + skip * _HEADER.size
        sent: int = _sendmmsg(self.descriptor, first, len(datagrams) - skip, 0)
        if sent < 0:
            _raise()
        return sent


class Inbox:
    """Receives datagrams of up to ``room`` bytes into ``memory``; of a longer one the beginning.

    ``shape`` says how their ancillary data is read, in the layout that nearly all of it has; ``flags`` are
    those of recvmsg(2).
    """

    def __init__(self, sock: socket.socket, room: int, shape: str, flags: int = 0) -> None:
        self.room = room
        self.descriptor, self._flags = sock.fileno(), flags | int(socket.MSG_DONTWAIT)
        """Of the socket that is read; it can be replaced."""
        self._block = block = _Block(_NAME_ROOM, room)
        self._used = 0
        self._shape = struct.Struct(f"{shape}{CONTROL_ROOM - struct.calcsize(shape)}x")
        self._controls = memoryview(block.memory)[block.controls.start : block.controls.stop]
        self.memory = block.memory

    def receive(self) -> list[Datagram]:
        """Return what is there, up to a batch, or an empty list; it lies in ``memory`` until the next call.

        OSError is as recvmsg(2) has it.
        """
        block = self._block
        self._renew()
        count: int = _recvmmsg(self.descriptor, block.address, BATCH, self._flags, None)
        if count >= 0:
            self._used = count
            read = self._shape.iter_unpack(self._controls[: count * CONTROL_ROOM])
            lengths = _LENGTHS[count].unpack_from(self.memory)
            return list(zip(read, block.controls, block.names, block.data, lengths, strict=False))
        if ctypes.get_errno() != errno.EAGAIN:
            _raise()
        return []

    def _renew(self) -> None:
        """Undo what the kernel wrote before, so that no message bears what its predecessor had beside it."""
        if self._used:
            headers, controls = self._used * _HEADER.size, self._used * CONTROL_ROOM
            start = self._block.controls.start
            self.memory[:headers] = self._block.headers[:headers]
            self.memory[start : start + controls] = _ZEROS[:controls]
            self._used = 0


def name_of(ip_family: int, address: str, scope: int = 0) -> bytes:
    """Return struct sockaddr_in or sockaddr_in6 of a literal address, without a port, filled up with zeros."""
    packed = socket.inet_pton(ip_family, address)
    if ip_family == socket.AF_INET:
        return struct.pack("@H2x4s", ip_family, packed).ljust(_NAME_ROOM, b"\0")
    return struct.pack("@H2x4x16sI", ip_family, packed, scope).ljust(_NAME_ROOM, b"\0")


def _raise() -> None:
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number))

"""Messages of PostgreSQL and MySQL as a server writes them, and servers that say what a test has them say."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

Talk = Callable[[socket.socket], object]


def pg(kind: bytes, body: bytes = b"", length: int | None = None) -> bytes:
    return kind + struct.pack("!i", len(body) + 4 if length is None else length) + body


def my(payload: bytes, sequence: int = 0, length: int | None = None) -> bytes:
    return struct.pack("<I", (len(payload) if length is None else length) | sequence << 24) + payload


def greeting(plugin: bytes = b"mysql_native_password", capabilities: int = 0xFFFFF7FF) -> bytes:
    low, high = struct.pack("<H", capabilities & 0xFFFF), struct.pack("<H", capabilities >> 16)
    nonce = b"12345678", b"123456789012\0"
    return my(
        b"\x0a8.0.0\0"
        + struct.pack("<I", 7)
        + nonce[0]
        + b"\0"
        + low
        + b"\x2d\x02\0"
        + high
        + b"\x15"
        + bytes(10)
        + nonce[1]
        + plugin
        + b"\0"
    )


def asks_for_tls(packet: bytes) -> bool:
    """By its capabilities; what follows it may have come with it."""
    return bool(struct.unpack_from("<I", packet, 4)[0] & 1 << 11)


def says(*pieces: bytes, first: bytes = b"", endless: bytes = b"") -> Talk:
    """Speaks first, if it has something to say; then says each piece after something was heard, and then goes on."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(first)
        for piece in pieces:
            heard.append(connection.recv(65536))
            connection.sendall(piece)
        while endless:
            connection.sendall(endless)
        while data := connection.recv(65536):
            heard.append(data)

    heard: list[bytes] = []
    talk.heard = heard  # type: ignore[attr-defined]  # for the test to look at
    return talk


OK_NO_PASSWORD, READY = pg(b"R", struct.pack("!i", 0)), pg(b"Z", b"I")
SASL = pg(b"R", struct.pack("!i", 10) + b"SCRAM-SHA-256\0\0")
MY_OK = my(b"\0\0\0\2\0\0\0", 2)

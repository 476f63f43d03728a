"""MySQL's packets as bytes: the greeting, the answer to it, and how a password is proved ("Client/Server Protocol")."""

from __future__ import annotations

import hashlib
import struct
from typing import NamedTuple

from collectors.contract import ProbeFailed
from collectors.sql.dialogue import readable
from collectors.terms import Reason

LONG_PASSWORD, LONG_FLAG, WITH_DB, PROTOCOL_41 = 1, 4, 8, 1 << 9
TLS, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH = 1 << 11, 1 << 13, 1 << 15, 1 << 19
CAPABILITIES = LONG_PASSWORD | LONG_FLAG | PROTOCOL_41 | TRANSACTIONS | SECURE_CONNECTION | PLUGIN_AUTH
OK, EOF, ERROR = 0x00, 0xFE, 0xFF
"""How a packet of a server begins: its kind."""
NATIVE, SHA2 = "mysql_native_password", "caching_sha2_password"
SPOKEN = (NATIVE, SHA2)
OLD = "mysql_old_password"
"""Of MySQL 4.0; a server may ask for it without its name."""
NONCE = 20
EMPTY_PASSWORD = b"\0"
"""As a method expects it that takes the password itself; it is none of a server's users that has one."""
_UTF8MB4 = 45
_LARGEST_PACKET = 1 << 24
_VERSION_10 = 10
_ED25519 = 64
"""Bytes of a signature."""


class Greeting(NamedTuple):
    """A server's first packet: its version, the session's number, its capabilities, the nonce, and its method."""

    version: str
    thread: int
    offers: int
    nonce: bytes
    plugin: str


def read_greeting(packet: bytes) -> Greeting:
    """Understand the first packet; ProbeFailed(PROTOCOL)."""
    version, end, rest = packet[1:].partition(b"\0")
    if packet[:1] != bytes([_VERSION_10]) or not end or len(rest) < 44:  # noqa: PLR2004 - the fixed part below
        raise ProbeFailed(Reason.PROTOCOL, "this is not MySQL's greeting")
    (thread,) = struct.unpack_from("<I", rest)
    low, high = struct.unpack_from("<H", rest, 13)[0], struct.unpack_from("<H", rest, 18)[0]
    plugin = rest[44:].partition(b"\0")[0].decode("ascii", "replace") or NATIVE
    return Greeting(readable(version), thread, low | high << 16, (rest[4:12] + rest[31:43])[:NONCE], plugin)


def beginning(capabilities: int) -> bytes:
    """Return how each answer to the greeting begins; with ``TLS`` that is all of it until TLS has begun."""
    return struct.pack("<IIB23x", capabilities, _LARGEST_PACKET, _UTF8MB4)


def response(capabilities: int, user: bytes, proof: bytes, dbname: bytes, plugin: str) -> bytes:
    """Return the answer to the greeting."""
    named = dbname + b"\0" if capabilities & WITH_DB else b""
    return beginning(capabilities) + user + b"\0" + bytes([len(proof)]) + proof + named + plugin.encode() + b"\0"


def anonymous_login(capabilities: int) -> bytes:
    """Return the answer of a user without a name and a password."""
    return response(capabilities, b"", b"", b"", NATIVE)


def wrong_answer(plugin: str) -> bytes:
    """Return a wrong answer to a method, of a shape that it expects: another one would count as breaking off."""
    return {"client_ed25519": bytes(_ED25519), NATIVE: b"", OLD: b"", "": b""}.get(plugin, EMPTY_PASSWORD)


def native_proof(password: bytes, nonce: bytes) -> bytes:
    """Return SHA1(password) XOR SHA1(nonce + SHA1(SHA1(password))); nothing for no password."""
    if not password:
        return b""
    once = hashlib.sha1(password).digest()  # noqa: S324 - the protocol's
    mask = hashlib.sha1(nonce + hashlib.sha1(once).digest()).digest()  # noqa: S324 - likewise
    return bytes(one ^ other for one, other in zip(once, mask, strict=True))


def sha2_proof(password: bytes, nonce: bytes) -> bytes:
    """Return SHA256(password) XOR SHA256(SHA256(SHA256(password)) + nonce); nothing for no password."""
    if not password:
        return b""
    once = hashlib.sha256(password).digest()
    mask = hashlib.sha256(hashlib.sha256(once).digest() + nonce).digest()
    return bytes(one ^ other for one, other in zip(once, mask, strict=True))

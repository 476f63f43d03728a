"""ICMP echo as bytes, without sockets: RFC 792 and RFC 4443, section 4.

     0               1               2               3
    +---------------+---------------+-------------------------------+
    |  type 8/128   |    code 0     |           checksum            |
    +---------------+---------------+-------------------------------+
    |           identifier          |           sequence            |
    +-------------------------------+-------------------------------+
    |  zeros ...                                                    |
    +---------------------------------------------------------------+
    |  token: 6 random bytes, then the sequence once more           |
    +---------------------------------------------------------------+

The token is what a forger has to guess. It stands at the end because the kernel hands a transmit
stamp with the packet as it left, which may begin with a link header; it ends with the sequence so
that one lookup finds the probe. An Internet checksum is the remainder of all
words by 65,535, and so of the numbers that they make up (RFC 1071, 2): all else being zero, four additions.
"""

from __future__ import annotations

import functools
import struct

from collectors.terms import IpFamily

HEADER_BYTES = 8
TOKEN_BYTES = 8
RANDOM_BYTES = TOKEN_BYTES - 2
_REQUEST = {IpFamily.IPV4: 8, IpFamily.IPV6: 128}
_REPLY = {IpFamily.IPV4: bytes([0, 0]), IpFamily.IPV6: bytes([129, 0])}
_HEADER = struct.Struct("!BBHHH")
_ALL_ONES = 0xFFFF


class RequestLayout:
    """Echo requests of one family and one payload size (in bytes, at least TOKEN_BYTES)."""

    def __init__(self, ip_family: IpFamily, payload_bytes: int) -> None:
        self._pack = struct.Struct(f"!BBHHH{payload_bytes - TOKEN_BYTES}x{TOKEN_BYTES}s").pack
        self._token_weight = 1 << 8 if payload_bytes % 2 else 1  # it starts in the middle of a word
        self._kind = _REQUEST[ip_family]

    def request(self, identifier: int, token: bytes) -> bytes:
        """Return the echo request that carries this token and the sequence at its end."""
        sequence = token[-2] << 8 | token[-1]
        total = (self._kind << 8) + identifier + sequence + int.from_bytes(token, "big") * self._token_weight
        checksum = _ALL_ONES - (total % _ALL_ONES or _ALL_ONES)
        return self._pack(self._kind, 0, checksum, identifier, sequence, token)


class Judge:
    """Knows the replies to requests of one family; ``summed``: the kernel has verified their checksums.

    It has, but for ICMPv4 on a raw socket (RFC 4443, 2.3; icmp_rcv(), net/ipv4/icmp.c).
    """

    def __init__(self, ip_family: IpFamily, *, summed: bool) -> None:
        self._kind, self._summed = _REPLY[ip_family], summed

    def answers(self, memory: bytes | bytearray, start: int, end: int, request: bytes) -> bool:
        """Return whether the packet from ``start`` to ``end`` is, byte for byte, the reply to a request."""
        return (
            end - start == len(request)
            and memory.startswith(request[4:], start + 4)
            and memory.startswith(self._kind, start)
            and (self._summed or _checksum(memory[start:end]) == 0)
        )


def _checksum(packet: bytes | bytearray) -> int:
    """Return the Internet checksum over a packet that bears one: 0 if it is right (RFC 1071, 1)."""
    words = packet + bytes(len(packet) % 2)
    return -int.from_bytes(words, "big") % _ALL_ONES


@functools.cache
def layout(ip_family: IpFamily, payload_bytes: int) -> RequestLayout:
    """Return the one layout of a family and a payload size."""
    return RequestLayout(ip_family, payload_bytes)


def token(random: bytes, sequence: int) -> bytes:
    """Return the token of a sequence number, from RANDOM_BYTES that nobody can guess."""
    return random + sequence.to_bytes(2, "big")


def sequence_of(header: bytes | bytearray) -> int | None:
    """Return the sequence of an echo of which at least the header is there: an ICMP error may quote less (None)."""
    if len(header) < HEADER_BYTES:
        return None
    sequence: int = _HEADER.unpack_from(header)[-1]
    return sequence

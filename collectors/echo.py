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
that one look-up finds the probe. All else being zero, a checksum is the sum of a few words.
"""

from __future__ import annotations

import functools
import struct

from collectors.contract import IpFamily

HEADER_BYTES = 8
TOKEN_BYTES = 8
RANDOM_BYTES = TOKEN_BYTES - 2
_REQUEST = {IpFamily.IPV4: 8, IpFamily.IPV6: 128}
_REPLY = {IpFamily.IPV4: 0, IpFamily.IPV6: 129}
_HEADER = struct.Struct("!BBHHH")
_WORDS = struct.Struct("!4H")


class Layout:
    """Echo packets of one family and one payload size (in bytes, at least TOKEN_BYTES)."""

    def __init__(self, ip_family: IpFamily, payload_bytes: int) -> None:
        self._pack = struct.Struct(f"!BBHHH{payload_bytes - TOKEN_BYTES}x{TOKEN_BYTES}s").pack
        self._odd = payload_bytes % 2
        self._request, self._reply = _REQUEST[ip_family], _REPLY[ip_family]
        self._kernel_sums = ip_family is IpFamily.IPV6

    def request(self, identifier: int, token: bytes) -> bytes:
        """Return the echo request that carries this token and the sequence at its end."""
        return self._packet(self._request, identifier, token)

    def answers(self, packet: bytes, identifier: int, token: bytes) -> bool:
        """Tell whether a packet is, byte for byte, the reply to ``request(identifier, token)``.

        ICMPv6's checksum covers the addresses too and was verified by the kernel (RFC 4443, section
        2.3); ICMPv4's was not if the socket is a raw one. It has two ways to write zero (RFC 1624).
        """
        expected = self._packet(self._reply, identifier, token)
        if packet == expected:
            return True
        if packet[:2] != expected[:2] or packet[4:] != expected[4:]:
            return False
        return self._kernel_sums or {packet[2:4], expected[2:4]} == {b"\x00\x00", b"\xff\xff"}

    def _packet(self, kind: int, identifier: int, token: bytes) -> bytes:
        sequence = sequence_of(token)
        token_sum = _fold(sum(_WORDS.unpack(token)))
        if self._odd:  # a sum of words that start one byte later is the same sum with its bytes swapped (RFC 1071)
            token_sum = (token_sum >> 8) | (token_sum & 0xFF) << 8
        checksum = _fold((kind << 8) + identifier + sequence + token_sum) ^ 0xFFFF
        return self._pack(kind, 0, checksum, identifier, sequence, token)


@functools.cache
def layout(ip_family: IpFamily, payload_bytes: int) -> Layout:
    """Return the one Layout of a family and a payload size."""
    return Layout(ip_family, payload_bytes)


def token(random: bytes, sequence: int) -> bytes:
    """Return the token of a sequence number, from RANDOM_BYTES that nobody can guess."""
    return random + sequence.to_bytes(2, "big")


def token_of(packet: bytes) -> bytes:
    """Return the token of a packet of ours, or of a reply to one, whatever headers stand before it."""
    return packet[-TOKEN_BYTES:]


def sequence_of(packet_or_token: bytes) -> int:
    """Return the sequence with which a token, and so a packet of ours, ends."""
    return int.from_bytes(packet_or_token[-2:], "big")


def quoted(header: bytes) -> tuple[int, int] | None:
    """Return identifier and sequence from what an ICMP error quotes: at least eight bytes, seldom more."""
    if len(header) < HEADER_BYTES:
        return None
    _, _, _, identifier, sequence = _HEADER.unpack_from(header)
    return identifier, sequence


def _fold(total: int) -> int:
    total = (total & 0xFFFF) + (total >> 16)
    return (total & 0xFFFF) + (total >> 16)

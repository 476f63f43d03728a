"""IP packets as bytes: what kind of packet this is, and what its headers say.

No socket and no clock. ``key_of`` is for the delay box, which must not lose time on a packet;
``parse`` is for people and assertions. IPv6 extension headers are not followed (none occur in the
lab, except fragments, which are told as such).
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

ICMP, TCP, UDP, FRAGMENT, ICMP6 = 1, 6, 17, 44, 58
_PROTOCOLS = {ICMP: "icmp", TCP: "tcp", UDP: "udp", FRAGMENT: "fragment", ICMP6: "icmp6"}
_ECHO = {(ICMP, 8): "echo-request", (ICMP, 0): "echo-reply", (ICMP6, 128): "echo-request", (ICMP6, 129): "echo-reply"}
_FLAGS = (("SYN", 2), ("FIN", 1), ("RST", 4), ("PSH", 8), ("ACK", 16), ("URG", 32), ("ECE", 64), ("CWR", 128))
_TCP_FLAGS_AT = 13
"""Offset of the flags in a TCP header (RFC 9293, 3.1)."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Which packets are counted together: ``kind`` is ``icmp echo-request``, ``tcp SYN+ACK``, ``udp``..."""

    src: str
    dst: str
    kind: str


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet as seen at one place; what its protocol does not have is None."""

    time: float
    """Seconds since the epoch (a float holds them to a quarter of a microsecond)."""
    direction: str
    """``out`` or ``in``, from the point of view of the host that it was seen at."""
    interface: str
    src: str
    dst: str
    kind: str
    length: int
    """Of the IP packet, in bytes; above the MTU where the kernel segments later."""
    hop_limit: int
    icmp_type: int | None = None
    icmp_code: int | None = None
    identifier: int | None = None
    sequence: int | None = None
    """Of an ICMP echo."""
    source_port: int | None = None
    destination_port: int | None = None
    tcp_sequence: int | None = None
    tcp_acknowledgement: int | None = None
    payload_length: int = 0
    """Bytes behind the ICMP, TCP or UDP header."""


def key_of(data: bytes) -> bytes:
    """Return the flow of a packet, undecoded, in a microsecond: version, protocol, type or flags, addresses."""
    protocol, start = _payload(data)
    at = start + (_TCP_FLAGS_AT if protocol == TCP else 0)
    detail = data[at] if protocol in (ICMP, TCP, ICMP6) and at < len(data) else 0
    addresses = data[12:20] if data[0] >> 4 == 4 else data[8:40]
    return bytes((data[0] >> 4, protocol, detail)) + addresses


def flow_of(key: bytes) -> Flow:
    """Decode what ``key_of`` made."""
    half = 3 + (len(key) - 3) // 2
    return Flow(_text(key[3:half]), _text(key[half:]), _kind(key[1], key[2]))


def is_multicast(data: bytes) -> bool:
    """Tell whether a packet is neighbour discovery or group membership, which the kernel sends by itself."""
    return data[16] & 0xF0 == 0xE0 if data[0] >> 4 == 4 else data[24] == 0xFF


def is_ip(data: bytes) -> bool:
    """Tell whether there is at least a whole IP header."""
    return (len(data) >= 20 and data[0] >> 4 == 4) or (len(data) >= 40 and data[0] >> 4 == 6)


def parse(data: bytes, time: float, direction: str, interface: str) -> Packet | None:
    """Read an IP packet, of which only the beginning need be there; None if it is no IP packet."""
    if not is_ip(data):
        return None
    flow = flow_of(key_of(data))
    version4 = data[0] >> 4 == 4
    length = struct.unpack_from("!H", data, 2)[0] if version4 else 40 + struct.unpack_from("!H", data, 4)[0]
    hop_limit = data[8] if version4 else data[7]
    try:
        inner = _inner(data, length)
    except (struct.error, IndexError):
        inner = {}
    return Packet(time, direction, interface, flow.src, flow.dst, flow.kind, length, hop_limit, **inner)


def _payload(data: bytes) -> tuple[int, int]:
    """Return protocol and offset of what the IP header carries; a later fragment carries no header."""
    if data[0] >> 4 == 6:
        return data[6], 40
    later_fragment = (data[6] & 0x1F) << 8 | data[7]
    return (FRAGMENT if later_fragment else data[9]), (data[0] & 15) * 4


def _inner(data: bytes, length: int) -> dict[str, int]:
    """Return the fields of the ICMP, TCP or UDP header."""
    protocol, start = _payload(data)
    if protocol in (ICMP, ICMP6):
        kind, code, _, identifier, sequence = struct.unpack_from("!BBHHH", data, start)
        fields = {"icmp_type": kind, "icmp_code": code, "payload_length": length - start - 8}
        return fields | ({"identifier": identifier, "sequence": sequence} if (protocol, kind) in _ECHO else {})
    if protocol == UDP:
        source, destination = struct.unpack_from("!HH", data, start)
        return {"source_port": source, "destination_port": destination, "payload_length": length - start - 8}
    if protocol != TCP:
        return {}
    source, destination, sequence, acknowledgement, offset = struct.unpack_from("!HHIIB", data, start)
    return {
        "source_port": source,
        "destination_port": destination,
        "tcp_sequence": sequence,
        "tcp_acknowledgement": acknowledgement,
        "payload_length": length - start - (offset >> 4) * 4,
    }


def _kind(protocol: int, detail: int) -> str:
    name = _PROTOCOLS.get(protocol, f"protocol-{protocol}")
    if protocol in (ICMP, ICMP6):
        return f"{name} {_ECHO.get((protocol, detail), f'type-{detail}')}"
    if protocol == TCP:
        return f"{name} {'+'.join(flag for flag, bit in _FLAGS if detail & bit) or 'none'}"
    return name


def _text(address: bytes) -> str:
    return str(ipaddress.ip_address(address))

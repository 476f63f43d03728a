"""The one ICMP socket of a family: datagram where the kernel allows it, raw where we may, else none.

A datagram (ping) socket needs our group in ``net.ipv4.ping_group_range`` (icmp(7)); a raw one needs
CAP_NET_RAW (raw(7)). The kernel gives a ping socket its identifier and only the replies to it (of two that
choose the same one by hand, the second takes the other's replies, so it is the kernel that chooses). A raw
socket sees every ICMP packet of the host, so the kernel is told to pass on ours alone: by type
(ICMP_FILTER, RFC 3542's ICMP6_FILTER), then by identifier (a classic BPF program, bpf(2)).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
from typing import Literal, NamedTuple

from collectors import kernel
from collectors.contract import IpFamily

Kind = Literal["datagram", "raw", "none"]

_RECEIVE_BUFFER = 8 << 20
"""Bytes. Replies and transmit stamps share it; 208 KiB, the default, lost 87 % of 1,000 undrained replies."""
_SEND_BUFFER = 4 << 20
_SOL_RAW, _ICMP_FILTER = 255, 1
_ICMP6_FILTER = 1
_SO_ATTACH_FILTER = 26
_IP_TTL, _IP_RECVTTL = 2, 12


class _Family(NamedTuple):
    """The numbers in which the two families differ."""

    af: socket.AddressFamily
    protocol: int
    level: int
    report_errors: int
    report_hop_limit: int
    hop_limit: bytes
    """Level and type of the ancillary data, as bytes."""
    report: str
    error: bytes
    """How a transmit stamp is read (``kernel``), and level and type of what says that it is one."""
    traffic_class: int
    any_address: str
    name_bytes: int
    """Of its struct sockaddr."""
    host_at: int
    """Where in that the address begins."""


FAMILIES = {
    IpFamily.IPV4: _Family(
        socket.AF_INET,
        socket.IPPROTO_ICMP,
        socket.IPPROTO_IP,
        kernel.IP_RECVERR,
        _IP_RECVTTL,
        struct.pack("@ii", socket.IPPROTO_IP, _IP_TTL),
        kernel.IP_REPORT,
        kernel.IP_ERROR,
        socket.IP_TOS,
        "0.0.0.0",  # noqa: S104 - to be given an identifier, not to listen
        16,
        4,
    ),
    IpFamily.IPV6: _Family(
        socket.AF_INET6,
        socket.IPPROTO_ICMPV6,
        socket.IPPROTO_IPV6,
        kernel.IPV6_RECVERR,
        socket.IPV6_RECVHOPLIMIT,
        struct.pack("@ii", socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT),
        kernel.IPV6_REPORT,
        kernel.IPV6_ERROR,
        socket.IPV6_TCLASS,
        "::",
        28,
        8,
    ),
}


class EchoSocket(NamedTuple):
    """An open socket, the identifier its requests bear, and what stands before the ICMP header of what it receives."""

    sock: socket.socket
    kind: Kind
    identifier: int
    with_ip_header: bool


def open_socket(ip_family: IpFamily, source_address: str | None = None) -> EchoSocket | None:
    """Open the best socket we are allowed, stamping packets and reporting errors; None without permission.

    OSError if ``source_address`` is none of this host's. It is bound to, because ICMPv6 ping sockets
    ignore the source that goes with a packet (IPV6_PKTINFO; net/ipv6/ping.c, seen on 6.18).
    """
    numbers = FAMILIES[ip_family]
    kinds: tuple[tuple[Kind, socket.SocketKind], ...] = (("datagram", socket.SOCK_DGRAM), ("raw", socket.SOCK_RAW))
    for kind, socket_type in kinds:
        try:
            sock = socket.socket(numbers.af, socket_type | socket.SOCK_NONBLOCK, numbers.protocol)
        except OSError:  # EACCES or EPERM; EAFNOSUPPORT and EPROTONOSUPPORT on a host without IPv6
            continue
        with contextlib.ExitStack() as opened:
            opened.callback(sock.close)
            sock.bind((source_address or numbers.any_address, 0))
            identifier = int(sock.getsockname()[1]) if kind == "datagram" else _identify_raw(sock, ip_family)
            _prepare(sock, numbers)
            opened.pop_all()
        return EchoSocket(sock, kind, identifier, with_ip_header=kind == "raw" and ip_family is IpFamily.IPV4)
    return None


def _prepare(sock: socket.socket, numbers: _Family) -> None:
    kernel.enlarge_receive_buffer(sock, _RECEIVE_BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    sock.setsockopt(numbers.level, numbers.report_errors, 1)
    sock.setsockopt(numbers.level, numbers.report_hop_limit, 1)
    kernel.stamp_packets(sock, kernel.WITH_PACKET)


def _identify_raw(sock: socket.socket, ip_family: IpFamily) -> int:
    identifier = int.from_bytes(os.urandom(2), "big")
    if ip_family is IpFamily.IPV4:
        sock.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("@I", ~(1 << 0) & 0xFFFFFFFF))  # a set bit blocks a type
        header = [(0xB1, 0, 0, 0), (0x48, 0, 0, 4)]  # ldxb 4*([0]&0xf); ldh [x+4]: past the IP header
    else:
        blocked = [0xFFFFFFFF] * 8
        blocked[129 // 32] &= ~(1 << 129 % 32)
        sock.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("@8I", *blocked))
        header = [(0x28, 0, 0, 4)]  # ldh [4]
    _attach_filter(sock, [*header, (0x15, 0, 1, identifier), (0x06, 0, 0, 0xFFFFFFFF), (0x06, 0, 0, 0)])
    return identifier


def _attach_filter(sock: socket.socket, program: list[tuple[int, int, int, int]]) -> None:
    """Attach instructions of (code, jump if true, jump if false, operand), as struct sock_filter has them."""
    instructions = b"".join(struct.pack("@HBBI", *instruction) for instruction in program)
    memory = ctypes.create_string_buffer(instructions)
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(memory)))

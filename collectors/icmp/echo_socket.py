"""The one ICMP socket of a family: datagram where the kernel allows it, raw where we may, else none.

A datagram (ping) socket needs our group in ``net.ipv4.ping_group_range`` (icmp(7)); a raw one needs
CAP_NET_RAW (raw(7)). The kernel gives a ping socket its identifier and only the replies to it (of two that
choose the same one by hand, the second takes the other's replies, so the kernel chooses). A raw socket
sees every ICMP packet of the host. Filters make the kernel pass on ours alone: by type (ICMP_FILTER,
RFC 3542's ICMP6_FILTER), then by identifier, of which it has IDENTIFIERS in a row (a classic BPF program, bpf(2)).

Before Linux 6.1 an ICMPv6 ping socket reads no ancillary data and takes no stamps (ping_v6_sendmsg(), net/ipv6/ping.c),
so there a raw one is the better.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import socket
import struct
from typing import Literal, NamedTuple

from collectors import kernel
from collectors.icmp import echo
from collectors.terms import IpFamily

SocketKind = Literal["datagram", "raw", "none"]

IDENTIFIERS = 16
"""By which one target may be asked; a power of two."""
_RECEIVE_BUFFER = 8 << 20
"""Bytes. Replies and transmit stamps share it; 208 KiB, the default, lost 87 % of 1,000 undrained replies."""
_SEND_BUFFER = 4 << 20
_SOL_RAW, _ICMP_FILTER = 255, 1
_ICMP6_FILTER = 1
_SO_ATTACH_FILTER = 26
_IP_RECVTTL = 12
_NO_TOKEN = bytes(echo.TOKEN_BYTES)


class _FamilyNumbers(NamedTuple):
    """The numbers in which the two families differ."""

    protocol: int
    level: int
    report_errors: int
    report_hop_limit: int
    traffic_class: int
    any_address: str
    name_bytes: int
    """Of its struct sockaddr."""
    host_at: int
    """Where in that the address begins."""


FAMILIES = {
    IpFamily.IPV4: _FamilyNumbers(
        protocol=socket.IPPROTO_ICMP,
        level=socket.IPPROTO_IP,
        report_errors=kernel.IP_RECVERR,
        report_hop_limit=_IP_RECVTTL,
        traffic_class=socket.IP_TOS,
        any_address="0.0.0.0",  # noqa: S104 - to be given an identifier, not to listen
        name_bytes=16,
        host_at=4,
    ),
    IpFamily.IPV6: _FamilyNumbers(
        protocol=socket.IPPROTO_ICMPV6,
        level=socket.IPPROTO_IPV6,
        report_errors=kernel.IPV6_RECVERR,
        report_hop_limit=socket.IPV6_RECVHOPLIMIT,
        traffic_class=socket.IPV6_TCLASS,
        any_address="::",
        name_bytes=28,
        host_at=8,
    ),
}


class EchoSocket(NamedTuple):
    """An open socket, the identifier that its requests bear, and what the kernel does for it."""

    sock: socket.socket
    ip_family: IpFamily
    kind: SocketKind
    identifier: int
    reads_ancillary: bool
    """The kernel takes a packet's traffic class, and stamps it."""
    stamped: bool
    """Packets bear the kernel's stamps; else only our own clock measures."""

    @property
    def with_ip_header(self) -> bool:
        """Whether a reply begins with its IP header."""
        return self.kind == "raw" and self.ip_family is IpFamily.IPV4

    @property
    def receive_buffer(self) -> int:
        """Bytes that the kernel keeps for what is not read yet, as it counts them: with its own overhead."""
        return self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def open_socket(ip_family: IpFamily, source_address: str | None = None) -> EchoSocket:
    """Open the best socket that we may, which stamps packets and reports errors; OSError says why there is none.

    ``source_address`` is bound to, because ICMPv6 ping sockets ignore the source that goes with a packet
    (IPV6_PKTINFO; net/ipv6/ping.c, seen on 6.18).
    """
    address = source_address or FAMILIES[ip_family].any_address
    with contextlib.suppress(OSError):
        datagram = _open(ip_family, "datagram", address)
        if datagram.reads_ancillary:
            return datagram
        try:
            raw = _open(ip_family, "raw", address)
        except OSError:
            return datagram
        datagram.sock.close()
        return raw
    return _open(ip_family, "raw", address)


def with_identifier(first: EchoSocket, number: int) -> EchoSocket:
    """Return a raw socket itself with the ``number``-th of its identifiers, or a new datagram socket with its own.

    OSError says why there is none.
    """
    if first.kind == "raw":
        return first._replace(identifier=first.identifier + number)
    return _open(first.ip_family, "datagram", first.sock.getsockname()[0])


def _open(ip_family: IpFamily, kind: SocketKind, address: str) -> EchoSocket:
    numbers = FAMILIES[ip_family]
    socket_type = socket.SOCK_DGRAM if kind == "datagram" else socket.SOCK_RAW
    sock = socket.socket(ip_family.address_family, socket_type | socket.SOCK_NONBLOCK, numbers.protocol)
    with contextlib.ExitStack() as opened:
        opened.callback(sock.close)
        sock.bind((address, 0))
        identifier = int(sock.getsockname()[1]) if kind == "datagram" else _identify_raw(sock, ip_family)
        reads_ancillary = kind == "raw" or ip_family is IpFamily.IPV4 or _reads_ancillary(sock)
        stamped = _prepare(sock, numbers) and reads_ancillary
        opened.pop_all()
    return EchoSocket(sock, ip_family, kind, identifier, reads_ancillary, stamped)


def _prepare(sock: socket.socket, numbers: _FamilyNumbers) -> bool:
    """Set what all kinds have in common; return whether packets are stamped."""
    kernel.enlarge_receive_buffer(sock, _RECEIVE_BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    sock.setsockopt(numbers.level, numbers.report_errors, 1)
    sock.setsockopt(numbers.level, numbers.report_hop_limit, 1)
    return kernel.stamp_packets(sock, kernel.WITH_PACKET)


def _reads_ancillary(sock: socket.socket) -> bool:
    """Return whether the kernel reads the ancillary data of an ICMPv6 ping socket, by some that cannot be right.

    A kernel that reads it says EINVAL before it looks for a route. Another one sends the echo, or has no route to ::1.
    """
    no_hop_limit = [(socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT, struct.pack("@i", 300))]
    try:
        sock.sendmsg([echo.layout(IpFamily.IPV6, echo.TOKEN_BYTES).request(0, _NO_TOKEN)], no_hop_limit, 0, ("::1", 0))
    except OSError as error:
        return error.errno == errno.EINVAL
    return False


def _identify_raw(sock: socket.socket, ip_family: IpFamily) -> int:
    """Choose the first of IDENTIFIERS, have all but replies to them filtered out, and return it."""
    identifier = int.from_bytes(os.urandom(2), "big") & -IDENTIFIERS
    if ip_family is IpFamily.IPV4:
        sock.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("@I", ~(1 << 0) & 0xFFFFFFFF))  # a set bit blocks a type
        header = [(0xB1, 0, 0, 0), (0x48, 0, 0, 4)]  # ldxb 4*([0]&0xf); ldh [x+4]: past the IP header
    else:
        blocked = [0xFFFFFFFF] * 8
        blocked[129 // 32] &= ~(1 << 129 % 32)
        sock.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("@8I", *blocked))
        header = [(0x28, 0, 0, 4)]  # ldh [4]
    ours = [(0x54, 0, 0, 0x10000 - IDENTIFIERS), (0x15, 0, 1, identifier)]  # and #0xfff0; jeq
    _attach_filter(sock, [*header, *ours, (0x06, 0, 0, 0xFFFFFFFF), (0x06, 0, 0, 0)])
    return identifier


def _attach_filter(sock: socket.socket, program: list[tuple[int, int, int, int]]) -> None:
    """Attach instructions of (code, jump if true, jump if false, operand), as struct sock_filter has them."""
    instructions = b"".join(struct.pack("@HBBI", *instruction) for instruction in program)
    memory = ctypes.create_string_buffer(instructions)
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(memory)))

"""The kernel's clocks: packet time stamps (SO_TIMESTAMPING), and what its sockets report beside them.

Stamps are integers of nanoseconds since the epoch (CLOCK_REALTIME), because a float of that size
rounds to a quarter of a microsecond; everything else is seconds. A wall clock can be stepped, so a
difference of two stamps is believed only between two ``Moment``s that agree with it: see ``elapsed``.

Sources: Documentation/networking/timestamping.rst; include/uapi/linux/net_tstamp.h, errqueue.h;
asm-generic/socket.h (the numbers below are the same on all architectures that Python's ``socket``
module does not name them for, but for parisc and sparc).
"""

from __future__ import annotations

import contextlib
import errno
import math
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from collectors import ancillary
from collectors.terms import Seconds

SO_TIMESTAMPING = 37
SO_MEMINFO = 55
SO_RCVBUFFORCE = 33
IP_RECVERR = 11
IPV6_RECVERR = 25

_TX_SOFTWARE, _RX_SOFTWARE, _SOFTWARE, _OPT_ID, _TX_SCHED, _OPT_TSONLY = 1 << 1, 1 << 3, 1 << 4, 1 << 7, 1 << 8, 1 << 11
WITH_PACKET = _TX_SCHED | _RX_SOFTWARE | _SOFTWARE
"""For datagrams: each transmit stamp comes with the packet that it belongs to."""
BOTH_TRANSMIT_STAMPS = _TX_SCHED | _TX_SOFTWARE
"""For a datagram that asks for the driver's stamp too (``asking_for``)."""
BY_OFFSET = _TX_SCHED | _RX_SOFTWARE | _SOFTWARE | _OPT_ID | _OPT_TSONLY
"""For streams: each transmit stamp comes with the offset of the last byte of its send."""

ORIGIN_TIMESTAMPING = 4
STAMP_SCHED = 1
"""``ee_info`` of a stamp taken on entering the queueing discipline; 0 is the driver's."""

_ERROR_LEVELS = ((socket.IPPROTO_IP, IP_RECVERR), (socket.IPPROTO_IPV6, IPV6_RECVERR))
_ICMP_ORIGINS = (2, 3)
"""SO_EE_ORIGIN_ICMP and _ICMP6 (errqueue.h)."""
_PROHIBITED = {(2, 3, 9), (2, 3, 10), (2, 3, 13)}
"""Origin, type and code of a firewall's errors (RFC 1812, 5.2.7.1), to which the kernel gives a router's errno."""
_ADDRESS_AT = {socket.AF_INET: (4, 4), socket.AF_INET6: (8, 16)}
"""Where a struct sockaddr has its address, and how long that is."""
_TIMESPEC = struct.Struct("@ll")
_EXTENDED_ERR = struct.Struct("=IBBBxII")
SECOND = 1_000_000_000
"""Nanoseconds."""
_ANCILLARY_ROOM = 512
_MEMINFO_ROOM, _MEMINFO_DROPS = 36, 8
_TOGETHER: Seconds = 50e-6
_STEP: Seconds = 0.001
"""Wall and monotonic clock may drift apart this far between two moments before it is a step."""


class Moment(NamedTuple):
    """The monotonic and the wall clock, read together; seconds."""

    monotonic: Seconds
    wall: Seconds


def now() -> Moment:
    """Read both clocks within 50 microseconds, or the nearest of three attempts."""
    narrowest, nearest = math.inf, Moment(0.0, 0.0)
    for _ in range(3):
        before = time.monotonic()
        wall = time.time()  # noqa: TID251 - this is the one place that may: it reads both clocks together
        after = time.monotonic()
        if after - before < narrowest:
            narrowest, nearest = after - before, Moment(after, wall)
        if narrowest < _TOGETHER:
            break
    return nearest


def elapsed(sent: int, received: int, before: Moment, after: Moment) -> Seconds | None:
    """Return seconds from one stamp to the other, or None if the clock that took them cannot be believed.

    ``before`` was taken before the send and ``after`` after the receipt: the stamps lie between them, so
    their difference is neither negative nor longer, and the wall clock was not stepped meanwhile.
    """
    between = (received - sent) / 1e9
    monotonic = after.monotonic - before.monotonic
    stepped = abs((after.wall - before.wall) - monotonic) > _STEP
    return between if 0 <= between <= monotonic and not stepped else None


def stamp_packets(sock: socket.socket, flags: int) -> bool:
    """Ask for stamps, WITH_PACKET or BY_OFFSET (of a connected stream); return whether they can be had.

    They cannot where something else plays Linux: an emulator of its system calls, a sandbox, WSL 1.
    """
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, flags)
    except OSError:
        return False
    return True


def can_stamp() -> bool:
    """Return whether this kernel stamps packets for us."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        return stamp_packets(sock, WITH_PACKET)


def asking_for(transmit_stamps: int) -> bytes:
    """Return the ancillary data of a datagram that asks for other transmit stamps than its socket does."""
    return ancillary.packed(socket.SOL_SOCKET, SO_TIMESTAMPING, struct.pack("@I", transmit_stamps))


def keep_stamping() -> socket.socket:
    """Return a socket that keeps receive stamps switched on while it is open; it takes no packet.

    The kernel stamps what comes in from the first socket that asks until the last one has gone, and switches
    by patching its own code, from a work queue (net_enable_timestamp(), net/core/dev.c). A socket that asks for itself
    alone pays for that twice, some 70 microseconds, and may find its first packets without a stamp.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stamp_packets(sock, _RX_SOFTWARE | _SOFTWARE)
    return sock


def receive_stamp(pieces: Iterable[tuple[int, int, bytes | bytearray]]) -> int | None:
    """Return the software stamp among a message's ancillary data (struct scm_timestamping, first of three)."""
    for level, kind, data in pieces:
        if kind == SO_TIMESTAMPING and level == socket.SOL_SOCKET:
            return _nanoseconds(data)
    return None


def transmit_stamp(control: bytes | bytearray) -> tuple[int, int] | None:
    """Return which transmit stamp (``ee_info``) a message of the error queue brings, and the stamp.

    None if it brings an ICMP error instead.
    """
    pieces = list(ancillary.pieces(control))
    stamp = receive_stamp(pieces)
    for level, kind, data in pieces:
        if (level, kind) in _ERROR_LEVELS:
            _, origin, _, _, info, _ = _EXTENDED_ERR.unpack_from(data)
            return (info, stamp) if origin == ORIGIN_TIMESTAMPING and stamp is not None else None
    return None


def icmp_error(pieces: Iterable[tuple[int, int, bytes | bytearray]]) -> tuple[int, str | None] | None:
    """Return the errno of the ICMP error that a message of the error queue brings, and its sender where it is known.

    EACCES: it is prohibited. None if it brings none.
    """
    extended = next((bytes(data) for level, kind, data in pieces if (level, kind) in _ERROR_LEVELS), None)
    if extended is None:
        return None
    number, origin, icmp_type, code, _, _ = _EXTENDED_ERR.unpack_from(extended)
    if origin == ORIGIN_TIMESTAMPING:
        return None
    return errno.EACCES if (origin, icmp_type, code) in _PROHIBITED else number, _sender(extended)


def _sender(extended: bytes) -> str | None:
    """Return the address that follows a struct sock_extended_err of ICMP's (SO_EE_OFFENDER, ip(7)), if one does."""
    if extended[4] not in _ICMP_ORIGINS:
        return None
    (family,) = struct.unpack_from("@H", extended, _EXTENDED_ERR.size)
    at, length = _ADDRESS_AT.get(family, (0, 0))
    address = extended[_EXTENDED_ERR.size + at : _EXTENDED_ERR.size + at + length]
    return socket.inet_ntop(family, address) if length and any(address) else None


def report_icmp(sock: socket.socket, *, wanted: bool) -> None:
    """Have ICMP errors about a TCP connection queued with their sender.

    Only for the handshake, which they end in any case: for an established connection each would be fatal (ip(7)).
    Older kernels queue none.
    """
    level, option = _ERROR_LEVELS[sock.family == socket.AF_INET6]
    with contextlib.suppress(OSError):  # no kernel of Linux's own
        sock.setsockopt(level, option, wanted)


def icmp_refusal(sock: socket.socket) -> tuple[int, str] | None:
    """Return the ICMP error that ended a handshake, as ``icmp_error`` has it, and its sender.

    None if it was no ICMP error, or an older kernel's.
    """
    try:
        _, pieces, _, _ = sock.recvmsg(0, _ANCILLARY_ROOM, socket.MSG_ERRQUEUE)
    except OSError:
        return None
    number, sender = icmp_error(pieces) or (0, None)
    return None if sender is None else (number, sender)


def sent_stamps(sock: socket.socket) -> Iterator[tuple[int, int]]:
    """Empty the error queue of a non-blocking socket stamped BY_OFFSET; yield the end and the stamp of each send.

    The end is the offset of its last byte, counted from when stamping began; the stamp is the queueing discipline's.
    """
    while True:
        try:
            _, pieces, _, _ = sock.recvmsg(0, _ANCILLARY_ROOM, socket.MSG_ERRQUEUE)
        except BlockingIOError:
            return
        stamp = receive_stamp(pieces)
        for level, kind, payload in pieces:
            if (level, kind) in _ERROR_LEVELS and stamp is not None:
                _, origin, _, _, info, end = _EXTENDED_ERR.unpack_from(payload)
                if origin == ORIGIN_TIMESTAMPING and info == STAMP_SCHED:
                    yield end, stamp


def receive_drops(sock: socket.socket) -> int:
    """Return how many packets the kernel dropped because the receive buffer was full, since the socket was made.

    A raw ICMPv6 socket counts packets with a wrong checksum too (rawv6_rcv_skb(), net/ipv6/raw.c).
    """
    try:
        meminfo = sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, _MEMINFO_ROOM)
        (drops,) = struct.unpack_from("=I", meminfo, _MEMINFO_DROPS * 4)
    except (OSError, struct.error):  # no kernel of Linux's own: see ``stamp_packets``
        return 0
    return int(drops)


def enlarge_receive_buffer(sock: socket.socket, size: int) -> None:
    """Ask for ``size`` bytes: beyond net.core.rmem_max with CAP_NET_ADMIN, up to it without."""
    with contextlib.suppress(PermissionError):
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, size)
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


def _nanoseconds(timespec: bytes | bytearray) -> int | None:
    seconds, nanoseconds = _TIMESPEC.unpack_from(timespec)
    return int(seconds * SECOND + nanoseconds) or None

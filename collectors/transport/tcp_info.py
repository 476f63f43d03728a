"""What the kernel knows of a TCP connection (TCP_INFO): its handshake's round trip, and its gaps when it is silent.

Source: struct tcp_info of include/uapi/linux/tcp.h, which grows at its end.
"""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

from collectors import kernel
from collectors.terms import Gap, Seconds

_ROOM = 256
_RETRANSMISSIONS = 2
"""tcpi_retransmits, u8: in a row, of what is not acknowledged."""
_UNACKNOWLEDGED = 24
"""tcpi_unacked, u32: segments."""
_RTT = 68
"""tcpi_rtt, u32: microseconds."""
_TOTAL_RETRANSMISSIONS = 100
"""tcpi_total_retrans, u32."""
_AFTER_A_GAP = 224
"""tcpi_rcv_ooopack, u32: segments that came out of order (since Linux 5.4)."""
_HELD_ROOM = 4
"""Of SO_MEMINFO's first number (SK_MEMINFO_RMEM_ALLOC): bytes in the receive buffer."""


class TcpInfo(NamedTuple):
    """What the kernel knows of a connection; read it after the handshake and before any data."""

    rtt: Seconds
    retransmissions: int


def read(sock: socket.socket) -> TcpInfo | None:
    """Return the round trip of a fresh handshake (SYN to SYN/ACK) and how often TCP sent again; None: not known."""
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ROOM)
        (rtt,) = struct.unpack_from("=I", info, _RTT)
        (retransmissions,) = struct.unpack_from("=I", info, _TOTAL_RETRANSMISSIONS)
    except (OSError, struct.error):  # no kernel of Linux's own: see ``kernel.stamp_packets``
        return None
    return TcpInfo(rtt / 1e6, retransmissions)


def gap(sock: socket.socket) -> Gap | None:
    """Return which of a silent connection's packets are missing; None if none are known to be.

    Bytes that the receive buffer holds and nobody can read have come after a gap.
    """
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ROOM)
        (unacknowledged,) = struct.unpack_from("=I", info, _UNACKNOWLEDGED)
        (after_a_gap,) = struct.unpack_from("=I", info, _AFTER_A_GAP) if len(info) >= _AFTER_A_GAP + 4 else (1,)
    except (OSError, struct.error):  # as in ``read``
        return None
    if unacknowledged and info[_RETRANSMISSIONS]:
        return Gap.REQUEST
    if not after_a_gap or _is_readable(sock):
        return None
    (held,) = struct.unpack("=I", sock.getsockopt(socket.SOL_SOCKET, kernel.SO_MEMINFO, _HELD_ROOM))
    return Gap.ANSWER if held else None


def _is_readable(sock: socket.socket) -> bool:
    """Return whether the next read would bring anything, an end or an error included; empty the error queue."""
    for _ in kernel.sent_stamps(sock):  # stamps take room in the same buffer
        pass
    try:
        sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True

"""The kernel's receive stamps, and when a packet really reached a device.

A process that waits for a TUN device reads a packet 40 to 200 microseconds after it was sent: it must
wake first. A packet socket on the same device holds the kernel's stamp of the very moment.
"""

from __future__ import annotations

import errno
import socket
import struct

SO_TIMESTAMPING = 37
RX_SOFTWARE_AND_REPORT = 1 << 3 | 1 << 4
"""SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE, include/uapi/linux/net_tstamp.h."""
ETH_P_ALL = 3
PACKET_OUTGOING = 4
_SO_ATTACH_FILTER = 26
_COMPARED = 64
"""Bytes by which a stamp's packet is recognised: enough for IP id, ICMP sequence, TCP sequence."""
_ANCILLARY_ROOM = 64


def only_outgoing(packets: socket.socket) -> None:
    """Have a packet socket keep the beginnings of sent packets alone (classic BPF, linux/filter.h)."""
    import ctypes  # noqa: PLC0415 - only the lab needs it, which opens the sockets

    program = (
        (0x28, 0, 0, 0xFFFFF004),  # ldh [SKF_AD_OFF + SKF_AD_PKTTYPE]
        (0x15, 0, 1, PACKET_OUTGOING),  # jeq
        (0x06, 0, 0, _COMPARED),  # ret: keep so many bytes
        (0x06, 0, 0, 0),  # ret: nothing
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    packets.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(program), ctypes.addressof(code)))


def open_stamps(device: str) -> socket.socket:
    """Open a packet socket with the stamp of everything that is sent into a device of the current namespace."""
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    packets.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, RX_SOFTWARE_AND_REPORT)
    only_outgoing(packets)
    packets.setblocking(False)
    packets.bind((device, ETH_P_ALL))
    return packets


def stamp_of(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    """Return the kernel's software stamp in nanoseconds since the epoch: the first member of scm_timestamping."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPING):
            seconds, nanoseconds = struct.unpack_from("qq", data)
            return int(seconds * 1_000_000_000 + nanoseconds)
    return None


def arrival(stamps: socket.socket, data: bytes) -> int | None:
    """Return when this packet was sent into the device. Both queues have one order, so older stamps are dropped."""
    while True:
        try:
            beginning, ancillary, _, _ = stamps.recvmsg(_COMPARED, _ANCILLARY_ROOM)
        except OSError as error:
            if error.errno == errno.ENETDOWN:  # told once after the device was down; what is queued comes next
                continue
            return None
        if data.startswith(beginning):
            return stamp_of(ancillary)

"""What a host truly sent and received, with the kernel's time of each packet."""

from __future__ import annotations

import errno
import socket
import struct
import threading
from types import TracebackType
from typing import NamedTuple, Self

from tests.netlab.delaybox.packets import Packet, parse
from tests.netlab.delaybox.stamps import ETH_P_ALL, PACKET_OUTGOING, RX_SOFTWARE_AND_REPORT, SO_TIMESTAMPING, stamp_of
from tests.netlab.host import Host
from tests.netlab.shell import Seconds
from tests.netlab.stamping import wait_for_stamps

_SO_RCVBUFFORCE = 33
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_BUFFER_BYTES = 64 << 20
"""Some 50,000 packets, which the kernel keeps whole."""
_BETWEEN_DRAINS: Seconds = 0.2
"""Seldom, so that a measuring test is not disturbed; the stamps are the kernel's, whenever it is read."""
_SNAP = 192


class _Raw(NamedTuple):
    data: bytes
    time: float
    direction: str
    interface: str


class Capture:
    """Packets of one interface of a host, or of all (then loopback's are there twice, out and in)::

        with Capture(host, path.device_of(host)) as capture:
            ...
        for exchange in pair_echoes(capture.packets()): ...

    Packets handed over by the kernel before ``__enter__`` returned are not in it; all later ones are.
    """

    def __init__(self, host: Host, interface: str = "") -> None:
        self._host = host
        self._interface = interface
        self._raw: list[_Raw] = []
        self._dropped = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep_draining, name=f"capture-{host.name}", daemon=True)

    def __enter__(self) -> Self:
        with self._host.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
            self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, RX_SOFTWARE_AND_REPORT)
            self._socket.setblocking(False)
            if self._interface:
                self._socket.bind((self._interface, ETH_P_ALL))
        wait_for_stamps()
        self._discard()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._drain()
        self._count_drops()
        self._socket.close()

    def packets(self) -> list[Packet]:
        """Return the IP packets up to now, by time; also after the end."""
        self._drain()
        if not all(raw.time for raw in self._raw):
            raise LookupError("a packet without the kernel's stamp")
        with self._lock:
            parsed = [parse(raw.data, raw.time, raw.direction, raw.interface) for raw in self._raw]
        return sorted((packet for packet in parsed if packet), key=lambda packet: packet.time)

    def dropped(self) -> int:
        """Return how many packets did not fit into the buffer: 0, or the capture proves nothing."""
        self._count_drops()
        return self._dropped

    def _discard(self) -> None:
        """Forget what came before the stamps did."""
        self._drain()
        self._raw.clear()

    def _count_drops(self) -> None:
        if self._socket.fileno() >= 0:  # reading the statistics resets them
            statistics = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
            self._dropped += struct.unpack("II", statistics)[1]

    def _keep_draining(self) -> None:
        while not self._stopping.wait(_BETWEEN_DRAINS):
            self._drain()

    def _drain(self) -> None:
        with self._lock:
            while self._socket.fileno() >= 0:
                try:
                    data, ancillary, _, origin = self._socket.recvmsg(_SNAP, 64)
                except OSError as error:
                    if error.errno == errno.ENETDOWN:  # told once when a device went down; the queue goes on
                        continue
                    return
                direction = "out" if origin[2] == PACKET_OUTGOING else "in"
                stamp = stamp_of(ancillary)
                self._raw.append(_Raw(data, (stamp or 0) / 1e9, direction, origin[0]))

"""The process that moves packets: two TUN devices, a heap of what is under way, a control socket."""

from __future__ import annotations

import contextlib
import dataclasses
import heapq
import json
import os
import select
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any, BinaryIO

from .line import Fate, Line, Settings
from .packets import flow_of, is_ip, is_multicast
from .stamps import arrival

SNAP = 96
"""How much of a packet the log keeps, in bytes: IPv6 (40) and the largest TCP header (60), nearly."""
RECORD = struct.Struct(f"<B12sqqH{SNAP}s")
"""Line (0: from the first device), fate, arrived and written (nanoseconds, epoch; 0 is never), length, beginning."""
_MTU_ROOM = 65536
_READS_IN_A_ROW = 32
"""So that a flood from one side does not keep due packets of the other waiting."""
_SPIN = 250e-6
"""To wake takes up to this long, in seconds: so wake earlier, and watch the clock for the rest."""
_SPIN_SHARE = 0.1
"""Of all time: a flood must not cost a core; it needs no spinning either, as it keeps us awake."""


class Box:
    """``lines[0]`` goes from the first device to the second, ``lines[1]`` back."""

    def __init__(
        self, tuns: Sequence[int], stamps: Sequence[socket.socket], control: socket.socket, log: BinaryIO | None
    ) -> None:
        self._tuns = tuns
        self._stamps = stamps
        self._control = control
        self._commands = control.makefile("rb")
        self._log = log
        self._lines = (Line(Settings(), 0), Line(Settings(), 1))
        self._under_way: list[tuple[float, int, int, bytes, int, Fate]] = []
        self._taken = 0
        self._ignored = 0
        self._began = time.monotonic()
        self._spun = 0.0

    def serve(self) -> None:
        """Move packets until the control socket is closed."""
        readers: list[int | socket.socket] = [*self._tuns, self._control]
        while True:
            readable, _, _ = select.select(readers, [], [], self._until_next())
            for index, tun in enumerate(self._tuns):
                if tun in readable:
                    self._take_all(index, tun)
            self._deliver()
            if self._control in readable and not self._obey():
                return

    def _until_next(self) -> float | None:
        """Return how long to sleep: less than is left, so that the rest is spent watching the clock."""
        if not self._under_way:
            return None
        now = time.monotonic()
        may_spin = self._spun < _SPIN_SHARE * (now - self._began)
        return max(0.0, self._under_way[0][0] - now - (_SPIN if may_spin else 0.0))

    def _take_all(self, index: int, tun: int) -> None:
        for _ in range(_READS_IN_A_ROW):
            try:
                data = os.read(tun, _MTU_ROOM)
            except OSError:  # EAGAIN: nothing left; EBADFD: the device is down
                return
            if not is_ip(data) or is_multicast(data):
                self._ignored += 1
            else:
                self._take(index, data)

    def _take(self, index: int, data: bytes) -> None:
        """Count a packet's delay from the moment it was sent, not from the moment it is read."""
        now, read_ns = time.monotonic(), time.time_ns()
        arrived_ns = min(arrival(self._stamps[index], data) or read_ns, read_ns)
        fate, dues = self._lines[index].take(data, now - (read_ns - arrived_ns) / 1e9)
        if not dues:
            self._write_log(index, fate, arrived_ns, 0, data)
        for copy, due in enumerate(dues):
            self._taken += 1
            copy_fate = Fate.DUPLICATED if copy else Fate.FORWARDED
            heapq.heappush(self._under_way, (due, self._taken, index, data, arrived_ns, copy_fate))

    def _deliver(self) -> None:
        """Write what is due, and what is so nearly due that sleeping would make it late."""
        began = now = time.monotonic()
        while self._under_way and self._under_way[0][0] <= began + _SPIN:
            while now < self._under_way[0][0]:
                now = time.monotonic()
            self._spun += now - began
            self._let_go(*heapq.heappop(self._under_way)[2:])
            began = now = time.monotonic()

    def _let_go(self, index: int, data: bytes, arrived_ns: int, fate: Fate) -> None:
        written_ns = time.time_ns()
        try:
            os.write(self._tuns[1 - index], data)
        except OSError:  # EIO: the device on that side is down
            fate, written_ns = Fate.UNDELIVERED, 0
        self._lines[index].count(fate, data)
        self._write_log(index, fate, arrived_ns, written_ns, data)

    def _write_log(self, index: int, fate: Fate, arrived_ns: int, written_ns: int, data: bytes) -> None:
        if self._log:
            self._log.write(RECORD.pack(index, fate.encode(), arrived_ns, written_ns, len(data), data[:SNAP]))

    def _obey(self) -> bool:
        """Answer one command; return False when the lab has ended."""
        with contextlib.suppress(ConnectionError):  # a lab that is interrupted reads no answer
            if line := self._commands.readline():
                self._control.sendall(json.dumps(self._answer(json.loads(line))).encode() + b"\n")
                return True
        return False

    def _answer(self, command: dict[str, Any]) -> dict[str, Any]:
        lines = [self._lines[index] for index in command["lines"]]
        for line in lines:
            if "change" in command:
                line.settings = dataclasses.replace(line.settings, **command["change"])
            if "drop_next" in command:
                line.drop_next(**command["drop_next"])
        if self._log:
            self._log.flush()
        return {
            "settings": [dataclasses.asdict(line.settings) for line in lines],
            "tally": [[[fate, *_flow(key), n] for (fate, key), n in line.tally.items()] for line in lines],
            "under_way": len(self._under_way),
            "ignored": self._ignored,
        }

    def seed(self, seed: int) -> None:
        """Each direction has luck of its own, fixed by one seed."""
        self._lines = (Line(Settings(), seed * 2), Line(Settings(), seed * 2 + 1))


def _flow(key: bytes) -> tuple[str, str, str]:
    flow = flow_of(key)
    return flow.src, flow.dst, flow.kind

"""A path with a delay: the lab's end of a delay box."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, TypedDict, Unpack

from tests.netlab.cable import Cable
from tests.netlab.delaybox.box import RECORD
from tests.netlab.delaybox.line import Fate, Settings
from tests.netlab.delaybox.packets import Flow, Packet, parse
from tests.netlab.delaybox.stamps import open_stamps
from tests.netlab.host import Host
from tests.netlab.shell import Seconds, wait_until
from tests.netlab.stamping import wait_for_stamps
from tests.netlab.traffic import Passage, Tally, Traffic

_TUNSETIFF = 0x400454CA
_IFF_TUN_NO_PI = 0x1001
"""include/uapi/linux/if_tun.h: IP packets, nothing in front of them."""
_PATIENCE: Seconds = 10.0


class Changes(TypedDict, total=False):
    """What can be changed on a link (see ``Settings`` for the meanings)."""

    delay: Seconds
    jitter: Seconds
    loss: float
    duplicate: float
    rate: float | None
    blackhole: bool
    reorder: bool


class Link(Cable):
    """Two hosts, a delay box between them. With ``toward`` a call means one direction, else both."""

    def __init__(self, a: Host, b: Host, number: int, settings: Settings, *, seed: int, log: bool, folder: Path):
        super().__init__(a, b, number)
        self._log = Path(tempfile.mkstemp(dir=folder, prefix=f"{a.name}-{b.name}-", suffix=".log")[1]) if log else None
        self._control, theirs = socket.socketpair()
        self._control.settimeout(_PATIENCE)
        self._answers = self._control.makefile("rb")
        tuns = [_open_tun(host, self.device_of(host)) for host in (a, b)]
        stamps = [_open_stamps(host, self.device_of(host)) for host in (a, b)]
        self._box = _start_box(seed, tuns, [*stamps, theirs], self._log)
        try:
            self.change(**dataclasses.asdict(settings))
            self.configure()
        except BaseException:
            self.close()
            raise

    def change(self, *, toward: Host | str | None = None, **changes: Unpack[Changes]) -> None:
        """Change it while it runs; packets under way keep the delay they were given."""
        for index in self._indexes(toward):
            Settings(**changes)  # a mistake is said here, not in the box
            self._ask([index], change=changes)

    def blackhole(self, toward: Host | str | None = None) -> None:
        """From now on everything vanishes in silence, as behind a cut cable far away."""
        self.change(toward=toward, blackhole=True)

    def restore(self, toward: Host | str | None = None) -> None:
        """Undo ``blackhole``."""
        self.change(toward=toward, blackhole=False)

    def drop_next(self, packets: int, kind: str = "", *, toward: Host | str) -> None:
        """Lose exactly the next packets of a kind in one direction: ``link.drop_next(1, "tcp SYN", toward=b)``."""
        self._ask(self._indexes(toward), drop_next={"packets": packets, "kind": kind})

    def settings(self, toward: Host | str) -> Settings:
        """Return the settings of one direction as they are now."""
        return Settings(**self._ask(self._indexes(toward))["settings"][0])

    def traffic(self, toward: Host | str | None = None) -> Traffic:
        """Return what became of the packets so far; those under way are not counted yet (``settle``)."""
        lines = self._ask(self._indexes(toward))["tally"]
        return Traffic(tuple(Tally(Fate(f), Flow(s, d, k), n) for line in lines for f, s, d, k, n in line))

    def settle(self) -> None:
        """Wait until nothing is under way."""
        wait_until(lambda: not self._ask([0, 1])["under_way"], "the link is empty", _PATIENCE)

    def overflowed(self) -> int:
        """Return how many packets the *devices* dropped because the box read too slowly: 0, or all counts are wrong."""
        return sum(
            json.loads(host.ip("-j", "-s", "link", "show", self.device_of(host)))[0]["stats64"]["tx"]["dropped"]
            for host in (self.a, self.b)
        )

    def log(self) -> list[Passage]:
        """Return each packet with the exact times it came and left, in the order they left; needs ``log=True``."""
        if self._log is None:
            raise ValueError("this link keeps no log: lab.link(..., log=True)")
        self._ask([0])
        data = self._log.read_bytes()
        return [self._passage(*record) for record in RECORD.iter_unpack(data[: len(data) // RECORD.size * RECORD.size])]

    def seen_from(self, host: Host | str) -> list[Packet]:
        """Return the truth as a capture at the box's side of a host, for the helpers that pair packets.

        Packets from the host are ``out`` and bear the time they arrived there; packets toward it are
        ``in`` and bear the time they were written; what was dropped on its way to it is not there.
        """
        name = self._end(host).name
        sent = [dataclasses.replace(p.packet, direction="out", time=p.arrived) for p in self.log() if p.src == name]
        received = [
            dataclasses.replace(p.packet, direction="in", time=p.written)
            for p in self.log()
            if p.src != name and p.written is not None
        ]
        return sorted(sent + received, key=lambda packet: packet.time)

    def close(self) -> None:
        """End the box; its devices vanish with it."""
        self._answers.close()
        self._control.close()
        try:
            self._box.wait(2.0)
        except subprocess.TimeoutExpired:
            self._box.kill()
            self._box.wait()

    @property
    def pid(self) -> int:
        """The process of the delay box, so that a test can see that it is gone."""
        return self._box.pid

    def _via(self, peer: Host) -> tuple[str, str]:
        return "", ""

    def _indexes(self, toward: Host | str | None) -> list[int]:
        """Line 0 goes from a to b."""
        return [0, 1] if toward is None else [1 - self._index(toward)]

    def _ask(self, lines: list[int], **command: Any) -> dict[str, Any]:
        self._control.sendall(json.dumps({"lines": lines, **command}).encode() + b"\n")
        answer = self._answers.readline()
        if not answer:
            raise ConnectionError(f"the delay box of {self.a.name} and {self.b.name} has ended: {self._box.poll()}")
        decoded: dict[str, Any] = json.loads(answer)
        return decoded

    def _passage(self, line: int, fate: bytes, arrived: int, written: int, length: int, data: bytes) -> Passage:
        packet = parse(data[:length], arrived / 1e9, "out", self.device_of((self.a, self.b)[line]))
        if packet is None:
            raise ValueError("the log holds what is no IP packet")
        name = (self.a, self.b)[line].name
        left = written / 1e9 if written else None
        return Passage(name, Fate(fate.rstrip(b"\0").decode()), arrived / 1e9, left, packet)


def _open_tun(host: Host, device: str) -> int:
    """Make a TUN device of this name inside a host; it lives as long as its descriptor."""
    with host.entered():
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(tun, _TUNSETIFF, struct.pack("16sH22x", device.encode(), _IFF_TUN_NO_PI))
    return tun


def _open_stamps(host: Host, device: str) -> socket.socket:
    """Return a socket with the kernel's stamps of what is sent into the device (see ``delaybox.stamps``)."""
    with host.entered():
        stamps = open_stamps(device)
    wait_for_stamps()
    return stamps


def _start_box(seed: int, tuns: list[int], sockets: list[socket.socket], log: Path | None) -> subprocess.Popen[bytes]:
    """Hand everything to a process of its own, and keep nothing of it here."""
    file = [] if log is None else [os.open(log, os.O_WRONLY | os.O_APPEND)]
    descriptors = [*tuns, *(each.fileno() for each in sockets), *file]
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-S", "-m", "delaybox", str(seed), *map(str, descriptors)],
            pass_fds=descriptors,
            env={"PYTHONPATH": str(Path(__file__).parent), "PYTHONDONTWRITEBYTECODE": "1"},
            start_new_session=True,
        )
    finally:
        for each in sockets:
            each.close()
        for descriptor in (*tuns, *file):
            os.close(descriptor)

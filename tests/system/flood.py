"""A full egress queue, whose length does not depend on the machine's pace."""

from __future__ import annotations

import sys

from tests.netlab import Host

_NARROW = ("rate", "2mbit", "burst", "3000", "latency", "150ms")
_SENDER = """
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 18_000)
while True:
    sock.sendto(bytes(1200), (sys.argv[1], 9))
"""
"""Each packet waits for one before it to leave: there are as many in the queue as the socket may have, and no more."""


class Flood:
    """Some 80 ms of packets before whatever else leaves a host through a device; none are dropped."""

    def __init__(self, host: Host, device: str, toward: str) -> None:
        self._host, self._device = host, device
        host.run(["tc", "qdisc", "replace", "dev", device, "root", "tbf", *_NARROW])
        self._sender = host.popen([sys.executable, "-c", _SENDER, toward])

    def stop(self) -> None:
        self._sender.stop()
        self._host.run(["tc", "qdisc", "del", "dev", self._device, "root"])

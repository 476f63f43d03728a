"""Tells systemd that probing has begun (sd_notify(3)): until then systemd keeps back a reload, which is a signal."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping


def tell(environ: Mapping[str, str]) -> None:
    """Send READY=1 to the socket that the environment names; without systemd there is none, and nothing is done."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
        sock.sendto(b"READY=1", socket.MSG_DONTWAIT, "\0" + address[1:] if address[0] == "@" else address)

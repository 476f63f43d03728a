"""Tells systemd that probing has begun (sd_notify(3)): until then systemd keeps back a reload, which is a signal."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping


def tell(environ: Mapping[str, str]) -> None:
    """Send it to the socket that the environment names; without one, as a rule, there is nothing to do."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
        sock.sendto(b"READY=1", socket.MSG_DONTWAIT, "\0" + address[1:] if address[0] == "@" else address)

"""Ports for servers that a test starts."""

from __future__ import annotations

import secrets
import socket

_NOBODYS = range(20_000, 32_768)
"""Below those that Linux deals out by itself (net.ipv4.ip_local_port_range): other tests bind and connect from those,
and one of them may be taken before the server for which it was chosen has started."""


def free_port() -> int:
    """Return a port of loopback at which nothing listens, and at which nothing begins to listen by chance."""
    while True:
        try:
            with socket.create_server(("127.0.0.1", secrets.choice(_NOBODYS))) as listener:
                return int(listener.getsockname()[1])
        except OSError:
            continue

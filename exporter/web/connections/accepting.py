"""Accepting connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from exporter.web.connections.connection import ClientConnection
from exporter.web.connections.shared import SharedState
from exporter.web.listen import BACKLOG

_UNSENT = 16 << 10
"""Bytes of an answer that the kernel takes ahead of what the client's window lets through."""


async def serve(sock: socket.socket, factory: Callable[[], asyncio.BaseProtocol]) -> asyncio.Server:
    """Accept on a listening socket, one connection per turn of the loop.

    asyncio takes its ``backlog`` for the number of accepts in a row, too: with more than one, a burst
    takes every file descriptor before any connection can give way, and each failed accept sets a timer
    that tries again as often (512: 60,000 errors in 9 s; 1: one a second).

    What is accepted inherits how much the kernel takes of an answer that nobody reads: else megabytes.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
    server = await asyncio.get_running_loop().create_server(factory, sock=sock, backlog=1)
    sock.listen(BACKLOG)  # Linux adjusts it (inet_listen, net/ipv4/af_inet.c)
    return server


class Connections(SharedState):
    """The protocol factory for ``serve``."""

    def __call__(self) -> asyncio.BaseProtocol:
        return ClientConnection(self)

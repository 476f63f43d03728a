"""What stands between asyncio and aiohttp's handler: it counts the connection, starts TLS and keeps time.

aiohttp alone keeps a trickled head for an hour and a stalled reader's page for ever (40 readers of
15 MB held 632 MB). Everything is passed on to its handler; nothing of it is changed.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

from aiohttp import web

from exporter.web_config.limits import Guests, Limits, address_of
from exporter.web_config.loading import WebConfig

_HEAD_END = b"\r\n\r\n"
_BACKLOG = 512


async def serve(sock: socket.socket, factory: Callable[[], asyncio.Protocol]) -> asyncio.Server:
    """Accept on a listening socket, one connection per turn of the loop.

    asyncio takes its ``backlog`` for the number of accepts in a row, too: with more than one, a burst
    takes every file descriptor before any connection can give way, and each failed accept sets a timer
    that tries again as often (512: 60,000 errors in 9 s; 1: one a second).
    """
    server = await asyncio.get_running_loop().create_server(factory, sock=sock, backlog=1)
    sock.listen(_BACKLOG)  # Linux adjusts it (inet_listen, net/ipv4/af_inet.c)
    return server


def limited(web_server: web.Server, config: Callable[[], WebConfig], limits: Limits) -> Callable[[], asyncio.Protocol]:
    """Make the protocol factory for ``serve``.

    ``config()`` is asked at each connection: certificates, and TLS as such, follow files and reloads.
    """
    guests = Guests(limits)
    return lambda: _Connection(web_server, config, limits, guests)


class _Connection(asyncio.Protocol):
    """One client, from its accept on; TLS counts too, since its handshake may never end."""

    def __init__(self, web_server: web.Server, config: Callable[[], WebConfig], limits: Limits, guests: Guests) -> None:
        self._web_server, self._config, self._limits, self._guests = web_server, config, limits, guests
        self._loop = asyncio.get_running_loop()
        self._handler: asyncio.Protocol | None = None
        self._handshake: asyncio.Task[None] | None = None
        self._early: list[bytes] = []
        """What TLS delivered before its ``start_tls`` returned."""
        self._rest = b""
        self._unfinished = 0
        self._unsent = 0
        self._taken_at = self._loop.time()
        self._head_timer: asyncio.TimerHandle | None = None

    def cut(self) -> None:
        self._raw.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - as a stream's protocol is given
        self._raw = transport
        self._guests.enter(self, address_of(transport.get_extra_info("peername")))
        self._head_timer = self._loop.call_later(self._limits.head, self.cut)
        self._watch_sending()
        config = self._config()
        context = config.ssl_context()
        if context is None:
            self._serve(transport)
        else:
            transport.pause_reading()
            # In no TaskGroup: it raises nothing, and the head's deadline ends it.
            self._handshake = self._loop.create_task(self._start_tls(transport, context, config))

    async def _start_tls(self, raw: asyncio.Transport, context: ssl.SSLContext, config: WebConfig) -> None:
        """Shake hands, then serve; the head's deadline covers it."""
        try:
            transport = await self._loop.start_tls(
                raw, self, context, server_side=True, ssl_shutdown_timeout=self._limits.send
            )
        except OSError:  # its family holds TLS's errors, and a client is free to hang up
            transport = None
        if transport is None or transport.is_closing():
            self.connection_lost(None)
        elif config.tls and not config.tls.admits(transport.get_extra_info("peercert")):
            transport.abort()
        else:
            self._serve(transport)

    def _serve(self, transport: asyncio.Transport) -> None:
        self._handler = self._web_server()
        self._handler.connection_made(transport)
        for data in self._early:
            self.data_received(data)

    def data_received(self, data: bytes) -> None:
        if self._handler is None:
            self._early.append(data)
            return
        self._watch_head(data)
        self._handler.data_received(data)

    def _watch_head(self, data: bytes) -> None:
        """Expect a head's end in due time after its first byte, and before too many of them.

        What follows the end of a head is the next one's beginning. A body is treated as such, and so
        has the same deadline and bound; the only request that might bring one is a reload.
        """
        _, end, rest = (self._rest + data).rpartition(_HEAD_END)
        if end:
            self._guests.asked(self)
            self._stop_head_timer()
            self._unfinished = 0
        self._unfinished += min(len(data), len(rest))
        self._rest = rest[1 - len(_HEAD_END) :]
        if self._unfinished > self._limits.unfinished_bytes:
            self.cut()
        elif rest and self._head_timer is None:
            self._head_timer = self._loop.call_later(self._limits.head, self.cut)

    def _stop_head_timer(self) -> None:
        if self._head_timer:
            self._head_timer.cancel()
            self._head_timer = None

    def eof_received(self) -> bool | None:
        return self._handler.eof_received() if self._handler else None

    def pause_writing(self) -> None:
        if self._handler:
            self._handler.pause_writing()

    def resume_writing(self) -> None:
        if self._handler:
            self._handler.resume_writing()

    def _watch_sending(self) -> None:
        """Cut a client that does not take what waits for it, also while the connection is being closed.

        Looked at in the socket's own buffer, since asyncio's TLS hands everything down at once. What has
        grown is a new response, and aiohttp makes none while much is waiting.
        """
        now, unsent = self._loop.time(), self._raw.get_write_buffer_size()
        taken = self._unsent - unsent
        if unsent == 0 or taken < 0 or taken >= self._limits.send_bytes:
            self._unsent, self._taken_at = unsent, now
        elif now - self._taken_at >= self._limits.send:
            self.cut()
            return
        self._send_timer = self._loop.call_later(self._limits.send / 5, self._watch_sending)

    def connection_lost(self, exc: Exception | None) -> None:
        self._guests.leave(self)
        self._stop_head_timer()
        self._send_timer.cancel()
        if self._handler:
            self._handler.connection_lost(exc)

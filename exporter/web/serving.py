"""Serving the application on listening sockets, behind the limits and the web configuration's protection."""

from __future__ import annotations

import contextlib
import logging
import resource
import socket
from collections.abc import AsyncIterator, Callable, Sequence

from aiohttp import web

from collectors.terms import Seconds
from exporter.web.config import WebConfig, authenticate, extra_headers
from exporter.web.connections import Connections, Limits, close_after_body, refuse_expectations, serve
from exporter.web.server import WebServer
from exporter.wording import host_and_port

_log = logging.getLogger(__name__)

_HANG_UP: Seconds = 0.5
"""How long a scrape under way may go on at the end."""


@contextlib.asynccontextmanager
async def serve_protected(
    server: WebServer, protection: Callable[[], WebConfig], sockets: Sequence[socket.socket]
) -> AsyncIterator[None]:
    """Serve while entered. ``protection`` is asked again and again: a reload may change it between two connections."""
    limits = Limits().within(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    application = server.application(authenticate(protection), refuse_expectations)
    application.on_response_prepare.extend((extra_headers(protection), close_after_body))
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=_HANG_UP)
    await runner.setup()
    assert runner.server is not None  # noqa: S101 - setup() has made it
    connections = Connections(runner.server, protection, limits, server.refused)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(connections.close)
        stack.push_async_callback(runner.cleanup)
        for sock in sockets:
            stack.callback((await serve(sock, connections)).close)
            _log.info("listening on %s", host_and_port(*sock.getsockname()[:2]))
        yield

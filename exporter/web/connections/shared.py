"""What all connections share: which are open, and how much all of them together may take."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from exporter.web.config.loading import WebConfig
from exporter.web.connections.answering import keeping_expectations
from exporter.web.connections.limits import Limits
from exporter.web.connections.open_connections import OpenConnections
from exporter.web.connections.refusals import TlsRefusals
from exporter.web.fair_queues import Pace

_READ_AT_ONCE = 4 << 10
_BEGUN_AT_ONCE = 4
"""Requests that are begun in a turn of the loop; a page of 100 pairs takes a millisecond or two."""


class SharedState:
    """The server, its limits, and what is counted of all connections together.

    ``config()`` is called for each connection: certificates, and TLS as such, follow files and reloads.
    ``refused`` counts the answers (by status) that no handler of the application made.
    """

    def __init__(
        self,
        web_server: web.Server,
        config: Callable[[], WebConfig],
        limits: Limits,
        refused: Callable[[int], None],
    ) -> None:
        self.web_server, self.config, self.limits, self.refused = web_server, config, limits, refused
        web_server.request_factory = keeping_expectations(web_server.request_factory)
        self.open_connections = OpenConnections(limits.connections, limits.per_address)
        self.handshakes = OpenConnections(limits.handshakes, limits.handshakes)
        """TLS handshakes under way: the client's first record came, and memory was taken for what follows."""
        self.refusals = TlsRefusals()
        self.pace = Pace(_BEGUN_AT_ONCE)
        self.buffer = memoryview(bytearray(_READ_AT_ONCE))
        """Where the kernel puts what is read, of one connection at a time."""

    def close(self) -> None:
        """Cut all connections that are still open."""
        self.open_connections.cut_all()

"""What stands between the listening sockets and aiohttp: limits against hostile clients, TLS, deadlines.

sockets -> serve() -> Connections, one ClientConnection each -> aiohttp's handler
"""

from exporter.web.connections.accepting import Connections, serve
from exporter.web.connections.answering import SERVER, close_after_body, refuse_expectations
from exporter.web.connections.limits import Limits
from exporter.web.connections.repetition import sparing_handler

__all__ = ["SERVER", "Connections", "Limits", "close_after_body", "refuse_expectations", "serve", "sparing_handler"]

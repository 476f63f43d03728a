"""How the web side is protected: exporter-toolkit's file, and limits against hostile clients.

path -> load() -> WebConfig -> Connections, TLS among them -> authenticate() their requests
"""

from exporter.web_config.accepting import Connections, serve
from exporter.web_config.answering import close_after_body, refuse_expectations
from exporter.web_config.auth import authenticate, extra_headers
from exporter.web_config.limits import Limits
from exporter.web_config.loading import WebConfig, load
from exporter.web_config.repetition import sparing_handler

__all__ = [
    "Connections",
    "Limits",
    "WebConfig",
    "authenticate",
    "close_after_body",
    "extra_headers",
    "load",
    "refuse_expectations",
    "serve",
    "sparing_handler",
]

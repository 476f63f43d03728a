"""How the web side is protected: exporter-toolkit's file, and limits against hostile clients.

path -> load() -> WebConfig -> limited() connections, TLS among them -> authenticate() their requests
"""

from exporter.web_config.auth import authenticate, extra_headers
from exporter.web_config.connection import limited, serve
from exporter.web_config.limits import Limits
from exporter.web_config.loading import WebConfig, load
from exporter.web_config.repetition import sparing_handler

__all__ = ["Limits", "WebConfig", "authenticate", "extra_headers", "limited", "load", "serve", "sparing_handler"]

"""exporter-toolkit's web configuration file (``--web.config.file``): who may ask, and over which TLS.

path -> load() -> WebConfig -> authenticate() the requests
"""

from exporter.web.config.auth import authenticate, extra_headers
from exporter.web.config.loading import WebConfig, load

__all__ = ["WebConfig", "authenticate", "extra_headers", "load"]

"""What is served on :9102, and to whom.

A request passes ``connections`` and ``config``. Then ``WebServer`` asks the overview, the metrics or ``Actions``.
"""

from exporter.web.connections import sparing_handler
from exporter.web.probe_endpoint import ProbeEndpoint
from exporter.web.server import ROUTES, Actions, Refused, WebServer
from exporter.web.serving import serve_protected

__all__ = ["ROUTES", "Actions", "ProbeEndpoint", "Refused", "WebServer", "serve_protected", "sparing_handler"]

"""How much one client and all of them may take."""

from __future__ import annotations

import dataclasses
from typing import Any

from collectors.terms import Seconds


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one client and all of them may take. For aiohttp's own part see ``handler_options``."""

    connections: int = 512
    per_address: int = 64
    """An address is one of IPv4, or a /64 of IPv6, which is what one customer is given."""
    handshakes: int = 64
    """Of TLS, under way at a time: one that begins costs 50 KiB, and 1 ms of a processor."""
    head: Seconds = 10.0
    """From the connection, or the first byte of a further request, to the end of the request's head."""
    idle: Seconds = 75.0
    """Between two requests; longer than Prometheus' usual interval and than proxies keep theirs."""
    send: Seconds = 5.0
    """From the first byte that was not taken: what waits has to shrink by ``send_bytes`` in every such period."""
    send_bytes: int = 16 << 10
    farewell: Seconds = 1.0
    """From the last answer, while the client may still be sending, to the end of the connection."""
    unfinished_bytes: int = 16 << 10
    """Received without the end of a head."""

    def handler_options(self) -> dict[str, Any]:
        """Return the arguments for ``web.RequestHandler``; bodies are not unpacked and not waited for."""
        return {
            "keepalive_timeout": self.idle,
            "lingering_time": 0.0,
            "auto_decompress": False,
            "access_log": None,
        }

    def within(self, open_files: int) -> Limits:
        """Leave half of the process' file descriptors (RLIMIT_NOFILE) to the probes."""
        connections = max(1, min(self.connections, open_files // 2))
        return dataclasses.replace(self, connections=connections, per_address=min(self.per_address, connections))

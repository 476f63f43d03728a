"""How much one client and all of them may take, and which connection gives way where there is no room.

There is no refusal: the connection whose latest request is the longest ago is closed for a newcomer. A
flood of idle connections so closes its own, and a scrape gets through, even from the same address; and
a reverse proxy, which is one address for all its clients, loses idle connections and no request.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import Any, Protocol

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


class Guest(Protocol):
    """An open connection."""

    def cut(self) -> None:
        """Close at once, whatever waits to be sent."""


class Guests:
    """The open connections, the one that asked longest ago first."""

    def __init__(self, most: int, per_address: int) -> None:
        self._most, self._per_address = most, per_address
        self._all: dict[Guest, str] = {}
        self._by_address: dict[str, dict[Guest, None]] = {}

    def enter(self, newcomer: Guest, address: str) -> None:
        """Let a connection in; another one may have to leave for it."""
        neighbours = self._by_address.get(address, {})
        if len(neighbours) >= self._per_address:
            self._evict(next(iter(neighbours)))
        elif len(self._all) >= self._most:
            self._evict(next(iter(self._all)))
        self._all[newcomer] = address
        self._by_address.setdefault(address, {})[newcomer] = None

    def asked(self, guest: Guest) -> None:
        """Note that a connection brought a request: it is now the last to give way."""
        address = self._all.get(guest)
        if address is not None:
            self.leave(guest)
            self._all[guest] = address
            self._by_address.setdefault(address, {})[guest] = None

    def leave(self, guest: Guest) -> None:
        """Strike a connection off; it may have left before."""
        address = self._all.pop(guest, None)
        if address is not None:
            del self._by_address[address][guest]
            if not self._by_address[address]:
                del self._by_address[address]

    def cut_all(self) -> None:
        """Cut all connections."""
        for guest in list(self._all):
            self._evict(guest)

    def _evict(self, guest: Guest) -> None:
        self.leave(guest)
        guest.cut()


def address_of(peer: object) -> str:
    """Return the address that a peer name of a socket counts for; "" where peers have none (Unix sockets)."""
    if not isinstance(peer, tuple):
        return ""
    address = ipaddress.ip_address(peer[0].partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))

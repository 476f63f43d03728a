"""The open connections, and which of them gives way where there is no room.

There is no refusal: the connection whose latest request is the longest ago is closed for a newcomer. A
flood of idle connections so closes its own, and a scrape gets through, even from the same address; and
a reverse proxy, which is one address for all its clients, loses idle connections and no request.
"""

from __future__ import annotations

from typing import Protocol


class OpenConnection(Protocol):
    """An open connection."""

    def cut(self) -> None:
        """Close at once, whatever waits to be sent."""


class OpenConnections:
    """The open connections, the one that asked longest ago first."""

    def __init__(self, most: int, per_address: int) -> None:
        self._most, self._per_address = most, per_address
        self._all: dict[OpenConnection, str] = {}
        self._by_address: dict[str, dict[OpenConnection, None]] = {}

    def add(self, newcomer: OpenConnection, address: str) -> None:
        """Add a connection; another one may have to give way."""
        neighbours = self._by_address.get(address, {})
        if len(neighbours) >= self._per_address:
            self._evict(next(iter(neighbours)))
        elif len(self._all) >= self._most:
            self._evict(next(iter(self._all)))
        self._all[newcomer] = address
        self._by_address.setdefault(address, {})[newcomer] = None

    def used(self, connection: OpenConnection) -> None:
        """Note that a connection brought a request: it is now the last to give way."""
        address = self._all.get(connection)
        if address is not None:
            self.remove(connection)
            self._all[connection] = address
            self._by_address.setdefault(address, {})[connection] = None

    def remove(self, connection: OpenConnection) -> None:
        """Remove a connection, if it has not been removed already."""
        address = self._all.pop(connection, None)
        if address is not None:
            del self._by_address[address][connection]
            if not self._by_address[address]:
                del self._by_address[address]

    def cut_all(self) -> None:
        """Cut all connections."""
        for connection in list(self._all):
            self._evict(connection)

    def _evict(self, connection: OpenConnection) -> None:
        self.remove(connection)
        connection.cut()

"""By which identifier each address is asked: a silent address is asked by another one.

A NAT knows an echo by its identifier, as it knows a connection by its ports, and keeps what it has decided for as long
as that is used. When it changes its uplink, a request with the old identifier goes on renewing an entry that leads
nowhere. So an address that three probes in a row got no reply from is asked by the next of sixteen identifiers, and
again so if that does not help. No identifier comes back before 75 s are over: a NAT forgets an unused one after
30 s (Linux) or 60 (RFC 5508, REQ-2). An address that answers again keeps its identifier: going back gains nothing.
"""

from __future__ import annotations

import contextlib
import math

from collectors.icmp.echo_socket import IDENTIFIERS, EchoSocket, with_identifier
from collectors.terms import Seconds

SILENT_AFTER = 3
"""Lost probes in a row. On a path that loses one per cent, three come together once in a million probes."""
_BETWEEN_CHANGES: Seconds = 5.0
"""At least, of one address; sixteen of them are longer than a NAT remembers."""
_MOST = 1 << 14
"""Addresses that are known to be silent: more than a fleet has. Those of hosts that are gone never answer again."""


class Identifiers:
    """The sockets of a pinger, of which all but the first are opened when they are needed."""

    def __init__(self, first: EchoSocket) -> None:
        self.sockets = [first]
        self.lost: dict[str, int] = {}
        """How many probes in a row an address has not answered. A reply takes the address out."""
        self.moved: dict[str, int] = {}
        """Which of ``sockets`` asks an address, where it is not the first."""
        self._moved_at: dict[str, Seconds] = {}

    def of(self, address: str) -> EchoSocket:
        """Return the socket and identifier that an address is asked by."""
        return self.sockets[self.moved.get(address, 0)]

    def count_lost(self, address: str, now: Seconds) -> None:
        """Count a request that left and was not answered."""
        self.lost[address] = lost = self.lost.get(address, 0) + 1
        if lost >= SILENT_AFTER and now - self._moved_at.get(address, -math.inf) >= _BETWEEN_CHANGES:
            del self.lost[address]
            self._moved_at[address] = now
            self._move(address)
        for known in (self.lost, self.moved, self._moved_at):
            if len(known) > _MOST:
                del known[next(iter(known))]

    def _move(self, address: str) -> None:
        number = (self.moved.get(address, 0) + 1) % IDENTIFIERS
        with contextlib.suppress(OSError):  # no descriptor is left: the address is asked as before
            while number >= len(self.sockets):
                self.sockets.append(with_identifier(self.sockets[0], len(self.sockets)))
            self.moved[address] = number

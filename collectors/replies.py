"""What a success measured, by kind: a round trip, an exchange, a login or a query; or what was read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from collectors.terms import Clock, Phase, Seconds

_NO_PHASES: Mapping[Phase, Seconds] = MappingProxyType({})


class RoundTrip(NamedTuple):
    """What an echo or a handshake measured: the network alone."""

    rtt: Seconds | None
    """The network's round trip; None where a handshake was retransmitted."""
    clock: Clock
    egress_queue: Seconds | None = None
    """Time in this host's own transmit queue (between the SCHED and the driver's stamp)."""
    phases: Mapping[Phase, Seconds] = _NO_PHASES

    @property
    def headline(self) -> Seconds | None:
        """The round trip."""
        return self.rtt

    @property
    def server(self) -> None:
        """Nothing: a kernel answers."""

    @property
    def took(self) -> Seconds:
        """The round trip; 0 where it is not known."""
        return self.rtt or 0.0


class Exchange(NamedTuple):
    """What a request on a new connection measured."""

    rtt: Seconds | None
    """The network's round trip; None where the handshake was retransmitted."""
    clock: Clock
    response: Seconds
    """Request out to the first byte of the answer in: network plus server."""
    duration: Seconds
    """The whole exchange, DNS to last byte."""
    phases: Mapping[Phase, Seconds]

    @property
    def headline(self) -> Seconds:
        """The response."""
        return self.response

    @property
    def server(self) -> Seconds | None:
        """What the server took, seen from outside; two clocks' noise is no time."""
        return None if self.rtt is None else max(0.0, self.response - self.rtt)

    @property
    def took(self) -> Seconds:
        """The whole exchange."""
        return self.duration


class Login(NamedTuple):
    """What a login on a new connection measured."""

    rtt: Seconds | None
    """The network's round trip; None where the handshake was retransmitted, or where there is no network between."""
    clock: Clock
    duration: Seconds
    """From the first packet to logged in."""
    round_trips: int | None
    """How often the login waited for the server, the TCP handshake included; None: a client library does not say."""
    phases: Mapping[Phase, Seconds]
    """Those of the login, the lookup before it, and the first query after it."""

    @property
    def headline(self) -> Seconds:
        """The whole login."""
        return self.duration

    @property
    def server(self) -> Seconds | None:
        """What the server took, seen from outside; two clocks' noise is no time."""
        if self.rtt is None or self.round_trips is None:
            return None
        return max(0.0, self.duration - self.round_trips * self.rtt)

    @property
    def took(self) -> Seconds:
        """The whole login."""
        return self.duration


class Query(NamedTuple):
    """What a query on a connection that is kept measured: network and server cannot be separated."""

    response: Seconds
    """Query out to the last byte of the answer in: network plus server."""
    clock: Clock

    @property
    def headline(self) -> Seconds:
        """The response."""
        return self.response

    @property
    def server(self) -> Seconds:
        """The whole response: the network is in it, unseen."""
        return self.response

    @property
    def took(self) -> Seconds:
        """The response."""
        return self.response

    @property
    def phases(self) -> Mapping[Phase, Seconds]:
        """Empty: a query is all one."""
        return _NO_PHASES


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read in the background: no round trip. Each collector that reads has its own, which says what."""

    took: Seconds
    """How long the read lasted."""

    @property
    def headline(self) -> None:
        """Nothing: it is no round trip."""
        return

    @property
    def server(self) -> None:
        """Nothing, likewise."""
        return

    @property
    def phases(self) -> Mapping[Phase, Seconds]:
        """Empty: a read is all one."""
        return _NO_PHASES


Timed = RoundTrip | Exchange | Login | Query
"""What a clock has measured."""
Reply = Timed | Reading
"""What a successful probe measured or read. A duration that could not be measured truly is None.

Whatever treats the kinds differently does so in one ``match``.
"""

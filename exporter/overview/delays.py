"""How much longer than usual the latest answer took: in the network, and at the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from collectors.terms import Seconds
from exporter.overview.pair_now import PairNow
from exporter.recording.history import is_time

_SLOWER = 1.5
"""A time is notable if it is more than so many times the usual one, plus the noise."""
_NETWORK_NOISE: Seconds = 0.005
_SERVER_NOISE: Seconds = 0.05
_SLOW_SERVER: Seconds = 1.0
"""A server that takes longer is slow, however usual that is."""
_SENT_AGAIN: Seconds = 1.0
_SENT_AGAIN_ROUND_TRIPS = 6
"""A packet that gets lost twice adds at most these two, together, to an answer: Linux waits 0.2 s or three round trips,
then twice as long (RFC 6298)."""


class Delays(NamedTuple):
    """How much longer than usual the latest answer took; 0 where that is not notable."""

    network: Seconds
    server: Seconds
    """The server's whole time, if it is slow, however usual that is."""
    queued: bool
    """Our own queue explains both."""
    perhaps_lost: bool
    """The server's delay is no longer than a packet that was lost and sent again can add."""
    single: bool
    """The delay is perhaps a lost packet, and none of the answers before was as late.

    Where packets get lost, one earlier late answer is allowed; behind a full queue, two.
    """


def delays(seen: PairNow, others: Sequence[PairNow], queue: Seconds) -> Delays:
    """Compare the latest answer with what is usual.

    ``others`` are those toward the same place; ``queue`` is how long our own one is if it is full, else 0.
    """
    network = network_delay(seen)
    server = late = _excess(seen.server, seen.usual_server, _SERVER_NOISE)
    if seen.server is not None and seen.server > _SLOW_SERVER:
        server = max(server, seen.server)
    if seen.is_kept:  # the network is in its time, unseen
        network = max(map(network_delay, others), default=0.0)
        server = max(0.0, server - network)
    perhaps_lost = network < late < _SENT_AGAIN + _SENT_AGAIN_ROUND_TRIPS * (seen.rtt or 0.0)
    queued = queue * max(2, seen.round_trips or 0)  # each flight of a login waits in it
    by_chance = 2 if queue else any(other.lost or other.resent for other in (seen, *others))
    single = perhaps_lost and seen.before is not None and _late_before(seen, queued) <= by_chance
    return Delays(network, server, 0 < max(network, server) < queued, perhaps_lost, single)


def network_delay(seen: PairNow) -> Seconds:
    """Return how much longer than usual the latest round trip took; 0 where that is not notable."""
    return _excess(seen.rtt, seen.usual_rtt, _NETWORK_NOISE)


def is_slow_server(server: Seconds, usual: Seconds | None) -> bool:
    """Return whether a server took notably longer than usual, or long however usual that is."""
    return server > _SLOW_SERVER or _excess(server, usual, _SERVER_NOISE) > 0.0


def _late_before(seen: PairNow, queued: Seconds) -> int:
    """Count the answers before that were later than the queue explains, if the network took what it takes now."""
    network = (seen.rtt or 0.0) * (seen.round_trips or 1)
    servers = [answer - network for answer in seen.before or () if is_time(answer)]
    return sum(_excess(server, seen.usual_server, _SERVER_NOISE) > queued for server in servers)


def _excess(now: Seconds | None, usual: Seconds | None, noise: Seconds) -> Seconds:
    """Return by how much a time exceeds the usual one; 0 where that is not notable."""
    if now is None or usual is None or now <= _SLOWER * usual + noise:
        return 0.0
    return now - usual

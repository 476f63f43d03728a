"""TCP: one handshake per probe, timed by the kernel (TCP_INFO), and nothing sent."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from typing import ClassVar

from collectors.contract import Context, Facts, Probe, one_by_one
from collectors.replies import RoundTrip
from collectors.target import TCP_REASONS, CachedTarget, Gives
from collectors.terms import Phase, Seconds
from collectors.transport import connection

_SHARE = 1 / 128
"""Of a burst: so many have begun within 10 ms."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TcpTarget(CachedTarget):
    """Where to open a connection and close it again."""

    protocol: ClassVar = "tcp"
    reasons: ClassVar = TCP_REASONS
    gives: ClassVar = frozenset({Gives.ROUND_TRIP, Gives.HANDSHAKE})
    phases: ClassVar[tuple[Phase, ...]] = (Phase.CONNECT,)

    port: int
    source_address: str | None
    """A literal address of ours, of the same family; None: the kernel chooses."""
    timeout: Seconds = dataclasses.field(default=10.0, compare=False)
    """Shared among a name's addresses. The caller enforces it; it is not part of the target's identity."""

    def __str__(self) -> str:
        return f"handshake with {self.address} port {self.port}"


@contextlib.asynccontextmanager
async def collector(context: Context) -> AsyncIterator[Probe[TcpTarget]]:
    """Connect to a port; what answers is the peer's kernel, so a frozen program still answers."""

    async def probe(target: TcpTarget, facts: Facts) -> RoundTrip:
        address = context.address(target.address, target.ip_family)
        others = context.others(target.address, target.ip_family)
        peer = connection.Peer(target.address, (address, *others), target.ip_family, target.port)
        sock, handshake = await connector.reach(peer, facts, target.timeout, target.source_address)
        connection.close_quietly(sock)
        return _reply(handshake)

    with connection.Connector() as connector:
        yield one_by_one(probe, share=lambda _: _SHARE)


def _reply(handshake: connection.Handshake) -> RoundTrip:
    phases = {} if handshake.rtt is None else {Phase.CONNECT: handshake.rtt}
    return RoundTrip(rtt=handshake.rtt, clock=handshake.clock, phases=phases)

"""What an ICMP probe needs to know of its target."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from collectors.target import CachedTarget, Gives
from collectors.terms import Reason


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class IcmpTarget(CachedTarget):
    """The address that gets echo requests, and their size, class and source."""

    protocol: ClassVar = "icmp"
    reasons: ClassVar = (Reason.TIMEOUT, Reason.UNREACHABLE, Reason.DNS, Reason.PROTOCOL, Reason.LOCAL)
    gives: ClassVar = frozenset({Gives.ROUND_TRIP, Gives.HOP_LIMIT, Gives.ICMP_ECHO})

    payload_bytes: int
    """Data behind the ICMP header, 8 to 65000."""
    dscp: int
    """The upper six bits of the traffic class, 0 to 63."""
    source_address: str | None
    """A literal address of ours, of the same family; None: the kernel chooses."""

    def __str__(self) -> str:
        return f"echo to {self.address}"

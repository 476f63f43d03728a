"""What a link records of its packets: counts per flow and fate, and the log of each passage."""

from __future__ import annotations

import dataclasses

from tests.netlab.delaybox.line import DROPPED, Fate, matches
from tests.netlab.delaybox.packets import Flow, Packet


@dataclasses.dataclass(frozen=True, slots=True)
class Tally:
    """How many packets of one flow met one fate."""

    fate: Fate
    flow: Flow
    packets: int


@dataclasses.dataclass(frozen=True, slots=True)
class Traffic:
    """What a link has done to its packets since it was made, per flow (addresses and kind)."""

    tallies: tuple[Tally, ...]

    def count(self, *fates: Fate, kind: str = "", src: str = "", dst: str = "") -> int:
        """Count packets of these fates, this kind (``icmp``, ``icmp echo-request``, ``tcp SYN``...) and these ends."""
        return sum(
            tally.packets
            for tally in self.tallies
            if tally.fate in fates
            and matches(tally.flow.kind, kind)
            and src in ("", tally.flow.src)
            and dst in ("", tally.flow.dst)
        )

    def dropped(self, *, kind: str = "", src: str = "", dst: str = "") -> int:
        """Count packets that never arrived, for any reason."""
        return self.count(*DROPPED, kind=kind, src=src, dst=dst)

    def forwarded(self, *, kind: str = "", src: str = "", dst: str = "") -> int:
        """Count packets that arrived, without extra copies."""
        return self.count(Fate.FORWARDED, kind=kind, src=src, dst=dst)

    def duplicated(self, *, kind: str = "", src: str = "", dst: str = "") -> int:
        """Count extra copies that arrived."""
        return self.count(Fate.DUPLICATED, kind=kind, src=src, dst=dst)


@dataclasses.dataclass(frozen=True, slots=True)
class Passage:
    """What the log holds of one packet."""

    src: str
    """The host whose side it came from, by name."""
    fate: Fate
    arrived: float
    """When its host sent it into the link (the kernel's stamp there), in seconds since the epoch."""
    written: float | None
    """When the box handed it to the other host; None if it was dropped."""
    packet: Packet

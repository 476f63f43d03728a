"""What is known of other hosts and other probes, as far as it bears on one pair, and whom it speaks against."""

from __future__ import annotations

import dataclasses
import enum
from typing import NamedTuple


class SuspectKind(enum.StrEnum):
    """What a suspect is. Closed: programs read it."""

    OWN_LINK = "own link"
    DATACENTER = "datacenter"
    """The way to it."""
    HOST = "host"
    HANDSHAKES = "handshakes"
    PROBE = "probe"
    """One that fails alike toward most hosts."""


class Suspect(NamedTuple):
    """Who explains several bad pairs at once, in words."""

    kind: SuspectKind
    who: str
    why: str

    def __str__(self) -> str:
        return f"{self.who}: {self.why}"

    def of(self, trouble: str) -> str:
        """Write the trouble of one pair as this one's."""
        return f"{self.who}: {trouble}; {self.why}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What others say, where one pair is judged."""

    nobody_answers: bool = False
    """No host at all was heard of since this one fell silent."""
    suspect: Suspect | None = None
    """Who explains that the path is bad."""
    uneven: bool = False
    """Handshakes with the host get lost, and its ICMP does not."""
    everywhere: str = ""
    """That the same probe fails alike toward other hosts, in words."""
    far: bool = False
    """The host is in another datacenter than this one."""


NOTHING = Beside()
"""Nothing is known of others."""
FAR = Beside(far=True)

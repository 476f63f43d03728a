"""What is known of other hosts and other probes, as far as it bears on one pair, and whom it speaks against."""

from __future__ import annotations

import dataclasses
import enum
from typing import NamedTuple


class SuspectKind(enum.StrEnum):
    """What a suspect is. Closed: programs read it."""

    OWN_LINK = "own link"
    DATACENTER = "datacenter"
    """The way to the datacenter."""
    HOST = "host"
    HANDSHAKES = "handshakes"
    PROBE = "probe"
    """A probe that fails in the same way toward most hosts."""


class Suspect(NamedTuple):
    """What explains several bad pairs at once, in words."""

    kind: SuspectKind
    who: str
    why: str

    def __str__(self) -> str:
        return f"{self.who}: {self.why}"

    def of(self, trouble: str) -> str:
        """Write the trouble of one pair with this suspect as its cause."""
        return f"{self.who}: {trouble}; {self.why}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What is known of other pairs when one pair is judged."""

    nobody_answers: bool = False
    """No host at all was heard of since this one fell silent."""
    suspect: Suspect | None = None
    """What explains that the path is bad."""
    uneven: bool = False
    """Handshakes with the host get lost, and ICMP echoes do not."""
    everywhere: str = ""
    """Set if the same probe fails in the same way toward other hosts: that, in words."""
    far: bool = False
    """The host is in another datacenter than this one."""


NOTHING = Beside()
"""Nothing is known of other pairs."""
FAR = Beside(far=True)

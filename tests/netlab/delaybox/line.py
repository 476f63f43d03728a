"""One direction of a path: what becomes of each packet. No clock, no socket: time is a parameter."""

from __future__ import annotations

import dataclasses
import enum
import random
from collections import Counter

from .packets import flow_of, key_of

Seconds = float


class Fate(enum.StrEnum):
    """What became of a packet; every packet has one, and a duplicated one has a second copy."""

    FORWARDED = "forwarded"
    DUPLICATED = "duplicated"
    """The extra copy; the packet itself is ``forwarded`` as well."""
    LOST = "lost"
    """By the probability ``loss``, or by ``drop_next``."""
    BLACKHOLED = "blackholed"
    OVERFLOWED = "overflowed"
    """More than ``MAX_BACKLOG`` waited for the line's ``rate``."""
    UNDELIVERED = "undelivered"
    """The device on the other side refused it: it was down."""


DROPPED = frozenset({Fate.LOST, Fate.BLACKHOLED, Fate.OVERFLOWED, Fate.UNDELIVERED})
MAX_BACKLOG: Seconds = 1.0
"""How much a rate-limited line queues before it drops, as routers with deep buffers do."""


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """How one direction treats packets."""

    delay: Seconds = 0.0
    """The *round trip*: one direction takes half of it."""
    jitter: Seconds = 0.0
    """Each packet takes up to this much more or less, uniformly, in each direction (never below 0)."""
    loss: float = 0.0
    """Probability, per packet and per direction, independent: a round trip fails with 1 - (1 - loss)²."""
    duplicate: float = 0.0
    """Probability, per packet and per direction, that it arrives twice."""
    rate: float | None = None
    """Bits of IP packets per second; None is without limit."""
    blackhole: bool = False
    """Everything that comes in now vanishes; what is already under way still arrives."""
    reorder: bool = False
    """Whether jitter may let packets overtake: no by default, as real paths mostly keep order."""

    def __post_init__(self) -> None:
        if not (0 <= self.loss <= 1 and 0 <= self.duplicate <= 1):
            raise ValueError(f"loss and duplicate are probabilities: {self}")
        if self.delay < 0 or self.jitter < 0 or (self.rate is not None and self.rate <= 0):
            raise ValueError(f"delay and jitter are seconds from 0, rate is above 0: {self}")


class Line:
    """Decides and counts. The same seed and the same packets give the same fates, always."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self.settings = settings
        self.tally: Counter[tuple[Fate, bytes]] = Counter()
        self._random = random.Random(seed)
        self._free_at: Seconds = 0.0
        self._last_due: Seconds = 0.0
        self._to_drop = 0
        self._to_drop_kind = ""

    def drop_next(self, packets: int, kind: str) -> None:
        """Lose exactly the next packets of this kind ("" is any; "tcp" is all of TCP)."""
        self._to_drop, self._to_drop_kind = packets, kind

    def take(self, data: bytes, now: Seconds) -> tuple[Fate, list[Seconds]]:
        """Return when the copies of a packet leave that came in: none, if it is dropped.

        Three numbers are drawn for every packet, needed or not, so that changing one setting
        does not change what the others decide.
        """
        luck, twice, shift = self._random.random(), self._random.random(), self._random.uniform(-1, 1)
        fate = self._fate(data, luck, now)
        if fate is not Fate.FORWARDED:
            self.count(fate, data)
            return fate, []
        due = self._due(len(data), shift, now)
        return fate, [due, due] if twice < self.settings.duplicate else [due]

    def count(self, fate: Fate, data: bytes) -> None:
        """Count what became of a packet."""
        self.tally[fate, key_of(data)] += 1

    def _fate(self, data: bytes, luck: float, now: Seconds) -> Fate:
        if self.settings.blackhole:
            return Fate.BLACKHOLED
        if self._is_to_drop(data) or luck < self.settings.loss:
            return Fate.LOST
        if self.settings.rate and self._free_at - now > MAX_BACKLOG:
            return Fate.OVERFLOWED
        return Fate.FORWARDED

    def _is_to_drop(self, data: bytes) -> bool:
        if not self._to_drop or not matches(flow_of(key_of(data)).kind, self._to_drop_kind):
            return False
        self._to_drop -= 1
        return True

    def _due(self, size: int, shift: float, now: Seconds) -> Seconds:
        settings = self.settings
        if settings.rate:
            now = self._free_at = max(now, self._free_at) + size * 8 / settings.rate
        due = now + max(0.0, settings.delay / 2 + shift * settings.jitter)
        if not settings.reorder:
            due = self._last_due = max(due, self._last_due)
        return due


def matches(kind: str, wanted: str) -> bool:
    """Tell whether a kind is the wanted one: "tcp" is every TCP packet, "tcp SYN" only the bare SYN."""
    return not wanted or kind == wanted or kind.startswith(wanted + " ")

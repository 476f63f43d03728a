"""What happened lately and what is usual, in memory that does not grow, however long the program runs."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Callable
from typing import Final

from collectors.terms import Seconds

ROOM = 60
"""Results that are kept of each pair: five minutes at one in five seconds."""

# What stands among the recent results instead of a time:
LOST = math.nan
"""Nothing came back of the probe."""
FAILED = -math.inf
"""The probe failed otherwise."""
UNMEASURED = math.inf
"""The probe gave no time though nothing was lost, or it failed on this host."""
RESENT = -1.0
"""The probe gave no time because the first packet of its handshake was lost and sent again."""
_HALF: Seconds = 30.0
"""Half of the minute of ``Lately``."""

_SLOT: Seconds = 600.0
"""The results of so long have one median."""
_SLOTS = 36
"""So many medians are kept: those of the last six hours that had results."""
_SEEDS = 5
"""So many results are the first slot."""
_SEED_SLOTS = 6
"""The first slot's median is kept so many times: as if for an hour, or what follows would be usual within minutes."""
_FEWEST = 3
"""Of fewer results nothing is called usual."""
_APART: Seconds = 40.0
"""The least time between two values of a slot that are kept."""
_LOSS_SLOT: Seconds = 1800.0
_LOSS_SLOTS = 12
"""Six hours by the half hour."""
_HOURS_OF_LOSS = 4
"""So many half hours are hours."""


def is_time(value: Seconds) -> bool:
    """Return whether a result is a time, and none of the marks above."""
    return 0.0 <= value < math.inf


class Recent:
    """The last results of a pair, as times or marks, and when they came."""

    __slots__ = ("_added", "_times", "_values")

    def __init__(self) -> None:
        self._values = array("f", [LOST]) * ROOM
        self._times = array("f", [0.0]) * ROOM
        self._added = 0

    def add(self, value: Seconds, now: Seconds) -> None:
        """Add a result, at a time that never goes back, in place of the oldest."""
        place = self._added % ROOM
        self._values[place], self._times[place] = value, now
        self._added += 1

    def values(self) -> list[Seconds]:
        """Return the results, the latest last; rounded to seven digits."""
        return self._in_order(self._values)

    def since(self, time: Seconds) -> list[Seconds]:
        """Return the results that came at this time or later; times are kept to a second."""
        return self.values()[bisect_left(self._in_order(self._times), time) :]

    def _in_order(self, ring: array[float]) -> list[float]:
        if self._added <= ROOM:
            return ring[: self._added].tolist()
        oldest = self._added % ROOM
        return (ring[oldest:] + ring[:oldest]).tolist()


class Usual:
    """The median of the last six hours: of one median per ten minutes, without the ten minutes that are under way.

    A new level becomes usual when it has lasted for half of that time. Soon after the start it does when it has lasted
    longer than an hour, for which the first five results stand. A time without results counts as an hour at most.
    """

    __slots__ = ("_begun", "_due", "_medians", "_now", "_oldest")

    def __init__(self) -> None:
        self._medians = array("f")
        self._oldest = 0
        self._now = array("f")
        self._begun: Seconds = math.inf
        self._due: Seconds = -math.inf

    def add(self, value: Seconds, now: Seconds) -> None:
        """Add a value, at a time that never goes back; it is dropped if it comes too soon after the one before."""
        if now < self._due:
            return
        if now - self._begun >= _SLOT:
            slots, rest = divmod(now - self._begun, _SLOT)
            self._keep(min(int(slots), _SEED_SLOTS), now - rest)
        self._now.append(value)
        if self._medians:
            self._due = now + _APART
        elif len(self._now) == _SEEDS:
            self._keep(_SEED_SLOTS, now)

    @property
    def seeds(self) -> int | None:
        """Return of how many results it is the median, while they are few; None once they are not."""
        return None if self._medians else len(self._now)

    def median(self) -> Seconds | None:
        """Return what is usual, the lower of two in the middle, to six digits; None before there are three values."""
        known = self._medians or self._now
        return float(f"{_median(known):.6g}") if len(known) >= _FEWEST else None

    def _keep(self, times: int, begun: Seconds) -> None:
        """Keep the slot's median so many times, and begin the next slot."""
        self._begun = begun
        for median in [_median(self._now)] * times if self._now else ():
            if len(self._medians) < _SLOTS:
                self._medians.append(median)
            else:
                self._medians[self._oldest] = median
                self._oldest = (self._oldest + 1) % _SLOTS
        del self._now[:]


NOTHING_USUAL: Final = Usual()
"""The usual of what was never measured: most pairs have no server's share, and share this one object."""


class UsualLoss:
    """The share of a pair's probes that fails usually: the median of the last six hours, by the half hour.

    So an hour without any answer is not learnt as usual, and one failure in a hundred is.
    """

    __slots__ = ("_bad", "_probes", "_shares", "ends")

    def __init__(self) -> None:
        self._probes = self._bad = 0
        self._shares = array("f")
        self.ends: Seconds = -math.inf
        """When the half hour that is under way is over."""

    def begin_slot(self, probes: int, bad: int, now: Seconds) -> None:
        """Begin another half hour, by how many probes there have been in all and how many of them were bad."""
        if probes > self._probes and self.ends > -math.inf:
            self._shares = self._shares[-_LOSS_SLOTS + 1 :]
            self._shares.append((bad - self._bad) / (probes - self._probes))
        self._probes, self._bad, self.ends = probes, bad, now + _LOSS_SLOT

    def median(self) -> float | None:
        """Return that share; None before half an hour is over."""
        return _median(self._shares) if self._shares else None

    def of_hours(self) -> float | None:
        """Return that share; None before two hours are over."""
        return _median(self._shares) if len(self._shares) >= _HOURS_OF_LOSS else None


def _median(values: array[float]) -> float:
    return sorted(values)[(len(values) - 1) // 2]  # ``statistics`` is 1 MB


class Lately:
    """The largest value of about the last minute, or with ``operator.add`` the sum.

    A value counts for 30 seconds at least and 90 at most.
    """

    def __init__(self, combine: Callable[[float, float], float] = max) -> None:
        self._combine = combine
        self._since: Seconds = -math.inf
        self._now: float | None = None
        self._before: float | None = None

    def add(self, value: float, now: Seconds) -> None:
        """Add a value, at a time that never goes back."""
        self._begin_half_minute(now)
        self._now = value if self._now is None else self._combine(self._now, value)

    def read(self, now: Seconds) -> float | None:
        """Return that value; None if there was none."""
        self._begin_half_minute(now)
        if self._now is None or self._before is None:
            return self._before if self._now is None else self._now
        return self._combine(self._now, self._before)

    def _begin_half_minute(self, now: Seconds) -> None:
        """Begin another half minute, if one is over."""
        if now - self._since >= _HALF:
            self._before = self._now if now - self._since < 2 * _HALF else None
            self._now, self._since = None, now

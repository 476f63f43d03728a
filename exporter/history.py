"""What happened lately, in a room that does not grow, however long we run."""

from __future__ import annotations

import math
import statistics
from array import array
from collections.abc import Callable

from collectors.contract import Seconds

ROOM = 60
"""Results that are kept of each pair: five minutes at one in five seconds."""
LOST = math.nan
"""A probe that failed, among the recent results."""
UNMEASURED = math.inf
"""A probe that succeeded, but gave no time: its handshake was sent again."""
_SAMPLE = 64
_HALF: Seconds = 30.0


class Recent:
    """The last results of a pair, ``LOST`` and ``UNMEASURED`` among them."""

    __slots__ = ("_added", "_values")

    def __init__(self) -> None:
        self._values = array("f", [LOST]) * ROOM
        self._added = 0

    def add(self, value: Seconds) -> None:
        """Take a result; the oldest goes."""
        self._values[self._added % ROOM] = value
        self._added += 1

    def values(self) -> list[Seconds]:
        """Return the results, the latest last; rounded to seven digits."""
        if self._added <= ROOM:
            return self._values[: self._added].tolist()
        oldest = self._added % ROOM
        return (self._values[oldest:] + self._values[:oldest]).tolist()


class Usual:
    """The median since the start, of a sample that is spread evenly over all that time.

    It takes every nth value; whenever the room is full, every other one goes and n doubles.
    """

    __slots__ = ("_due", "_sample", "_step")

    def __init__(self) -> None:
        self._sample = array("d")
        self._due = self._step = 1

    def add(self, value: Seconds) -> None:
        """Take a value, if it is one of those that are kept."""
        self._due -= 1
        if self._due:
            return
        self._sample.append(value)
        if len(self._sample) == _SAMPLE:
            self._sample = self._sample[::2]
            self._step *= 2
        self._due = self._step

    def median(self) -> Seconds | None:
        """Return what is usual; None before the first value."""
        return statistics.median_low(self._sample) if self._sample else None


class Lately:
    """The largest value of the last minute, or with ``operator.add`` their sum; forgotten after half a minute more."""

    def __init__(self, combine: Callable[[float, float], float] = max) -> None:
        self._combine = combine
        self._since: Seconds = -math.inf
        self._now = self._before = 0.0

    def add(self, value: float, now: Seconds) -> None:
        """Take a value, at a time that never goes back."""
        self._turn(now)
        self._now = self._combine(self._now, value)

    def read(self, now: Seconds) -> float:
        """Return it; 0 when there was nothing."""
        self._turn(now)
        return self._combine(self._now, self._before)

    def _turn(self, now: Seconds) -> None:
        """Begin another half minute, when one is over."""
        if now - self._since >= _HALF:
            self._before = self._now if now - self._since < 2 * _HALF else 0.0
            self._now, self._since = 0.0, now

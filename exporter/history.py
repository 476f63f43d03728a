"""What happened lately, in a room that does not grow, however long we run."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable

from collectors.contract import Seconds

ROOM = 60
"""Results that are kept of each pair: five minutes at one in five seconds."""
LOST = math.nan
"""A probe that nothing came back of, among the recent results."""
FAILED = -math.inf
"""A probe that failed otherwise."""
UNMEASURED = math.inf
"""A probe that gave no time though nothing was lost: its handshake was sent again, or it failed here."""
_SAMPLE = 64
_HALF: Seconds = 30.0


class Recent:
    """The last results of a pair, ``LOST``, ``FAILED`` and ``UNMEASURED`` among them."""

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
        """Return what is usual, the lower of two in the middle; None before the first value."""
        return sorted(self._sample)[(len(self._sample) - 1) // 2] if self._sample else None  # ``statistics`` is 1 MB


class Lately:
    """The largest value of the last minute, or with ``operator.add`` their sum; forgotten after half a minute more."""

    def __init__(self, combine: Callable[[float, float], float] = max) -> None:
        self._combine = combine
        self._since: Seconds = -math.inf
        self._now: float | None = None
        self._before: float | None = None

    def add(self, value: float, now: Seconds) -> None:
        """Take a value, at a time that never goes back."""
        self._turn(now)
        self._now = value if self._now is None else self._combine(self._now, value)

    def read(self, now: Seconds) -> float | None:
        """Return it; None when there was nothing."""
        self._turn(now)
        if self._now is None or self._before is None:
            return self._before if self._now is None else self._now
        return self._combine(self._now, self._before)

    def _turn(self, now: Seconds) -> None:
        """Begin another half minute, when one is over."""
        if now - self._since >= _HALF:
            self._before = self._now if now - self._since < 2 * _HALF else None
            self._now, self._since = None, now

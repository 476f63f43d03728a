"""Ids that are missing below the watermark: of transactions under way, which may still commit, or of nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from collectors.n8n.rows import Rows
from collectors.terms import Seconds

MOST = 2_000
"""So many missing ids are kept, the highest ones: what commits late is young."""
_LEAST_AGE: Seconds = 60.0
"""A transaction takes an id before it has a number of its own; that moment may last as long as a process is held."""
_MOST_AGE: Seconds = 3600.0


class _Missed(NamedTuple):
    at: Seconds
    """By the database's clock."""
    next_transaction: int
    """Whoever took the id has a lower number than this."""


class Gaps:
    """The missing ids that are asked for again, until they turn up or can't any more.

    An id is given up when every transaction has ended that had begun when it was missed: a later one gets a higher id.
    """

    def __init__(self, saved: Iterable[Sequence[float]] = ()) -> None:
        self._missed = {int(number): _Missed(float(at), int(following)) for number, at, following in saved}

    def __iter__(self) -> Iterator[int]:
        return iter(self._missed)

    def __contains__(self, number: int) -> bool:
        return number in self._missed

    def __len__(self) -> int:
        return len(self._missed)

    def note(self, below: int, above: int, rows: Rows) -> None:
        """Note that all ids between two are missing."""
        missed = _Missed(rows.now, rows.next_transaction)
        for number in range(max(below + 1, above - MOST), above):
            self._missed[number] = missed

    def fill(self, number: int) -> None:
        """Note that an id has turned up."""
        del self._missed[number]

    def settle(self, rows: Rows) -> None:
        """Give up the ids that can't turn up any more, and the lowest beyond ``MOST``."""
        lowest = sorted(self._missed)[-MOST:][:1]
        self._missed = {
            number: missed
            for number, missed in self._missed.items()
            if number >= lowest[0] and not _is_settled(missed, rows)
        }

    def saved(self) -> list[list[float]]:
        """Return the missing ids as values that JSON can hold."""
        return [[number, *missed] for number, missed in self._missed.items()]


def _is_settled(missed: _Missed, rows: Rows) -> bool:
    age = rows.now - missed.at
    return age > _MOST_AGE or (age > _LEAST_AGE and rows.oldest_running >= missed.next_transaction)

"""Which hosts of one datacenter probe which of another, or of their own, if each probes so many: by a ring of names.

    each host has a place on the ring, by the SHA-256 of its name   the same everywhere, so nobody has to be asked
    within a datacenter    it probes those that follow it           one that joins takes a pair of each one before it
    across                 it draws one place after the other, and
                           probes what follows there                two datacenters are thus mixed at random

All that are dealt out are shared evenly: a target that has its share takes no more, and the next one is taken. So each
is probed by as many as any other, or by one more. docs/decisions/0044-a-sampled-mesh.md proves it, and has its price.
"""

from __future__ import annotations

import hashlib
import struct
from bisect import bisect
from collections.abc import Collection, Iterable, Mapping, Sequence

_DRAWS = 64
"""Places that are drawn across, before the next one that has room is taken. Fewer move more pairs when a host joins."""
_PLACE = struct.Struct(">Q")


def place(name: str) -> int:
    """Return where a name is on the ring."""
    (first,) = _PLACE.unpack_from(hashlib.sha256(name.encode()).digest())
    return int(first)


def _draws(name: str) -> Sequence[int]:
    """Return the places that a name draws."""
    digests = (hashlib.sha256(f"{number} {name}".encode()).digest() for number in range(_DRAWS // 4))
    return [first for (first,) in _PLACE.iter_unpack(b"".join(digests))]


def dealt(
    sources: Collection[str], targets: Collection[str], each: int, *, within: bool
) -> Mapping[str, Sequence[str]]:
    """Return the targets of each source: ``each`` of them, or all that there are; no host probes itself.

    ``within``: they are of one datacenter, where a host probes those that follow it.
    """
    if each >= len(targets):
        return {source: [target for target in targets if target != source] for source in sources}
    return _Deal(sources, targets, each).out(0 if within else _DRAWS)


def _in_order(names: Iterable[str]) -> list[tuple[int, str]]:
    return sorted((place(name), name) for name in names)


class _Deal:
    """The targets of one datacenter, dealt out to the sources of one."""

    def __init__(self, sources: Iterable[str], targets: Collection[str], each: int) -> None:
        self._places, self._ring = zip(*_in_order(targets), strict=True)
        self._picks: dict[str, list[str]] = {source: [] for _, source in _in_order(sources)}
        self._each = {source: min(each, len(targets) - (source in targets)) for source in self._picks}
        self._share, self._over = divmod(sum(self._each.values()), len(targets))
        """What each target takes, and how many take one more."""
        self._taken = dict.fromkeys(targets, 0)

    def out(self, draws: int) -> Mapping[str, Sequence[str]]:
        """Deal."""
        waiting = list(self._picks)
        drawn = {source: _draws(source) for source in waiting} if draws else {}
        for draw in range(draws):
            for source in waiting:
                self._try(source, self._ring[self._behind(drawn[source][draw])])
            waiting = [source for source in waiting if self._lacks(source)]
        for source in waiting:
            self._walk(source)
        for source in waiting:
            while self._lacks(source):
                self._exchange(source)
        return self._picks

    def _behind(self, there: int) -> int:
        return bisect(self._places, there) % len(self._ring)

    def _lacks(self, source: str) -> bool:
        return len(self._picks[source]) < self._each[source]

    def _has_room(self, target: str) -> bool:
        return self._taken[target] < self._share + (self._over > 0)

    def _try(self, source: str, target: str) -> None:
        if target != source and self._has_room(target) and target not in self._picks[source]:
            self._picks[source].append(target)
            self._take(target)

    def _take(self, target: str) -> None:
        self._over -= self._taken[target] == self._share
        self._taken[target] += 1

    def _walk(self, source: str) -> None:
        """Go around the ring from the source's own place."""
        first = self._behind(place(source))
        for target in self._ring[first:] + self._ring[:first]:
            if not self._lacks(source):
                return
            self._try(source, target)

    def _exchange(self, source: str) -> None:
        """Take from another source what this one can probe, for what has room and this one cannot; one can always."""
        mine = {source, *self._picks[source]}
        free, theirs, given = next(
            (free, theirs, given)
            for free in filter(self._has_room, self._ring)
            for other, theirs in self._picks.items()
            if free not in {other, *theirs}
            for given in theirs
            if given not in mine
        )
        theirs[theirs.index(given)] = free
        self._picks[source].append(given)
        self._take(free)

"""The jobs that keep the addresses of names fresh: which names, and how often each is looked up."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import NamedTuple

from collectors.literals import literal_family
from collectors.terms import IpFamily, Seconds
from exporter.fleet import Pair

_TIMEOUT: Seconds = 5.0


class NameAndFamily(NamedTuple):
    """A name, and the family of the addresses that are asked for."""

    name: str
    ip_family: IpFamily


@dataclasses.dataclass(frozen=True, slots=True)
class Refresh:
    """A job of the scheduler: every ``interval`` a target's name is looked up, if its address is no longer fresh.

    One that is due while the refresh before it still runs is skipped.
    """

    target: str
    aim: NameAndFamily
    interval: Seconds

    @property
    def identity(self) -> tuple[str, ...]:
        """What distinguishes it from all other refreshes."""
        return ("refresh", self.target, self.aim.name, self.aim.ip_family)

    @property
    def slots(self) -> int:
        """One: nothing is gained by waiting for other refreshes."""
        return 1

    @property
    def timeout(self) -> Seconds:
        """Long enough to ask a second name server."""
        return _TIMEOUT


def refreshes(pairs: Iterable[Pair], keep: Seconds) -> list[Refresh]:
    """Return the refreshes that these pairs need; none for names that a probe looks up itself, as HTTP's do.

    ``keep`` is how many seconds an address is kept.
    """
    intervals: dict[tuple[str, NameAndFamily], Seconds] = {}
    for pair in pairs:
        name = pair.aim.cached_name
        if name is not None and literal_family(name) is None:
            key = pair.target, NameAndFamily(name, pair.ip_family)
            intervals[key] = min(keep, pair.interval, intervals.get(key, keep))
    return [Refresh(target, name, keep / math.ceil(keep / interval)) for (target, name), interval in intervals.items()]

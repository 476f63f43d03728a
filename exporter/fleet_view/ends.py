"""Bad ways between two hosts or datacenters: there and back is one culprit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from exporter.fleet_view.grouping import grouped
from exporter.fleet_view.paths import FleetPath


class Ends(NamedTuple):
    """Two hosts or two datacenters; both ways between them are bad, or only the one from the first to the other."""

    first: str
    other: str
    both_ways: bool

    @property
    def name(self) -> str:
        """What a path between two hosts is called."""
        return f"between {self.first} and {self.other}" if self.both_ways else f"{self.first} to {self.other}"

    @property
    def datacenters(self) -> str:
        """What the way between two datacenters is called."""
        if self.first == self.other:
            return f"within {self.first}"
        return f"{self.first} {'and' if self.both_ways else 'to'} {self.other}"


def both_ways(bad_ways: Mapping[tuple[str, str], Sequence[FleetPath]]) -> Iterator[tuple[Ends, Sequence[FleetPath]]]:
    """Yield each pair of ends once, with the bad paths there and back together."""
    for (first, other), bad in bad_ways.items():
        back = bad_ways.get((other, first)) if first != other else None
        if back is None or first < other:
            yield Ends(first, other, both_ways=back is not None), [*bad, *(back or ())]


def by_ends(paths: Iterable[FleetPath]) -> Mapping[tuple[str, str], Sequence[FleetPath]]:
    """Return paths by source and target."""
    return grouped(paths, lambda path: (path.source, path.target))

"""How many series a fleet costs Prometheus, counted from the fleet file alone."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

from collectors.literals import literal_family
from collectors.target import Gives
from exporter.fleet import Fleet, Pair, roles, survey
from exporter.recording.metrics import series_of


def series(fleet: Fleet, pairs: Sequence[Pair], *, native: bool | None = None) -> int:
    """Return how many series all pairs cost at most; ``native`` is whether histograms are, by default as asked for."""
    native = fleet.scrape.native_histograms if native is None else native
    return sum(series_of(pair, fleet.defaults.buckets, native=native) for pair in pairs)


def measured(pairs: Iterable[Pair]) -> list[Pair]:
    """Return the pairs that are measured. How many series an n8n has depends on what is read of it."""
    return [pair for pair in pairs if Gives.READING not in pair.aim.gives]


def of_each_exporter(
    fleet: Fleet, chosen: Callable[[Iterable[Pair]], Sequence[Pair]] = tuple, *, native: bool | None = None
) -> list[int]:
    """Return how many series of its pairs each host with an exporter has at most; of those that are ``chosen``.

    Hosts that take the same part, and whose addresses are of one kind, cost the same: one of them is counted.
    """
    known: dict[Hashable, int] = {}
    counts = []
    for host, part in zip(fleet.hosts, roles(fleet), strict=True):
        if host.exporter:
            kind = part, literal_family(host.address)
            if kind not in known:
                known[kind] = series(fleet, chosen(survey(fleet, host)[0]), native=native)
            counts.append(known[kind])
    return counts

"""Of one pair: its labels, and how many series it costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from exporter.exposition import Family, Labels
from exporter.fleet import LOGIN, Pair
from exporter.metrics.databases import DATABASE_LABELS, database_families
from exporter.metrics.network import PAIR_LABELS, network_families


def labels_of(pair: Pair) -> Labels:
    """Return the labels of a pair's series; a database's two pairs have the same."""
    database, *values = pair.identity
    if database:
        values = [database, pair.protocol, *values[:4]]
    return tuple(zip(DATABASE_LABELS if database else PAIR_LABELS, values, strict=True))


def series_of(pair: Pair, buckets: Sequence[float]) -> int:
    """Return how many series a pair costs at most; a database's are counted with its logins."""
    if pair.database:
        families: Iterable[Family] = database_families(buckets) if pair.probe == LOGIN else ()
    else:
        families = network_families(buckets)
    return sum(len(list(family.samples(pair))) for family in families)

"""The series of every pair that is configured, and their lines on the page.

A page is made in pieces, and probes are decided between two of them. It shows the moment at which it began all the
same: a series that is about to change is copied first, for the pages that are under way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from collectors.target import Gives
from exporter.fleet import LOGIN, QUERY, Pair
from exporter.recording.exposition import Exposition, keyed_lines
from exporter.recording.families import Labels
from exporter.recording.messages import keyed_messages
from exporter.recording.metrics import N8N_FAMILIES, DatabaseSeries, database_families, labels_of, network_families
from exporter.recording.series import PairSeries


class PairRecords:
    """Finds the series of a pair, and renders those of all pairs."""

    def __init__(self) -> None:
        self._pairs: Sequence[Pair] = ()
        self._series: dict[tuple[str, ...], PairSeries] = {}
        """By the pair's identity, which a reload keeps."""
        self._by_target: dict[int, PairSeries] = {}
        """By the ``id`` of the pair's aim, which is at hand whenever a probe ends."""
        self._databases: dict[int, DatabaseSeries] = {}
        """By the ``id`` of either of its two series."""
        self._under_way: list[dict[int, Any]] = []
        """For each page that is under way: what changed since it began, as it was then, by its ``id``."""
        self._page, self._database_page = Exposition(network_families(())), Exposition(database_families(()))
        self._n8n: list[tuple[Labels, PairSeries]] = []
        """The labels and the series of each n8n."""

    def configure(self, pairs: Sequence[Pair], buckets: Sequence[float]) -> set[tuple[str, ...]]:
        """Record these pairs, and return the identities of those that are gone; the counters of the others go on."""
        before, self._series, self._by_target = self._series, {}, {}
        aims = {pair.identity: pair.aim for pair in self._pairs}
        self._page, self._pairs, self._n8n = Exposition(network_families(buckets)), pairs, []
        for pair in pairs:
            series = before.get(pair.identity) or PairSeries(pair.aim.reasons)
            series = series.for_configuration(pair.aim.phases, buckets, fresh_for=2 * pair.interval + pair.timeout)
            if aims.get(pair.identity, pair.aim) != pair.aim:
                series = series.copy()  # a page under way may need what is forgotten now
                series.restart_usual()  # what is usual there is not what was usual where it pointed before
            self._series[pair.identity] = self._by_target[id(pair.aim)] = series
            if Gives.READING in pair.aim.gives:
                self._n8n.append((labels_of(pair), series))
            elif not pair.database:
                self._page.add(pair, labels_of(pair), series, series.created)
        self._add_databases(buckets)
        return before.keys() - self._series.keys()

    def _add_databases(self, buckets: Sequence[float]) -> None:
        """Show each database's logins and queries together."""
        self._database_page = Exposition(database_families(buckets))
        queries = {
            pair.database: self._series[pair.identity] for pair in self._pairs if pair.database and pair.probe == QUERY
        }
        before, self._databases = self._databases, {}
        for pair in self._pairs:
            if pair.database and pair.probe == LOGIN:
                login, query = self._series[pair.identity], queries[pair.database]
                series = before.get(id(login))
                if not series or series.query is not query:
                    series = DatabaseSeries(login, query)
                self._databases[id(login)] = self._databases[id(query)] = series
                self._database_page.add(pair, labels_of(pair), series, login.created)

    def __contains__(self, target: object) -> bool:
        """Return whether a pair aims at this very object."""
        return id(target) in self._by_target

    def changing(self, target: object) -> PairSeries:
        """Return the series of the pair that aims at this very object, to be changed by the caller at once."""
        series = self._by_target[id(target)]
        for frozen in self._under_way:
            state = self._databases.get(id(series), series)
            if id(state) not in frozen:
                frozen[id(state)] = state.copy()
        return series

    def states(self) -> list[tuple[Pair, PairSeries]]:
        """Return every pair with its series."""
        return [(pair, self._by_target[id(pair.aim)]) for pair in self._pairs]

    def render(self, now: float, *, openmetrics: bool) -> Iterator[bytes]:
        """Return the lines of all pairs in pieces, between which others may run; all that they say is of now."""
        with self._as_it_is_now() as (pages, n8n, frozen):
            for page in pages:
                yield from page.render(now, openmetrics=openmetrics, frozen=frozen)
            for family in N8N_FAMILIES if n8n else ():
                yield from keyed_lines(family, _at_once(n8n, frozen), now, openmetrics=openmetrics)

    def messages(self, now: float) -> Iterator[bytes]:
        """Return the same in protobuf."""
        with self._as_it_is_now() as (pages, n8n, frozen):
            for page in pages:
                yield from page.messages(now, frozen)
            for family in N8N_FAMILIES if n8n else ():
                yield from keyed_messages(family, _at_once(n8n, frozen), now)

    @contextlib.contextmanager
    def _as_it_is_now(self) -> Iterator[_Pages]:
        """Keep what changes from now on as it was, for the page that is made meanwhile."""
        frozen = dict[int, Any]()
        self._under_way.append(frozen)
        try:
            yield _Pages((self._page, self._database_page), self._n8n, frozen)
        finally:
            self._under_way = [other for other in self._under_way if other is not frozen]


class _Pages(NamedTuple):
    pages: Sequence[Exposition]
    n8n: Sequence[tuple[Labels, PairSeries]]
    frozen: Mapping[int, Any]


def _at_once(
    n8n: Iterable[tuple[Labels, PairSeries]], frozen: Mapping[int, Any]
) -> Iterator[tuple[Labels, PairSeries]]:
    """Look each series up when it is asked for: it may change between two pieces."""
    return ((labels, frozen.get(id(series), series)) for labels, series in n8n)

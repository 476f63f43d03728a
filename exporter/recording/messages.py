"""Series to protobuf: the page that Prometheus asks for where it takes native histograms.

It is a row of messages MetricFamily (metrics.proto of github.com/prometheus/client_model), each behind its length. Like
the lines of the text page, the bytes of a family that do not change are made once and shared by its owners. A scrape
fills in the numbers, the lengths that depend on them, and the owner's labels.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from exporter.recording.families import Family, KeyedFamily, Labels
from exporter.recording.histogram_messages import HistogramWriter
from exporter.recording.metric_messages import Behind, NumbersWriter, NumberWriter, SummaryWriter, labels_in_message
from exporter.recording.protobuf import number_key, sized, varint

_TYPES = {"counter": 0, "gauge": 1, "summary": 2, "unknown": 3, "histogram": 4}
_AT_ONCE = 500
"""Messages of one piece of the page, the work of half a millisecond; of some more when they are asked for the first
time."""
_HISTOGRAMS_AT_ONCE = 80
"""The same where they are histograms."""


class _Owner(NamedTuple):
    owner: object
    labels: Labels
    state: Any
    created: float | None
    behind: dict[tuple[str, float | None], Behind]
    """What stands behind its numbers, by the kind of family and since when they count."""

    def behind_of(self, kind: str, created: float | None) -> Behind:
        """Return that, made when somebody asks for the first time."""
        key = kind, created
        if key not in self.behind:
            self.behind[key] = Behind(kind, created, labels_in_message(self.labels))
        return self.behind[key]


Writer = NumberWriter | NumbersWriter | SummaryWriter | HistogramWriter


class _Prepared(NamedTuple):
    """Owners of a family: what writes their messages, what stands behind the numbers, and where these are from."""

    writers: list[Writer]
    behind: list[bytes]
    states: list[Any]


class Messages:
    """Families with the messages of all their owners."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families
        self._owners: list[_Owner] = []
        self._prepared: dict[str, list[_Prepared]] = {family.name: [] for family in families}
        """For each piece of the page that was asked for."""
        self._shared: dict[Hashable, Writer] = {}

    def add(self, owner: object, labels: Labels, state: object, created: float | None) -> None:
        """Add an owner to every family; ``created`` is since when it counts, in seconds since the epoch."""
        self._owners.append(_Owner(owner, labels, state, created, {}))

    def render(self, now: float, frozen: Mapping[int, Any]) -> Iterator[bytes]:
        """Return the page in pieces, of which an empty one lets others run; ``frozen`` is as in ``Exposition``."""
        for family in self._families:
            at_once = _HISTOGRAMS_AT_ONCE if family.histogram else _AT_ONCE
            metrics, prepared = [], self._prepared[family.name]
            for number, start in enumerate(range(0, len(self._owners), at_once)):
                if number == len(prepared):
                    prepared.append(self._prepare(family, self._owners[start : start + at_once]))
                metrics.append(_metrics(family, prepared[number], now, frozen))
                yield b""
            yield from family_message(family.name, family.kind, family.help, metrics)

    def _prepare(self, family: Family, owners: Iterable[_Owner]) -> _Prepared:
        prepared = _Prepared([], [], [])
        for owner in owners:
            if samples := tuple(family.samples(owner.owner)):
                created = family.histogram(owner.state).created if family.histogram else owner.created
                behind = owner.behind_of(family.kind, created)
                key = family.name, samples, behind.in_value, len(behind.written)
                if key not in self._shared:
                    self._shared[key] = _writer(family.kind, samples, behind)
                prepared.writers.append(self._shared[key])
                prepared.behind.append(behind.written)
                prepared.states.append(owner.state)
        return prepared


def _metrics(family: Family, prepared: _Prepared, now: float, frozen: Mapping[int, Any]) -> bytes:
    writers, behinds, states = prepared
    if frozen:
        states = [frozen.get(id(state), state) for state in states]
    if family.histogram and writers and isinstance(first := writers[0], HistogramWriter):
        return first.write_all(list(map(family.histogram, states)), behinds)
    read, pieces = family.read, []
    for writer, behind, state in zip(writers, behinds, states, strict=True):
        values = read(state, now)
        if values is not None:
            pieces.append(writer.write(values, behind))
    return b"".join(pieces)


def keyed_messages(family: KeyedFamily, owned: Iterable[tuple[Labels, Any]], now: float) -> Iterator[bytes]:
    """Return the message of a family whose series come and go, likewise; its histograms have no native buckets."""
    writers: dict[int, Writer] = {}
    groups = (
        (Behind(family.kind, None, labels_in_message((*labels, *zip(family.labels, key, strict=True)))), values)
        for labels, state in owned
        for key, values in family.read(state, now)
    )
    metrics = []
    while due := list(itertools.islice(groups, _HISTOGRAMS_AT_ONCE)):
        metrics.append(_keyed(family, writers, due))
        yield b""
    yield from family_message(family.name, family.kind, family.help, metrics)


def _keyed(family: KeyedFamily, writers: dict[int, Writer], groups: Sequence[tuple[Behind, Sequence[float]]]) -> bytes:
    """Return the messages of some groups; ``writers`` are kept by the length of the labels."""
    pieces = []
    for behind, values in groups:
        length = len(behind.written)
        if length not in writers:
            writers[length] = _writer(family.kind, family.samples, behind)
        one = writers[length]
        if isinstance(one, HistogramWriter):
            return one.write_rows([row for _, row in groups], [each.written for each, _ in groups])
        pieces.append(one.write(values, behind.written))
    return b"".join(pieces)


def _writer(kind: str, samples: Sequence[tuple[str, Labels]], behind: Behind) -> Writer:
    """Return what writes a family's samples, of all owners that have as long texts behind them."""
    in_value, size = behind.in_value, len(behind.written)
    if kind == "histogram":
        return HistogramWriter([float(more[-1][1]) for suffix, more in samples if suffix == "_bucket"][:-1], in_value)
    more = [labels_in_message(more) for _, more in samples]
    if kind == "summary":
        return SummaryWriter(more[::2], in_value)
    return (NumberWriter if len(more) == 1 else NumbersWriter)(kind, more, in_value, size)


def family_message(name: str, kind: str, text: str, metrics: Sequence[bytes]) -> Iterator[bytes]:
    """Yield a message MetricFamily in pieces; none where it has no metric, as other exporters do it."""
    if any(metrics):
        head = sized(1, name.encode()) + sized(2, text.encode()) + number_key(3) + varint(_TYPES[kind])
        yield varint(len(head) + sum(map(len, metrics))) + head
        yield from metrics

"""Series to protobuf: the page that Prometheus asks for where it takes native histograms.

It is a row of messages MetricFamily (metrics.proto of github.com/prometheus/client_model), each behind its length. Like
the lines of the text page, the bytes of a family that do not change are made once and shared by its owners. A scrape
fills in the numbers, the lengths that depend on them, and the owner's labels.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from exporter.recording.families import Family, KeyedFamily, Labels
from exporter.recording.metric_messages import Behind, HistogramWriter, Writer, labels_in_message, writer
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


class _Prepared(NamedTuple):
    """An owner of a family: who writes its messages, what stands behind the numbers, and where these are from."""

    write: Callable[[Any, bytes], bytes]
    behind: bytes
    state: Any


class Messages:
    """Families with the messages of all their owners."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families
        self._owners: list[_Owner] = []
        self._prepared: dict[str, list[list[_Prepared]]] = {family.name: [] for family in families}
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
                    prepared.append(list(self._prepare(family, self._owners[start : start + at_once])))
                metrics.append(_metrics(family, prepared[number], now, frozen))
                yield b""
            yield from family_message(family.name, family.kind, family.help, metrics)

    def _prepare(self, family: Family, owners: Iterable[_Owner]) -> Iterator[_Prepared]:
        for owner in owners:
            if samples := tuple(family.samples(owner.owner)):
                created = family.histogram(owner.state).created if family.histogram else owner.created
                behind = owner.behind_of(family.kind, created)
                key = family.name, samples, behind.in_value, len(behind.written)
                if key not in self._shared:
                    self._shared[key] = writer(family.kind, samples, behind)
                one = self._shared[key]
                write = one.write_row if isinstance(one, HistogramWriter) and not family.histogram else one.write
                yield _Prepared(write, behind.written, owner.state)


def _metrics(family: Family, prepared: Iterable[_Prepared], now: float, frozen: Mapping[int, Any]) -> bytes:
    histogram, read, pieces = family.histogram, family.read, []
    due: Iterable[tuple[Callable[[Any, bytes], bytes], bytes, Any]] = prepared
    if frozen:
        due = [(write, behind, frozen.get(id(state), state)) for write, behind, state in prepared]
    for write, behind, state in due:
        values = histogram(state) if histogram else read(state, now)
        if values is not None:
            pieces.append(write(values, behind))
    return b"".join(pieces)


def keyed_messages(family: KeyedFamily, owned: Iterable[tuple[Labels, Any]], now: float) -> Iterator[bytes]:
    """Return the message of a family whose series come and go, likewise; its histograms have no native buckets."""
    writers: dict[int, Writer] = {}
    groups = (
        _keyed(family, writers, (*labels, *zip(family.labels, key, strict=True)), values)
        for labels, state in owned
        for key, values in family.read(state, now)
    )
    metrics = []
    while piece := b"".join(itertools.islice(groups, _HISTOGRAMS_AT_ONCE)):
        metrics.append(piece)
        yield b""
    yield from family_message(family.name, family.kind, family.help, metrics)


def _keyed(family: KeyedFamily, writers: dict[int, Writer], labels: Labels, values: Sequence[float]) -> bytes:
    """Return the messages of one group; ``writers`` are kept by the length of the labels."""
    behind = Behind(family.kind, None, labels_in_message(labels))
    length = len(behind.written)
    if length not in writers:
        writers[length] = writer(family.kind, family.samples, behind)
    one = writers[length]
    return (
        one.write_row(values, behind.written) if isinstance(one, HistogramWriter) else one.write(values, behind.written)
    )


def family_message(name: str, kind: str, text: str, metrics: Sequence[bytes]) -> Iterator[bytes]:
    """Yield a message MetricFamily in pieces; none where it has no metric, as other exporters do it."""
    if any(metrics):
        head = sized(1, name.encode()) + sized(2, text.encode()) + number_key(3) + varint(_TYPES[kind])
        yield varint(len(head) + sum(map(len, metrics))) + head
        yield from metrics

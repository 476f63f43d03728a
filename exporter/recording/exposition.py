"""Series to bytes: the hot path of a scrape.

``prometheus_client`` needs 13 to 25 microseconds a line, on the loop that receives replies. So the lines of a family
are made once, as one template of bytes that its owners share. A scrape only fills in the numbers, and the owner's
labels, which are written once too. The lines are the same in the text format 0.0.4 and in OpenMetrics 1.0. Only the
head of a counter's family differs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from exporter.recording.families import Family, KeyedFamily, Labels
from exporter.recording.messages import Messages

_NOTHING: Mapping[int, Any] = MappingProxyType({})
_GAP = "\0"
"""Stands in a template for the owner's labels."""
_COUNTS = ("_bucket", "_count")
"""Suffixes of samples that count."""
_COUNTED_TIME = "_seconds_total"
"""The suffix of counters whose values are seconds, and so no whole numbers."""
_AT_ONCE = 2000
"""Lines of one piece of the page; after each piece the caller can let others run."""
_KEYED_AT_ONCE = 500
"""The same for keyed families, whose labels are written anew: that takes as long as 2,000 other lines."""


class Exposition:
    """Families with the lines of all their owners: a page of metrics, or a part of one."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families
        self._lines: dict[str, list[tuple[_Lines, bytes, Any]]] = {family.name: [] for family in families}
        self._shared: dict[_Lines, _Lines] = {}
        self._messages = Messages(families)

    def add(self, owner: object, labels: Labels, state: object, created: float | None = None) -> None:
        """Add one owner's lines to every family; ``state`` is what the families' ``read`` takes.

        ``created`` is since when its counters count, in seconds since the epoch; None if that is not known.
        """
        self._messages.add(owner, labels, state, created)
        written = _in_template(labels)
        for family in self._families:
            lines = _Lines.of(family, owner, labelled=bool(labels))
            if lines.parts != (b"",):
                self._lines[family.name].append((self._shared.setdefault(lines, lines), written, state))

    def render(self, now: float, *, openmetrics: bool, frozen: Mapping[int, Any] = _NOTHING) -> Iterator[bytes]:
        """Return the page in pieces, each the work of a millisecond or two.

        ``frozen`` has copies of the states that have changed since the first piece, by the ``id`` of each state. It may
        grow between two pieces: so the page is of one moment.
        """
        for family in self._families:
            yield family.head(openmetrics=openmetrics)
            owned, read = self._lines[family.name], family.read
            at_once = _AT_ONCE // max((lines.number for lines, _, _ in owned[:1]), default=1) or 1
            for start in range(0, len(owned), at_once):
                pieces = []
                due = owned[start : start + at_once]
                if frozen:
                    due = [(lines, labels, frozen.get(id(state), state)) for lines, labels, state in due]
                for lines, labels, state in due:
                    values = read(state, now)
                    if values is not None:
                        pieces.append(lines.fill(labels, values))
                yield b"".join(pieces)

    def messages(self, now: float, frozen: Mapping[int, Any] = _NOTHING) -> Iterator[bytes]:
        """Return the same page in protobuf."""
        return self._messages.render(now, frozen)


def keyed_lines(
    family: KeyedFamily, owned: Iterable[tuple[Labels, Any]], now: float, *, openmetrics: bool
) -> Iterator[bytes]:
    """Return the lines of all owners in pieces, each the work of some milliseconds."""
    head = Family(family.name, family.kind, family.help, lambda _: family.samples, lambda _state, _now: None)
    yield head.head(openmetrics=openmetrics)
    lines = _Lines.of(head, None, labelled=True)
    groups = (
        lines.fill(_in_template((*labels, *zip(family.labels, key, strict=True))), values)
        for labels, state in owned
        for key, values in family.read(state, now)
    )
    while piece := b"".join(itertools.islice(groups, _KEYED_AT_ONCE // lines.number or 1)):
        yield piece


class _Lines(NamedTuple):
    """One owner's lines of one family, split where its labels stand: the same object for many owners.

    A count is an integer and written by ``%d``, which is four times as fast as ``%a`` for measurements.
    """

    parts: tuple[bytes, ...]

    @property
    def number(self) -> int:
        """The number of lines."""
        return sum(part.count(b"\n") for part in self.parts)

    @classmethod
    def of(cls, family: Family, owner: object, *, labelled: bool) -> Self:
        lines = []
        for suffix, more in family.samples(owner):
            counts = suffix in _COUNTS or (family.kind == "counter" and not family.name.endswith(_COUNTED_TIME))
            labels = ",".join(filter(None, (_GAP if labelled else "", _written(more))))
            name = f"{family.name}{suffix}{{{labels}}}" if labels else f"{family.name}{suffix}"
            lines.append(f"{name.replace('%', '%%')} {'%d' if counts else '%a'}\n")
        return cls(tuple("".join(lines).encode().split(_GAP.encode())))

    def fill(self, labels: bytes, values: Sequence[float]) -> bytes:
        return labels.join(self.parts) % tuple(values)


def _in_template(labels: Labels) -> bytes:
    """Write labels that stand in a template, where ``%`` has a meaning."""
    return _written(labels).replace("%", "%%").encode()


def _written(labels: Labels) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in labels)


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

"""Text of a configuration file -> a tree in which everything is text and knows its line.

Plain scalars are not resolved: ``NO``, ``1.10``, ``22:22`` and ``0755`` stay what was written, and
the schema's types read them. The tree is built from the parser's events, so that depth and the expansion
of aliases are bounded before anything of that size exists (332 bytes of aliases can mean 10^9 nodes).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import NamedTuple

import yaml
from yaml import events

from exporter.config_files.problems import Loc, Unreadable
from exporter.config_files.yaml_errors import explained
from exporter.wording import quoted

MAX_DEPTH = 32
"""A fleet file needs six: the file, a section, an endpoint, its probe, the headers, a value."""
MAX_NODES = 500_000
"""Keys and values with every alias written out; ten thousand hosts are 110,000."""

Plain = str | list["Plain"] | dict[str, "Plain"]

_NOT_TEXT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Entry(NamedTuple):
    """A value with the line at which it stands: an alias stands elsewhere than its anchor."""

    line: int
    node: Node


@dataclasses.dataclass(slots=True)
class Node:
    """Text, a list or a map; how much is in it and how deep, aliases written out."""

    value: Value
    size: int = 1
    height: int = 0

    def plain(self) -> Plain:
        """Return the values alone, aliases written out."""
        if isinstance(self.value, str):
            return self.value
        if isinstance(self.value, list):
            return [entry.node.plain() for entry in self.value]
        return {key: entry.node.plain() for key, entry in self.value.items()}

    def line_of(self, loc: Loc) -> int:
        """Return the line of a place, or of the nearest place around it that was written."""
        line, node = 1, self
        for step in loc:
            entry = node.child(step)
            if entry is None:
                break
            line, node = entry
        return line

    def child(self, step: str | int) -> Entry | None:
        """Return what stands at a key or an index; None if there is none."""
        if isinstance(self.value, dict) and isinstance(step, str):
            return self.value.get(step)
        if isinstance(self.value, list) and isinstance(step, int) and step < len(self.value):
            return self.value[step]
        return None


Value = str | list[Entry] | dict[str, Entry]


class Duplicate(NamedTuple):
    """A key that a map holds twice; the first one stands."""

    line: int
    first_line: int
    loc: Loc


def parse(text: str) -> tuple[Node, list[Duplicate]]:
    """Read one YAML document, and list the keys that it holds twice; no document is empty text. Raises Unreadable."""
    odd = _NOT_TEXT.search(text)
    if odd:
        line = text.count("\n", 0, odd.start()) + 1
        raise Unreadable(line, f"holds the control character U+{ord(odd[0]):04X}; remove it")
    reader = _Reader(text)
    try:
        return reader.document(), reader.duplicates
    except yaml.MarkedYAMLError as error:
        raise explained(error, text) from None
    except yaml.YAMLError as error:
        raise Unreadable(0, f"not valid YAML: {quoted(error)}") from None


class _Reader:
    """Builds the tree of one document from the parser's events."""

    def __init__(self, text: str) -> None:
        self.duplicates: list[Duplicate] = []
        self._events: Iterator[events.Event] = iter(yaml.parse(text, Loader=yaml.CSafeLoader))
        self._anchors: dict[str, Node | None] = {}
        self._nodes = 0

    def document(self) -> Node:
        next(self._events)  # the stream's start
        if isinstance(next(self._events), events.StreamEndEvent):
            return Node("")
        root = self._node(next(self._events), ())
        next(self._events)  # the document's end
        after = next(self._events)
        if not isinstance(after, events.StreamEndEvent):
            raise Unreadable(_line(after), "a second document begins here; keep one, and remove the line '---'")
        return root

    def _node(self, event: events.Event, loc: Loc) -> Node:
        if isinstance(event, events.AliasEvent):
            return self._alias(event, loc)
        assert isinstance(event, events.NodeEvent)  # noqa: S101 - the grammar of events
        self._refuse_tag(event, loc)
        before = self._nodes
        self._count(1, event, loc)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        value = self._value(event, loc)
        node = Node(value, self._nodes - before, _height(value))
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _value(self, event: events.Event, loc: Loc) -> Value:
        if isinstance(event, events.ScalarEvent):
            return str(event.value)
        self._bound_depth(len(loc), event, loc)
        if isinstance(event, events.SequenceStartEvent):
            return self._list(loc)
        return self._map(loc)

    def _list(self, loc: Loc) -> list[Entry]:
        entries: list[Entry] = []
        while not isinstance(event := next(self._events), events.SequenceEndEvent):
            entries.append(Entry(_line(event), self._node(event, (*loc, len(entries)))))
        return entries

    def _map(self, loc: Loc) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        merged: list[dict[str, Entry]] = []
        while not isinstance(event := next(self._events), events.MappingEndEvent):
            key, line = self._key(event, loc), _line(event)
            value = self._node(next(self._events), (*loc, key))
            if key == "<<" and isinstance(event, events.ScalarEvent) and not event.style:
                merged += _sources(value, line, (*loc, key))
            elif key in entries:
                self.duplicates.append(Duplicate(line, entries[key].line, (*loc, key)))
            else:
                entries[key] = Entry(line, value)
        for key, entry in ((key, entry) for source in merged for key, entry in source.items()):
            entries.setdefault(key, entry)
        return entries

    def _key(self, event: events.Event, loc: Loc) -> str:
        if not isinstance(event, events.ScalarEvent | events.AliasEvent):
            raise Unreadable(_line(event), "a key must be text; quote it, or check the brackets", loc)
        key = self._node(event, loc).value
        if not isinstance(key, str):
            raise Unreadable(_line(event), "a key must be text, but this alias is a list or a map", loc)
        return key

    def _alias(self, event: events.AliasEvent, loc: Loc) -> Node:
        name = event.anchor
        if name not in self._anchors:
            raise Unreadable(_line(event), f"the alias *{name} has no anchor &{name} above it; add it", loc)
        node = self._anchors[name]
        if node is None:
            raise Unreadable(_line(event), f"the alias *{name} stands within its own anchor; remove it", loc)
        self._count(node.size, event, loc)
        self._bound_depth(len(loc) + node.height - 1, event, loc)
        return node

    def _count(self, nodes: int, event: events.Event, loc: Loc) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            message = f"more than {MAX_NODES:,} keys and values, aliases written out; use fewer"
            raise Unreadable(_line(event), message, loc[:2])

    @staticmethod
    def _bound_depth(depth: int, event: events.Event, loc: Loc) -> None:
        if depth >= MAX_DEPTH:
            raise Unreadable(_line(event), f"nested deeper than {MAX_DEPTH} levels; simplify it", loc[:2])

    @staticmethod
    def _refuse_tag(event: events.NodeEvent, loc: Loc) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise Unreadable(_line(event), f"the tag {quoted(tag)} has no meaning here; remove it", loc)


def _sources(value: Node, line: int, loc: Loc) -> list[dict[str, Entry]]:
    """List the maps that a ``<<`` brings in; the first wins."""
    nodes = [entry.node for entry in value.value] if isinstance(value.value, list) else [value]
    maps = [node.value for node in nodes if isinstance(node.value, dict)]
    if len(maps) < len(nodes):
        raise Unreadable(line, "'<<' takes a map or a list of maps, such as '<<: *common'", loc)
    return maps


def _height(value: Value) -> int:
    if isinstance(value, str):
        return 0
    entries = value.values() if isinstance(value, dict) else value
    return 1 + max((entry.node.height for entry in entries), default=0)


def _line(event: events.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0

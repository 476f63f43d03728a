"""The bytes of a list -> plain lists and maps: JSON, and YAML as the fleet file is read."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from exporter.config_files.problems import BadFile, Problem, Unreadable, key_of
from exporter.config_files.source import parse
from exporter.discovery.no_list import NoList
from exporter.fleet import MAX_HOSTS, ListPlace
from exporter.wording import cleaned, quoted

MAX_BYTES = 4 << 20
"""Of one list. Ten thousand hosts with all labels are 2 MB."""
_MAX_BRACKETS = 5 * MAX_HOSTS
"""Lists and maps of one list: a host in a group of its own has three. 4 MiB of empty ones would take 110 MB to read."""

_ANSWER = "its answer"
"""What a server's bytes are called."""


def read_json(data: bytes, name: str) -> tuple[object, ListPlace]:
    """Read JSON; raises NoList. It has no lines: the place within it says which value is meant."""
    if data.count(b"[") + data.count(b"{") > _MAX_BRACKETS:
        raise NoList(f"it has more lists and maps than {MAX_HOSTS:,} hosts need")
    try:
        return json.loads(data, object_pairs_hook=_map), ListPlace(name)
    except RecursionError:
        raise NoList("its JSON is nested too deep to be a list of targets") from None
    except ValueError as error:
        excerpt = cleaned(data[:200].decode("utf-8", "replace"), 40)
        raise NoList(f"{_ANSWER} is no JSON ({cleaned(str(error))}); it begins with {quoted(excerpt)}") from None


def read_json_file(data: bytes, name: str) -> tuple[object, ListPlace]:
    """Read the JSON of a file; raises BadFile, which names it."""
    try:
        return read_json(data, name)
    except NoList as none:
        raise BadFile([Problem(name, 0, "", str(none).removeprefix(f"{_ANSWER} "))]) from None


def read_yaml(data: bytes, name: str) -> tuple[object, ListPlace]:
    """Read YAML; raises BadFile."""
    try:
        tree, duplicates = parse(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise BadFile([Problem(name, 0, "", "is not UTF-8; save it in UTF-8")]) from None
    except Unreadable as error:
        raise BadFile([Problem(name, error.line, key_of(error.loc), error.message)]) from None
    if duplicates:
        text = "duplicate key; remove one of them"
        raise BadFile([Problem(name, each.line, key_of(each.loc), text) for each in duplicates])
    return tree.plain() or [], ListPlace(name, tree.line_of)


def _map(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        ((double, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {quoted(double)} stands twice in a map")
    return entries

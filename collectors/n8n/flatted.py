"""The node runs of an execution, decoded from the head of its data: bytes without sockets.

n8n writes an execution's data in the format of the npm package *flatted*: one JSON array. Its element 0 is the root;
a string inside an element is the index of another element; numbers, ``true``, ``false`` and ``null`` are themselves.
Elements stand in the order in which a walk by breadth comes to them, so ``root.resultData.runData`` (a node's name ->
its runs) and the runs stand in the first kilobytes, before the data that nodes passed on. Elements are decoded
one after another up to the last that is needed.

What is decoded was written by whoever runs workflows: nothing in it is trusted, and no error quotes it.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from collectors.terms import Seconds

HEAD_CHARACTERS = 16_384
"""So many characters of an execution's data are read from the database."""
MAX_NODES = 1_000
MAX_RUNS = 4_000
"""Of all nodes of an execution: a list of runs can be referred to again and again."""
MAX_NAME = 500
"""Characters of a node's name."""

_ROOT = "0"
_BETWEEN = re.compile(r"[ \t\r\n]*")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_LONGEST: Seconds = 10 * 365 * 86_400.0
_YEAR_3000_MS = 32_503_680_000_000


class UnreadableData(Exception):
    """The data is not what n8n writes."""


class TooLarge(UnreadableData):
    """The runs do not stand in the head, or there are too many."""


class NodeRun(NamedTuple):
    """One run of one node."""

    node: str
    """Its name in the workflow, of ``MAX_NAME`` characters at most."""
    started: Seconds
    """Since the epoch."""
    took: Seconds
    status: str
    """As n8n writes it; ``success`` or ``error`` where it does not write one."""


def node_runs(head: str | bytes) -> list[NodeRun]:
    """Return the runs of all nodes, by node in the order of their first runs.

    ``head`` is the beginning of the data, in UTF-8 if it is bytes, which may be cut anywhere. TooLarge if runs stand
    beyond it, UnreadableData if it is something else.
    """
    elements = _Elements(head.decode("utf-8", "ignore") if isinstance(head, bytes) else head)
    result = elements.mapping(elements.mapping(_ROOT).get("resultData"))
    if "runData" not in result:
        return []
    run_data = elements.mapping(result["runData"])
    if len(run_data) > MAX_NODES:
        raise TooLarge
    runs: list[NodeRun] = []
    for node, reference in run_data.items():
        references = elements.sequence(reference)
        if len(runs) + len(references) > MAX_RUNS:
            raise TooLarge
        runs += [_node_run(elements, node[:MAX_NAME], elements.mapping(run)) for run in references]
    return runs


def _node_run(elements: _Elements, node: str, run: dict[str, object]) -> NodeRun:
    status = elements.text(run["executionStatus"]) if "executionStatus" in run else _status_of_old(run)
    started = _number(run.get("startTime"), _YEAR_3000_MS) / 1e3
    return NodeRun(node, started, _number(run.get("executionTime"), _LONGEST * 1e3) / 1e3, status)


def _status_of_old(run: dict[str, object]) -> str:
    return "error" if run.get("error") is not None else "success"


def _number(value: object, most: float) -> float:
    """Return a value that must be a number, neither negative nor above ``most``; UnreadableData."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise UnreadableData
    return float(value)


class _Elements:
    """The elements of the array; each is decoded when it is first asked for."""

    def __init__(self, text: str) -> None:
        self._text, self._known = text, list[object]()
        self._decode = json.JSONDecoder().raw_decode
        self._at = self._beyond(self._beyond(0), "[")

    def mapping(self, reference: object) -> dict[str, object]:
        element = self._element(_index(reference))
        if not isinstance(element, dict):
            raise UnreadableData
        return element

    def sequence(self, reference: object) -> list[object]:
        element = self._element(_index(reference))
        if not isinstance(element, list):
            raise UnreadableData
        return element

    def text(self, reference: object) -> str:
        element = self._element(_index(reference))
        if not isinstance(element, str):
            raise UnreadableData
        return element

    def _element(self, index: int) -> object:
        while len(self._known) <= index:
            self._decode_next()
        return self._known[index]

    def _decode_next(self) -> None:
        """Decode one element, which the comma or the end of the array after it proves to be whole."""
        if self._text[self._at : self._at + 1] == "]":
            raise UnreadableData
        if self._known:
            self._at = self._beyond(self._at, ",")
        try:
            element, end = self._decode(self._text, self._at)
        except RecursionError:
            raise UnreadableData from None
        except ValueError:  # cut off, or no JSON: which of the two is not worth knowing
            raise TooLarge from None
        self._at = self._beyond(end)
        if self._at == len(self._text):
            raise TooLarge
        self._known.append(element)

    def _beyond(self, at: int, mark: str = "") -> int:
        """Return where the text goes on after a mark and the white space that follows it."""
        if mark and self._text[at : at + 1] != mark:
            raise TooLarge if at >= len(self._text) > 0 else UnreadableData
        space = _BETWEEN.match(self._text, at + len(mark))
        return space.end() if space else at


def _index(reference: object) -> int:
    if not isinstance(reference, str) or not _INDEX.fullmatch(reference):
        raise UnreadableData
    return int(reference)

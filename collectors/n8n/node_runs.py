"""Which executions' nodes are still to be counted, and the counting of them. No sockets."""

from __future__ import annotations

import collections
import contextlib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence

from collectors.n8n import flatted
from collectors.n8n.ledger import Ended
from collectors.n8n.pieces import in_pieces
from collectors.n8n.rows import DataHead, EndStatus, Nodes, Unread, Workflow
from collectors.n8n.tallies import Tallies
from collectors.terms import Seconds

AT_ONCE = 200
"""Executions whose data one read looks at; more wait for the next."""
_PIECE = 10
"""Executions whose nodes are counted without a break, some 1 ms."""
_MOST_PENDING = 5_000
_MOST_WORKFLOWS = 500
_CLOCKS_DIFFER: Seconds = 1.0
"""So much before an execution was created a node of it may seem to have started. The nodes of the first try that a
retry brings with it started long before."""
_UNKNOWN = "unknown"


class NodeCounter:
    """Counts the node runs of executions that have ended."""

    def __init__(self, tallies: Tallies, pending: collections.deque[Ended]) -> None:
        """``pending`` are those that wait from before; it is kept up to date."""
        self._tallies, self._pending = tallies, pending
        self._types: dict[str, tuple[str, Mapping[str, str]]] = {}
        """By a workflow's id: of which version of it, and each node's type."""

    def add(self, ended: Iterable[Ended]) -> None:
        """Remember the executions whose nodes are to be counted; not crashed ones, whose times n8n invents."""
        for one in ended:
            if one.status is EndStatus.CRASHED:
                continue
            if one.stored_elsewhere:
                self._tallies.unread(Unread.OFFLOADED)
            elif len(self._pending) == _MOST_PENDING:
                self._tallies.unread(Unread.OVERLOAD)
            else:
                self._pending.append(one)

    def wanted(self) -> list[int]:
        """Return the executions whose data is to be read next."""
        return [one.id for one in itertools.islice(self._pending, AT_ONCE)]

    def workflows_wanted(self, workflows: Iterable[Workflow]) -> list[str]:
        """Return the workflows of these executions whose nodes are not known as they are now."""
        concerned = {one.workflow_id for one in itertools.islice(self._pending, AT_ONCE)}
        known = {workflow: version for workflow, (version, _) in self._types.items()}
        return [one.id for one in workflows if one.id in concerned and known.get(one.id) != one.version]

    def learn(self, nodes: Sequence[Nodes], workflows: Iterable[Workflow]) -> None:
        """Remember the types of workflows' nodes."""
        versions = {one.id: one.version for one in workflows}
        for workflow, text in nodes:
            self._types.pop(workflow, None)
            self._types[workflow] = versions.get(workflow, ""), _types(text)
        for workflow in list(self._types)[:-_MOST_WORKFLOWS]:
            del self._types[workflow]

    def record(self, heads: Iterable[DataHead]) -> None:
        """Count the nodes of all executions that were wanted, by the data that was there."""
        texts = {head.execution: head.text for head in heads}
        for _ in in_pieces(range(min(AT_ONCE, len(self._pending))), _PIECE):
            one = self._pending.popleft()
            text = texts.get(one.id)
            if text is None:
                self._tallies.unread(Unread.MISSING)
            else:
                self._count(one, text)

    def _count(self, one: Ended, text: str) -> None:
        try:
            runs = flatted.node_runs(text)
        except flatted.TooLarge:
            self._tallies.unread(Unread.TOO_LARGE)
            return
        except flatted.UnreadableData:
            self._tallies.unread(Unread.UNREADABLE)
            return
        _, types = self._types.get(one.workflow_id or "", ("", {}))
        for run in runs:
            if run.started >= one.created - _CLOCKS_DIFFER:
                node_type = types.get(run.node, _UNKNOWN)
                self._tallies.node_ran(one.workflow, run.node, node_type, run.status, run.took)


def _types(text: str | None) -> Mapping[str, str]:
    """Return the type of each node of a workflow's ``nodes``, by its name; entries that are no nodes are left out."""
    nodes: object = None
    with contextlib.suppress(ValueError, RecursionError):
        nodes = json.loads(text or "[]")
    objects = [node for node in nodes if isinstance(node, dict)] if isinstance(nodes, list) else []
    named = ((node.get("name"), node.get("type")) for node in objects)
    return {name[: flatted.MAX_NAME]: kind for name, kind in named if isinstance(name, str) and isinstance(kind, str)}

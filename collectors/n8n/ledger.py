"""The bookkeeping of executions: rows come in, and each execution that ends is counted once. No sockets, no clock.

The *watermark* is the highest id that was looked at. Below it two sets are asked for again at every read: executions
that had not ended (``open``) and ids that were missing (``Gaps``), for transactions commit in any order. What is in
neither set is decided for good: the first end that is seen counts, whatever is written over it.

- When counting begins, what has ended already is not counted: nobody knows when it was.
- A run that n8n does not keep goes without an end: n8n 1.x deletes its row, 2.x marks it for deletion while it is
  ``running``. It has *vanished*; so has one that begins while ``MOST_OPEN`` are followed.
- An execution that waits seems to have crashed for a moment whenever n8n starts: such a crash counts if it lasts.
- A database that was restored from an older backup hands out ids again. It is known by a row that has another time of
  creation than the one that was seen under its id (``witnesses``), or by a row that is younger than all that was seen
  under an id that was passed, while no id above it stands as it was seen: n8n's own clock writes the time of creation,
  and the id may come seconds later. Then counting goes on with the executions that were created since.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
from collections.abc import Iterable, Sequence

from collectors.n8n.gaps import Gaps
from collectors.n8n.labels import NONE, OTHER, Places, clean
from collectors.n8n.open_run import OpenRun, is_doubtful
from collectors.n8n.pieces import in_pieces
from collectors.n8n.rows import EndStatus, Execution, Inventory, OpenStatus, Rows, Workflow
from collectors.n8n.tallies import Tallies, known_mode
from collectors.terms import Seconds

ASKED_AT_ONCE = 1_000
"""Open executions of one read; more take turns."""
MOST_OPEN = 50_000
"""Open executions that are followed, at half a kilobyte each; of one beyond, the end will not be known."""
_WITNESSES = 50
_SKEW: Seconds = 1.0
"""An id that is committed late was created before one above it that was seen, if none of these is left to compare."""
_LATE = 1_000
"""How many ids before the newest one may still be missing when counting begins."""
_PIECE = 100
"""Executions that are recorded without a break, some 1 ms."""
_OPEN = frozenset(OpenStatus)
_ENDS = frozenset(EndStatus)


@dataclasses.dataclass(frozen=True, slots=True)
class Ended:
    """An execution that was counted, for what is read of its nodes."""

    id: int
    workflow: str
    workflow_id: str | None
    created: Seconds
    status: EndStatus
    stored_elsewhere: bool


class Ledger:
    """The executions of one n8n."""

    def __init__(self, max_workflows: int, max_node_series: int) -> None:
        self.tallies = Tallies(max_node_series)
        self.pending: collections.deque[Ended] = collections.deque()
        """Those that ended and whose nodes are still to be counted."""
        self.places = Places(max_workflows)
        self.gaps = Gaps()
        self.open: dict[int, OpenRun] = {}
        """By id; those that were looked at longest ago come first."""
        self.modes: dict[str, set[str]] = {}
        """The modes in which each workflow ran, by its label."""
        self.watermark = 0
        self.newest_created: Seconds | None = None
        self.witnesses: dict[int, Seconds] = {}
        """The highest ids that were seen, each with its time of creation."""
        self.needs_inventory = True
        self.stood_up_to = 0
        """The newest execution when counting began, or went on after a restore ..."""
        self.since: Seconds | None = None
        """... and after which time of creation those up to it count all the same."""
        self._asked: frozenset[int] = frozenset()

    def limit(self, max_workflows: int, max_node_series: int) -> None:
        """Go on with other limits; workflows that have a place keep it."""
        self.places.most, self.tallies.max_node_series = max_workflows, max_node_series

    def begin(self, inventory: Inventory) -> None:
        """Begin to count, or go on counting in a database that was restored."""
        self.since, self.needs_inventory = self.newest_created, False
        self.stood_up_to = inventory.newest
        self.watermark = max(0, min(inventory.newest, inventory.first_since - 1) - _LATE)
        self.gaps, self.witnesses = Gaps(), {}
        self.admit(inventory.workflows)
        for workflow, mode in inventory.modes:
            self._has_run(self.label(workflow), mode)
        for row in inventory.unended:
            if len(self.open) < MOST_OPEN and self._stood(row) and row.id not in self.open:
                run = OpenRun.of(row, self.label(row.workflow), is_counted=self.since is not None)
                run.has_stood = is_doubtful(row)
                self.open[row.id] = run

    def asks_for(self) -> list[int]:
        """Return the ids below the watermark that the next read is to bring, as far as they exist."""
        self._asked = frozenset((*itertools.islice(self.open, ASKED_AT_ONCE), *self.gaps, *self.witnesses))
        return sorted(self._asked)

    def belongs(self, rows: Rows) -> bool:
        """Return whether rows go on from what was seen. If not, an inventory is needed before anything is recorded."""
        if self._is_restored(rows):
            self.tallies.resets += 1
            self.needs_inventory = True
        return not self.needs_inventory

    def record(self, rows: Rows) -> list[Ended]:
        """Record all of a read, whose workflows were admitted. Return what has ended and was counted."""
        known = {row.id: row for row in rows.asked_for}
        ended = [self._looked_at(number, known.get(number), rows) for number in self._asked & self.open.keys()]
        for number in self._asked & set(self.gaps) & known.keys():
            self.gaps.fill(number)
            if self.since is None or not self._stood(known[number]):
                ended.append(self._first_seen(known[number]))
        for row in in_pieces(rows.fresh, _PIECE):
            self.gaps.note(self.watermark, row.id, rows)
            self.watermark = row.id
            if not self._stood(row):
                ended.append(self._first_seen(row))
        self.gaps.settle(rows)
        self._remember(rows.fresh, rows.asked_for)
        return [one for one in ended if one is not None]

    def _stood(self, row: Execution) -> bool:
        """Return whether an execution was there before counting began, or was seen before a restore."""
        return row.id <= self.stood_up_to and (self.since is None or row.created <= self.since)

    def _is_restored(self, rows: Rows) -> bool:
        newest, since = rows.newest, self.newest_created
        if any(row.created != self._created(row) for row in rows.asked_for):
            return True
        if newest is None or since is None:
            return False
        missed = [row for row in rows.asked_for if row.id in self.gaps]
        stands = max((row.id for row in rows.asked_for if row.id not in self.gaps), default=0)
        if any(row.id > stands and row.created > since + _SKEW for row in missed):
            return True
        return newest.id <= self.watermark and newest.id not in self.gaps and newest.created > since

    def _created(self, row: Execution) -> Seconds:
        run = self.open.get(row.id)
        return run.created if run else self.witnesses.get(row.id, row.created)

    def _looked_at(self, number: int, row: Execution | None, rows: Rows) -> Ended | None:
        """Record what has become of an open execution."""
        run = self.open.pop(number)
        if row is None or row.created != run.created or _is_phantom(row):
            self.tallies.vanished += not run.is_counted
            return None
        run = run.seen_as(row, rows.now)
        if _is_open(row) or run.is_in_doubt(rows.now):
            self._keep_open(row, run)
            return None
        return None if run.is_counted or run.has_stood else self._end(row, run)

    def _first_seen(self, row: Execution) -> Ended | None:
        """Record an execution that was never seen before."""
        run = OpenRun.of(row, self.label(row.workflow))
        if not _is_open(row) and not is_doubtful(row):
            return self._end(row, run)
        if _is_phantom(row):
            self.tallies.vanished += 1
        else:
            self._keep_open(row, run)
        return None

    def _keep_open(self, row: Execution, run: OpenRun) -> None:
        if len(self.open) >= MOST_OPEN:
            self.tallies.vanished += not run.is_counted
            return
        self.open[row.id] = run
        self._has_run(run.workflow, row.mode)
        self._note_start(run)

    def _note_start(self, run: OpenRun) -> None:
        """Count how long an execution waited for its start, once it has started."""
        if run.started is not None and not run.has_queued:
            run.has_queued = True
            self.tallies.queued(run.started - run.created)

    def _end(self, row: Execution, run: OpenRun) -> Ended:
        self._note_start(run)
        status = EndStatus(row.status) if row.status in _ENDS else EndStatus.UNKNOWN
        took = None if run.started is None or row.stopped is None else row.stopped - run.started
        self._has_run(run.workflow, row.mode)
        self.tallies.ended(run.workflow, row.mode, status, took)
        return Ended(row.id, run.workflow, row.workflow, row.created, status, row.stored_elsewhere)

    def _has_run(self, workflow: str, mode: str) -> None:
        """Note a mode of a workflow: its series are there from then on."""
        self.modes.setdefault(workflow, set()).add(known_mode(mode))

    def admit(self, workflows: Iterable[Workflow]) -> None:
        """Give places to workflows, to active ones first, and series to the modes in which active ones ran."""
        for workflow in sorted(workflows, key=lambda one: (not one.active, one.id)):
            label = self.label(workflow.id)
            for mode in self.modes.get(label, ()) if workflow.active else ():
                self.tallies.stand_at_zero(label, mode)

    def with_place(self, workflows: Iterable[Workflow]) -> list[str]:
        """Return the ids of all workflows that have a place: of these ones, and of those that no longer exist."""
        placed = (one.id for one in workflows if self.label(one.id) != OTHER)
        return list(dict.fromkeys([*placed, *(label for (label,) in self.places.taken)]))

    def label(self, workflow: str | None) -> str:
        """Return what a workflow is counted as."""
        if workflow is None:
            return NONE
        label = clean(workflow)
        return label if self.places.has(label) else OTHER

    def _remember(self, *seen: Sequence[Execution]) -> None:
        """Remember what a later read is compared with."""
        for row in itertools.chain(*seen):
            self.newest_created = max(row.created, self.newest_created or row.created)
            self.witnesses[row.id] = row.created
        for number in sorted(self.witnesses)[:-_WITNESSES]:
            del self.witnesses[number]


def _is_open(row: Execution) -> bool:
    return row.status in _OPEN


def _is_phantom(row: Execution) -> bool:
    """Return whether a run has ended and is not kept: n8n 2.x leaves its status as it was."""
    return row.deleted and _is_open(row)

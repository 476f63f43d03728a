"""What is kept of one n8n from one read to the next: its ledger, its connection, and the thread that uses them."""

from __future__ import annotations

import concurrent.futures
import math
import time
from collections.abc import Sequence

from collectors.contract import Facts, ProbeFailed
from collectors.drivers.postgresql import Connection, log_in
from collectors.drivers.turn import Turn
from collectors.drivers.worker import Worker
from collectors.n8n import fetching, state, state_file, summary
from collectors.n8n.errors import BY_CODE
from collectors.n8n.ledger import Ledger
from collectors.n8n.node_runs import NodeCounter
from collectors.n8n.reading import N8nReading
from collectors.n8n.rows import Rows
from collectors.n8n.statements import Statements
from collectors.n8n.target import N8nTarget
from collectors.terms import Phase, Reason, Seconds

_SAVED_EVERY: Seconds = 60.0
"""A state that is older is as good: what has ended since is in it neither as counted nor as passed."""


class Session:
    """One n8n. Its thread works for one read at a time, and holds up nobody else's."""

    def __init__(self, target: N8nTarget) -> None:
        self._worker = Worker("n8n")
        self._work = _Work(target)

    async def read(self, addresses: Sequence[str], facts: Facts) -> N8nReading:
        """Read once, at the first of these addresses that can be reached; ProbeFailed."""
        timeout = self._work.target.timeout
        return await self._worker.run(lambda turn: self._work.read(addresses, turn), timeout, facts)

    def end(self) -> concurrent.futures.Future[None]:
        """End the read under way; then the thread saves the state and ends. Wait for neither; return the saving."""
        return self._worker.end(self._work.end)


class _Work:
    """What the thread does."""

    def __init__(self, target: N8nTarget) -> None:
        self.target = target
        self._connection: Connection | None = None
        self._statements: Statements | None = None
        self._ledger: Ledger | None = None
        self._nodes: NodeCounter | None = None
        self._saved_at = -math.inf
        """So the first read shows whether the file can be written."""
        self._state_problem = ""

    def read(self, addresses: Sequence[str], turn: Turn) -> N8nReading:
        began = time.monotonic()
        ledger = self._ledger = self._ledger or self._begun()
        rows = self._rows(ledger, addresses, turn)
        if began - self._saved_at >= _SAVED_EVERY:
            self._save(ledger)
        return summary.reading(ledger, rows, time.monotonic() - began, self._state_problem)

    def end(self) -> None:
        if self._connection is not None:
            self._connection.part()
        if self._ledger is not None:
            self._save(self._ledger)

    def _rows(self, ledger: Ledger, addresses: Sequence[str], turn: Turn) -> Rows:
        """Read on the kept connection; on a new one if there is none, or if it turns out to have ended meanwhile."""
        if self._connection is not None and self._connection.is_open:
            turn.facts.phase = Phase.QUERY
            try:
                return self._rows_on(self._connection, ledger, turn)
            except ProbeFailed as failed:
                if failed.reason is not Reason.RESET:
                    raise
        self._connection, self._statements = log_in(self.target, addresses, turn, BY_CODE), None
        turn.facts.phase = Phase.QUERY
        return self._rows_on(self._connection, ledger, turn)

    def _rows_on(self, connection: Connection, ledger: Ledger, turn: Turn) -> Rows:
        # Probed anew on each connection: what a migration changes makes a statement fail, which ends the connection.
        self._statements = self._statements or fetching.probed(self.target, connection, turn)
        return fetching.read(connection, self._statements, ledger, self._nodes, turn)

    def _begun(self) -> Ledger:
        """Return the ledger that goes on from the saved state, or that begins."""
        limits = self.target.max_workflows, self.target.max_node_series
        ledger = Ledger(*limits)
        if self.target.state_file is not None:
            try:
                saved = state_file.load(self.target.state_file)
                ledger = ledger if saved is None else state.restored(saved, *limits)
            except state_file.NotKept as problem:
                self._state_is_lost(str(problem))
            except state.BadState:
                self._state_is_lost(f"{self.target.state_file}: is of another version; counting begins anew")
        if self.target.nodes:
            self._nodes = NodeCounter(ledger.tallies)
            ledger.tallies.unread_at_zero()
        return ledger

    def _state_is_lost(self, problem: str) -> None:
        self._state_problem, self._saved_at = problem, time.monotonic()  # which saving at once would conceal

    def _save(self, ledger: Ledger) -> None:
        self._saved_at = time.monotonic()
        if self.target.state_file is not None:
            try:
                state_file.save(self.target.state_file, state.saved(ledger))
            except state_file.NotKept as problem:
                self._state_problem = str(problem)
            else:
                self._state_problem = ""

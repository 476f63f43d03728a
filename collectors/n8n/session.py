"""What is kept of one n8n from one read to the next: its ledger, its connection, and the thread that uses them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import math
import time
from collections.abc import Sequence

from collectors.contract import Facts, ProbeFailed
from collectors.drivers import postgresql_parameters as parameters
from collectors.drivers.postgresql import Connection
from collectors.drivers.turn import Turn
from collectors.n8n import fetching, state, state_file, summary
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
        self._thread = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="n8n")
        self._work = _Work(target)
        self._turn: Turn | None = None

    async def read(self, addresses: Sequence[str], facts: Facts) -> N8nReading:
        """Read once, at the first of these addresses that can be reached; ProbeFailed."""
        self._turn = turn = Turn(self._work.target.timeout)
        work = self._thread.submit(self._work.read, addresses, facts, turn)
        work.add_done_callback(lambda _: turn.close())
        try:
            return await asyncio.wrap_future(work)
        finally:
            turn.end()

    def end(self) -> concurrent.futures.Future[None]:
        """End the read under way; then the thread saves the state and ends. Waits for neither; returns the saving."""
        if self._turn is not None:
            self._turn.end()
        saving = self._thread.submit(self._work.end)
        self._thread.shutdown(wait=False)
        return saving


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

    def read(self, addresses: Sequence[str], facts: Facts, turn: Turn) -> N8nReading:
        began = time.monotonic()
        ledger = self._ledger = self._ledger or self._begun()
        rows = self._rows(ledger, addresses, facts, turn)
        if began - self._saved_at >= _SAVED_EVERY:
            self._save(ledger)
        return summary.reading(ledger, rows, time.monotonic() - began, self._state_problem)

    def end(self) -> None:
        if self._connection is not None:
            self._connection.part()
        if self._ledger is not None:
            self._save(self._ledger)

    def _rows(self, ledger: Ledger, addresses: Sequence[str], facts: Facts, turn: Turn) -> Rows:
        """Read on the kept connection; on a new one if there is none, or if it turns out to have ended meanwhile."""
        if self._connection is not None and self._connection.is_open:
            facts.phase = Phase.QUERY
            try:
                return self._rows_on(self._connection, ledger, turn)
            except ProbeFailed as failed:
                if failed.reason is not Reason.RESET:
                    raise
        self._connection, self._statements = self._connected(addresses, facts, turn), None
        facts.phase = Phase.QUERY
        return self._rows_on(self._connection, ledger, turn)

    def _rows_on(self, connection: Connection, ledger: Ledger, turn: Turn) -> Rows:
        # Probed anew on each connection: what a migration changes makes a statement fail, which ends the connection.
        self._statements = self._statements or fetching.probed(self.target, connection, turn)
        return fetching.read(connection, self._statements, ledger, self._nodes, turn)

    def _connected(self, addresses: Sequence[str], facts: Facts, turn: Turn) -> Connection:
        """Log in at the first address that can be reached; each gets its share of the time."""

        def reached() -> None:
            facts.phase = Phase.AUTH

        for number, address in enumerate(addresses):
            following = len(addresses) - number - 1
            facts.phase = Phase.CONNECT
            facts.address = address if address != self.target.address and address else None
            try:
                return Connection(parameters.of(self.target, address), turn, turn.left / (following + 1), reached)
            except ProbeFailed as failed:
                if not following or failed.misconfigured:
                    raise
                facts.tried += (f"{address}: {failed.detail}",)
        raise ProbeFailed(Reason.DNS, "its name has no address")

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

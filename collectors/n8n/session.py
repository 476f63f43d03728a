"""What is kept of one n8n from one read to the next: its ledger, its connection, and the thread that uses them."""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Sequence
from concurrent.futures import Future

from collectors.contract import Facts, ProbeFailed
from collectors.drivers.postgresql import Connection, log_in
from collectors.drivers.turn import Turn
from collectors.drivers.worker import Worker
from collectors.n8n import fetching, state, summary
from collectors.n8n.errors import BY_CODE
from collectors.n8n.keeper import Keeper
from collectors.n8n.ledger import Ledger
from collectors.n8n.node_runs import NodeCounter
from collectors.n8n.reading import N8nReading
from collectors.n8n.rows import Rows
from collectors.n8n.state_file import NotKept
from collectors.n8n.statements import Statements
from collectors.n8n.target import N8nTarget
from collectors.terms import Phase, Reason, Seconds

_A_LOSS_IS_SAID: Seconds = 60.0
"""How long the readings say that counting began anew."""

Before = Future[Ledger | None]
"""What a session counted, once its thread has ended; None if it never began to count."""


class ReadingSession:
    """One n8n. Its thread does one read at a time, and delays no other n8n's."""

    def __init__(self, target: N8nTarget, keeper: Keeper | None = None, before: Before | None = None) -> None:
        """``before`` is what the session that counted there until now leaves."""
        self._worker = Worker("n8n")
        self._work = _Work(target, keeper, before)

    async def read(self, addresses: Sequence[str], facts: Facts) -> N8nReading:
        """Read once, at the first of these addresses that can be reached; ProbeFailed."""
        timeout = self._work.target.timeout
        return await self._worker.run(lambda turn: self._work.read(addresses, turn), timeout, facts)

    def end(self) -> Before:
        """End the read under way; then the thread closes what it has and ends. Wait for neither."""
        return self._worker.end(self._work.end)


class _Work:
    """What the thread does."""

    def __init__(self, target: N8nTarget, keeper: Keeper | None, before: Before | None) -> None:
        self.target = target
        self._keeper, self._before = keeper, before
        self._connection: Connection | None = None
        self._statements: Statements | None = None
        self._ledger: Ledger | None = None
        self._nodes: NodeCounter | None = None
        self._lost: tuple[str, Seconds] | None = None
        """Why counting began anew, and until when that is said."""

    def read(self, addresses: Sequence[str], turn: Turn) -> N8nReading:
        began = time.monotonic()
        ledger = self._ledger = self._ledger or self._begun(turn)
        rows = self._rows(ledger, addresses, turn)
        took = time.monotonic() - began
        # Before anybody sees what was counted: a program that is killed never goes on from less than it has shown.
        problem = self._save(ledger, turn)
        return summary.reading(ledger, rows, took, problem)

    def end(self) -> Ledger | None:
        if self._connection is not None:
            self._connection.part()
        if self._keeper is not None:
            self._keeper.end()
        if self._ledger is None and self._before is not None:
            return self._before.result()
        return self._ledger

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

    def _begun(self, turn: Turn) -> Ledger:
        """Return the ledger that goes on from the session before or from the saved state, or that begins."""
        ledger = self._handed_over(turn) or self._loaded(turn) or Ledger(*self._limits)
        if self.target.nodes:
            self._nodes = NodeCounter(ledger.tallies, ledger.pending)
            ledger.tallies.unread_at_zero()
        else:
            ledger.pending.clear()
        return ledger

    @property
    def _limits(self) -> tuple[int, int]:
        return self.target.max_workflows, self.target.max_node_series

    def _handed_over(self, turn: Turn) -> Ledger | None:
        if self._before is None:
            return None
        if not concurrent.futures.wait([self._before], turn.left / 2).done:
            raise ProbeFailed(Reason.LOCAL, "the read before, with other settings, has not come to its end yet")
        ledger, self._before = self._before.result(), None
        if ledger is not None:
            ledger.limit(*self._limits)
        return ledger

    def _loaded(self, turn: Turn) -> Ledger | None:
        if self._keeper is None:
            return None
        try:
            saved = self._keeper.load(turn)
            return None if saved is None else state.restored(saved, *self._limits)
        except NotKept as problem:
            lost = str(problem)
        except state.BadState:
            lost = f"{self.target.state_file}: is of another version; counting begins anew"
        self._lost = lost, time.monotonic() + _A_LOSS_IS_SAID
        return None

    def _save(self, ledger: Ledger, turn: Turn) -> str:
        """Save what has changed; return why counts may not go on when the program starts anew."""
        if self._keeper is None:
            return ""
        try:
            self._keeper.save("".join(state.written(state.saved(ledger))).encode(), turn)
        except NotKept as problem:
            return str(problem)
        lost, until = self._lost or ("", 0.0)
        return lost if time.monotonic() < until else ""

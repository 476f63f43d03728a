"""n8n's table of executions, in memory, and a ledger that reads it: what a test does is what n8n does."""

from typing import Any

from collectors.n8n import summary
from collectors.n8n.ledger import Ended, Ledger
from collectors.n8n.open_run import is_doubtful
from collectors.n8n.reading import N8nReading
from collectors.n8n.rows import Execution, Inventory, Rows, Statistic, Workflow
from collectors.n8n.statements import FRESH_AT_ONCE

BEGAN = 1_700_000_000.0
OPEN = ("new", "running", "waiting")


class Book:
    """Executions by id; ``read`` lets the ledger read as ``collectors.n8n.fetching`` does."""

    def __init__(self, max_workflows: int = 500, max_node_series: int = 2_000) -> None:
        self.ledger = Ledger(max_workflows, max_node_series)
        self.rows: dict[int, Execution] = {}
        self.workflows = [Workflow("w1", "One", active=True, archived=False)]
        self.statistics: list[Statistic] = []
        self.now = BEGAN
        self.last_id = 0
        self.transaction = 100
        self.oldest_running: int | None = None
        """A transaction that does not end."""
        self.ended: list[Ended] = []

    def start(self, workflow: str | None = "w1", mode: str = "trigger", status: str = "running", **more: Any) -> int:
        """Let an execution begin; return its id."""
        self.last_id += 1
        self.commit(self.last_id, workflow=workflow, mode=mode, status=status, **more)
        return self.last_id

    def take_id(self) -> int:
        """Let a transaction take an id, and neither commit nor roll back."""
        self.last_id += 1
        return self.last_id

    def commit(self, number: int, **values: Any) -> None:
        plain: dict[str, Any] = {
            "workflow": "w1",
            "mode": "trigger",
            "status": "running",
            "created": self.now,
            "started": self.now,
            "stopped": None,
            "wait_till": None,
            "deleted": False,
        }
        self.rows[number] = Execution(id=number, **plain | values)

    def write(self, number: int, **values: Any) -> None:
        self.rows[number] = self.rows[number]._replace(**values)

    def stop(self, number: int, status: str = "success", **values: Any) -> None:
        self.write(number, status=status, stopped=self.now, **values)

    def read(self) -> N8nReading:
        ledger = self.ledger
        if ledger.needs_inventory:
            ledger.begin(self._inventory())
        rows = self._snapshot()
        if not ledger.belongs(rows):
            ledger.begin(self._inventory())
            rows = self._snapshot()
        self.ended += ledger.record(rows)
        self.now += 15
        self.transaction += 10
        return summary.reading(ledger, rows, 0.01)

    def _snapshot(self) -> Rows:
        numbers = sorted(self.rows)
        self.ledger.admit(self.workflows)
        placed = self.ledger.with_place(self.workflows)
        return Rows(
            now=self.now,
            oldest_running=self.oldest_running or self.transaction,
            next_transaction=self.transaction,
            newest=self.rows[numbers[-1]] if numbers else None,
            fresh=[self.rows[number] for number in numbers if number > self.ledger.watermark][:FRESH_AT_ONCE],
            asked_for=[self.rows[number] for number in self.ledger.asks_for() if number in self.rows],
            workflows=self.workflows,
            workflow_states={"active": len(self.workflows), "inactive": 0, "archived": 0},
            statistics=[one for one in self.statistics if one.workflow in placed],
            table_bytes={"execution_entity": 8192},
        )

    def _inventory(self) -> Inventory:
        since, newest = self.ledger.newest_created, max(self.rows, default=0)
        return Inventory(
            newest=newest,
            unended=[row for row in self.rows.values() if (row.status in OPEN or is_doubtful(row)) and not row.deleted],
            first_since=min(
                (row.id for row in self.rows.values() if since is not None and row.created > since), default=newest + 1
            ),
            workflows=self.workflows,
            modes=list({(row.workflow, row.mode) for row in self.rows.values()}),
        )


def counted(reading: N8nReading) -> dict[str, int]:
    """How many executions ended, by status, without those that stand at 0."""
    by_status: dict[str, int] = {}
    for key, number in reading.finished.items():
        if number:
            by_status[str(key.status)] = by_status.get(str(key.status), 0) + number
    return by_status

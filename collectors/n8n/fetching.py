"""One read, in the thread: a transaction that only reads, from the rows to the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from collectors.contract import ProbeFailed
from collectors.drivers.postgresql import Connection
from collectors.drivers.turn import Turn
from collectors.n8n import statements as sql
from collectors.n8n.ledger import Ended, Ledger
from collectors.n8n.node_runs import NodeCounter
from collectors.n8n.rows import WORKFLOW_STATES, DataHead, Execution, Inventory, Nodes, Rows, Statistic, Workflow
from collectors.n8n.statements import Statements
from collectors.n8n.target import N8nTarget
from collectors.terms import Reason

_EXECUTIONS = "read executions"
_ROOM = 32 * 1024 * 1024
"""Bytes of an answer; ten times what 50,000 open executions, 20,000 workflows, or the data of 200 executions take."""


class _Ask(Protocol):
    """Runs a statement of the transaction and returns its rows; ``doing`` says for people what it does."""

    def __call__(self, doing: str, statement: str, values: Sequence[object] = ()) -> list[Any]: ...


def probed(target: N8nTarget, connection: Connection, turn: Turn) -> Statements:
    """Return the statements that fit the tables that are there; ProbeFailed if something is missing."""
    asked = sql.probe(target.schema, target.table_prefix)
    columns = {
        (str(table), str(column))
        for table, column in connection.ask("look at n8n's tables", sql.COLUMNS, asked, turn, _ROOM)
    }
    lacking = sql.missing(columns, target.table_prefix, nodes=target.nodes)
    if lacking:
        absent = f"not there in schema {target.schema}, or not granted to {target.user}: {', '.join(lacking)}"
        remedy = f"run reader.sql again{', with -v nodes=on' if target.nodes else ''}"
        if sql.missing(columns, target.table_prefix, nodes=False):
            remedy += ", or correct schema and table_prefix"
        raise ProbeFailed(Reason.QUERY, f"{absent}; {remedy}", misconfigured=True)
    return sql.statements(target.schema, target.table_prefix, columns)


def read(connection: Connection, statements: Statements, ledger: Ledger, nodes: NodeCounter | None, turn: Turn) -> Rows:
    """Read what is new, and record it."""

    def ask(doing: str, statement: str, values: Sequence[object] = ()) -> list[Any]:
        return connection.ask(doing, statement, values, turn, _ROOM)

    most = max(1, round(turn.left * 900))
    ask("begin to read", sql.BEGIN)
    ask("begin to read", sql.LIMITS, (most, max(1, most // 2)))
    rows, ended = _executions(ask, statements, ledger)
    if nodes is not None:
        _nodes(ask, statements, nodes, ended, rows)
    ask("end the read", sql.END)
    return rows


def _executions(ask: _Ask, statements: Statements, ledger: Ledger) -> tuple[Rows, list[Ended]]:
    if ledger.needs_inventory:
        ledger.begin(_inventory(ask, statements, ledger))
    rows = _rows(ask, statements, ledger)
    if not ledger.belongs(rows):
        ledger.begin(_inventory(ask, statements, ledger))
        rows = _rows(ask, statements, ledger)
    return rows, ledger.record(rows)


def _rows(ask: _Ask, statements: Statements, ledger: Ledger) -> Rows:
    ((now, oldest_running, next_transaction),) = ask(_EXECUTIONS, sql.MOMENT)
    newest = [Execution(*row) for row in ask(_EXECUTIONS, statements.newest)]
    workflows = _workflows(ask, statements)
    ledger.admit(workflows)
    return Rows(
        now=now,
        oldest_running=oldest_running,
        next_transaction=next_transaction,
        newest=newest[0] if newest else None,
        fresh=[Execution(*row) for row in ask(_EXECUTIONS, statements.fresh, (ledger.watermark,))],
        asked_for=[Execution(*row) for row in ask(_EXECUTIONS, statements.asked_for, (sql.array(ledger.asks_for()),))],
        workflows=workflows,
        workflow_states=dict(zip(WORKFLOW_STATES, ask("count workflows", statements.workflow_states)[0], strict=True)),
        statistics=_statistics(ask, statements, ledger.with_place(workflows)),
        table_bytes=dict(zip(sql.SIZED, ask("read tables' sizes", statements.table_bytes)[0], strict=True)),
    )


def _workflows(ask: _Ask, statements: Statements) -> list[Workflow]:
    return [Workflow(*row) for row in ask("read workflows", statements.workflows)]


def _statistics(ask: _Ask, statements: Statements, workflows: list[str]) -> list[Statistic]:
    return [Statistic(*row) for row in ask("read n8n's statistics", statements.statistics, (sql.texts(workflows),))]


def _inventory(ask: _Ask, statements: Statements, ledger: Ledger) -> Inventory:
    doing = "look through all executions"
    ((newest,),) = ask(doing, statements.newest_id)
    since = ledger.newest_created
    first = ask(doing, statements.first_since, (since,))[0][0] if since is not None else None
    return Inventory(
        newest=newest,
        unended=[Execution(*row) for row in ask(doing, statements.unended)],
        first_since=newest + 1 if first is None else first,
        workflows=_workflows(ask, statements),
        modes=[(workflow, mode) for workflow, mode in ask(doing, statements.modes)],
    )


def _nodes(ask: _Ask, statements: Statements, nodes: NodeCounter, ended: Sequence[Ended], rows: Rows) -> None:
    nodes.add(ended)
    if not (wanted := nodes.wanted()):
        return
    if unknown := nodes.workflows_wanted(rows.workflows):
        fetched = ask("read the nodes of workflows", statements.nodes, (unknown,))
        nodes.learn([Nodes(*row) for row in fetched], rows.workflows)
    nodes.record(DataHead(*row) for row in ask("read the nodes of executions", statements.heads, (sql.array(wanted),)))

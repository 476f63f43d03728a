"""What a real n8n wrote into its database, change by change, while workflows of ours ended in every way.

``tests/n8n/record.py`` makes the recordings; ``fixtures/schema-*.sql`` are tables that hold them.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

VERSIONS = ("1.123.81", "2.41.1")
KEYS = {
    "workflow_entity": ("id",),
    "execution_entity": ("id",),
    "execution_data": ("executionId",),
    "workflow_statistics": ("workflowId", "name"),
    "workflow_statistics_delta": ("id",),
}
_FIXTURES = Path(__file__).parent / "fixtures"

Row = Mapping[str, Any]
"""Column -> value."""


def path_of(version: str) -> Path:
    return _FIXTURES / f"n8n-{version}.jsonl"


def schema_of(version: str) -> str:
    """Return the statements that make the tables, with no more columns than are recorded."""
    return (_FIXTURES / f"schema-{version.partition('.')[0]}.sql").read_text()


@dataclasses.dataclass(frozen=True)
class Change:
    """A row as it was written."""

    table: str
    kind: str
    """``new``; ``changed``, with the columns that changed; or ``gone``."""
    row: Row
    """Its key, and what was written."""

    @property
    def key(self) -> tuple[Any, ...]:
        return tuple(self.row[column] for column in KEYS[self.table])

    def statement(self) -> tuple[str, list[Any]]:
        """Return what makes this change in a database, and its parameters."""
        values = {column: json.dumps(value) if column == "nodes" else value for column, value in self.row.items()}
        columns = ", ".join(f'"{column}"' for column in values)
        places = ", ".join(["%s"] * len(values))
        where = " AND ".join(f'"{column}" = %s' for column in KEYS[self.table])
        match self.kind:
            case "new":
                return f"INSERT INTO {self.table} ({columns}) VALUES ({places})", [*values.values()]
            case "changed":
                return f"UPDATE {self.table} SET ({columns}) = ROW({places}) WHERE {where}", [
                    *values.values(),
                    *self.key,
                ]
            case _:
                return f"DELETE FROM {self.table} WHERE {where}", [*self.key]


class Tables:
    """The tables as they are after some changes."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {table: {} for table in KEYS}

    def apply(self, changes: Iterable[Change]) -> None:
        for change in changes:
            rows = self._rows[change.table]
            if change.kind == "gone":
                del rows[change.key]
            else:
                rows[change.key] = {**rows.get(change.key, {}), **change.row}

    def __getitem__(self, table: str) -> list[dict[str, Any]]:
        return list(self._rows[table].values())


@dataclasses.dataclass(frozen=True)
class Recording:
    """The workflows, then each transaction, then the data of some executions."""

    workflows: list[Change]
    transactions: list[list[Change]]
    data: list[Change]

    @classmethod
    def of(cls, version: str) -> Self:
        lines = [json.loads(line) for line in path_of(version).read_text(encoding="utf-8").splitlines()]
        grouped = {number: list(_changes(group)) for number, group in itertools.groupby(lines, lambda line: line[0])}
        return cls(grouped.pop(0), data=grouped.pop(-1), transactions=list(grouped.values()))


def _changes(lines: Iterable[list[Any]]) -> Iterator[Change]:
    for _, table, kind, row in lines:
        yield Change(table, kind, row)

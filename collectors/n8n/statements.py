# ruff: noqa: S608 - names are quoted by quoted(), values are parameters
"""The SQL that reads n8n's tables. Each statement takes its rows by an index, or is said to scan.

Tables and columns are those of n8n's migrations, 1.x and 2.x. Where a version lacks a column, a constant stands for
it. Nothing but what is used is selected, so that a role with grants on these columns is enough.
Parameters are psycopg2's ``%s``.

The content of a column is not trusted: NULL is replaced, and an impossible time becomes NULL, which means not known.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from collectors.n8n.flatted import HEAD_CHARACTERS
from collectors.n8n.ledger import MOST_OPEN
from collectors.n8n.rows import LIFETIME_NAMES

FRESH_AT_ONCE: Final = 5_000
"""Executions above the watermark that one read takes."""
_WORKFLOWS_AT_ONCE: Final = 20_000
_NAME: Final = 200
_DAY: Final = "interval '24 hours'"
"""Two clocks may differ by so much. Written in hours, which do not depend on time zones."""
_LONG: Final = "interval '87600 hours'"
_NODES_CHARACTERS: Final = 524_288
"""A workflow's nodes that are larger have unknown types: to decode them would hold the program up."""

_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "execution_entity": ("id", "mode", "status", "startedAt", "stoppedAt", "waitTill", "workflowId"),
    "workflow_entity": ("id", "name", "active"),
    "workflow_statistics": ("workflowId", "name", "count", "latestEvent"),
}
_NEEDED_FOR_NODES: Final[Mapping[str, tuple[str, ...]]] = {
    "execution_data": ("executionId", "data"),
    "workflow_entity": ("nodes",),
}
_HEADS: Final = "latency_exporter_heads"
_NODES: Final = "latency_exporter_nodes"
_INSTEAD: Final = {"execution_data": _HEADS, "workflow_entity": _NODES}
"""Functions of deploy/n8n/reader.sql that return what is needed for nodes, without a grant on the table."""
_CALLED: Final = "()"
_DELTA: Final = "workflow_statistics_delta"
"""What newer versions of 2.x have counted and not yet added to ``workflow_statistics``: a row for each run."""
SIZED: Final = ("execution_entity", "execution_data", "workflow_entity", "workflow_statistics")
LONGEST_NAME: Final = 63
"""Bytes of a name in PostgreSQL."""
LONGEST_PREFIX: Final = LONGEST_NAME - max(map(len, (*SIZED, _DELTA, _HEADS, _NODES)))

BEGIN: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
LIMITS: Final = (
    "SET LOCAL jit = off; SET LOCAL search_path = pg_catalog;"
    " SET LOCAL statement_timeout = %s; SET LOCAL lock_timeout = %s"
)
"""In milliseconds. Of this transaction, so that they reach the server through a pooler too."""
END: Final = "COMMIT"
COLUMNS: Final = (
    "SELECT c.relname, a.attname FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid"
    " WHERE n.nspname = %s AND c.relname = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped"
    " AND has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT')"
    f" UNION ALL SELECT DISTINCT p.proname, '{_CALLED}'::name FROM pg_catalog.pg_proc p"
    " JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
    " JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relowner = p.proowner"
    " WHERE n.nspname = %s AND c.relname = ANY(%s) AND p.proname = ANY(%s) AND p.prosecdef"
    " AND has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE')"
)
"""What may be read of some tables, and which functions of their owner may be called; the second of those is ``()``."""
MOMENT: Final = (
    "SELECT date_part('epoch', now()),"
    " txid_snapshot_xmin(txid_current_snapshot()), txid_snapshot_xmax(txid_current_snapshot())"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Statements:
    """All statements toward one n8n, as text."""

    newest: str
    """The execution with the highest id."""
    fresh: str
    """Above an id."""
    asked_for: str
    """Of a list of ids."""
    workflows: str
    """Scans all workflows, as does the next."""
    workflow_states: str
    """How many are active, inactive and archived."""
    statistics: str
    """Of a list of workflows."""
    table_bytes: str
    newest_id: str
    unended: str
    """Scans all executions; the youngest, which are likely to end some day, of more than are followed."""
    first_since: str
    """Above a time of creation, the lowest id; scans all executions."""
    modes: str
    """Scans all executions."""
    heads: str
    """Of a list of executions."""
    nodes: str
    """Of a list of workflows."""


def probe(schema: str, prefix: str) -> tuple[object, ...]:
    """Return the parameters of ``COLUMNS``."""
    tables = [prefix + name for name in (*SIZED, _DELTA)]
    return schema, tables, schema, tables, [prefix + name for name in _INSTEAD.values()]


def missing(columns: Collection[tuple[str, str]], prefix: str, *, nodes: bool) -> list[str]:
    """Return what is needed and can't be read, as ``table`` or ``table.column``."""
    present = {table for table, _ in columns}
    needed = list(_NEEDED.items())
    if nodes:
        needed += [
            (name, wanted)
            for name, wanted in _NEEDED_FOR_NODES.items()
            if (prefix + _INSTEAD[name], _CALLED) not in columns
        ]
    lacking = []
    for name, wanted in needed:
        table = prefix + name
        absent = [f"{table}.{column}" for column in wanted if (table, column) not in columns]
        lacking += absent if table in present else [table]
    return list(dict.fromkeys(lacking))


def statements(schema: str, prefix: str, columns: Collection[tuple[str, str]]) -> Statements:
    """Return the statements for a database in which this may be read, as ``COLUMNS`` gives it."""

    def table(name: str) -> str:
        return f"{quoted(schema)}.{quoted(prefix + name)}"

    def column(of: str, name: str, otherwise: str) -> str:
        return quoted(name) if (prefix + of, name) in columns else otherwise

    executions, workflows = table("execution_entity"), table("workflow_entity")
    created = column("execution_entity", "createdAt", '"startedAt"')
    deleted = column("execution_entity", "deletedAt", "NULL")
    stored = column("execution_entity", "storedAt", "'db'")
    rows = (
        f"""SELECT id, "workflowId", coalesce(mode, ''), coalesce(status, ''), coalesce({_created(created)}, 0),"""
        f" {_between('startedAt', created)}, {_between('stoppedAt', created)}, {_finite(quoted('waitTill'))},"
        f" {deleted} IS NOT NULL, ({stored} <> 'db') IS TRUE FROM {executions}"
    )
    version = column("workflow_entity", "versionId", "''")
    archived = f"coalesce({column('workflow_entity', 'isArchived', 'false')}, false)"
    active = "coalesce(active, false)"
    names = ", ".join(map(_constant, LIFETIME_NAMES))
    counts = (
        f'SELECT "workflowId", name, greatest(count, 0)::bigint, {_past("latestEvent")}'
        f" FROM {table('workflow_statistics')}"
    )
    if {(prefix + _DELTA, name) for name in ("workflowId", "name", "createdAt")} <= set(columns):
        counts += (
            f' UNION ALL SELECT "workflowId", name, count(*), max({_past("createdAt")}) FROM {table(_DELTA)}'
            " GROUP BY 1, 2"
        )
    heads = (
        f'SELECT "executionId", left(data, {HEAD_CHARACTERS})'
        f' FROM {table("execution_data")} WHERE "executionId" = ANY(%s::bigint[])'
    )
    nodes = (
        f"SELECT id, CASE WHEN length(nodes::text) <= {_NODES_CHARACTERS} THEN nodes::text END"
        f" FROM {workflows} WHERE id = ANY(%s)"
    )
    if (prefix + _HEADS, _CALLED) in columns:
        heads = f"SELECT execution, head FROM {table(_HEADS)}(%s::bigint[])"
    if (prefix + _NODES, _CALLED) in columns:
        nodes = f"SELECT workflow, nodes FROM {table(_NODES)}(%s::text[])"
    sizes = ", ".join(f"coalesce(pg_total_relation_size({_constant(table(name))}::regclass), 0)" for name in SIZED)
    return Statements(
        newest=f"{rows} ORDER BY id DESC LIMIT 1",
        fresh=f"{rows} WHERE id > %s ORDER BY id LIMIT {FRESH_AT_ONCE}",
        asked_for=f"{rows} WHERE id = ANY(%s::bigint[])",
        workflows=f"SELECT id, left(coalesce(name, ''), {_NAME}), {active}, {archived}, coalesce({version}, '')"
        f" FROM {workflows} ORDER BY {active} DESC, id LIMIT {_WORKFLOWS_AT_ONCE}",
        workflow_states=f"SELECT count(*) FILTER (WHERE {active} AND NOT {archived}),"
        f" count(*) FILTER (WHERE NOT {active} AND NOT {archived}), count(*) FILTER (WHERE {archived})"
        f" FROM {workflows}",
        statistics=f"SELECT workflow, name, runs, latest FROM ({counts}) AS counts (workflow, name, runs, latest)"
        f" WHERE workflow = ANY(%s::text[]) AND name IN ({names})",
        table_bytes=f"SELECT {sizes}",
        newest_id=f"SELECT coalesce(max(id), 0) FROM {executions}",
        unended=f"{rows} WHERE (status IN ('new', 'running', 'waiting')"
        f" OR status = 'crashed' AND \"waitTill\" IS NOT NULL) AND {deleted} IS NULL"
        f" ORDER BY id DESC LIMIT {MOST_OPEN}",
        first_since=f"SELECT min(id) FROM {executions} WHERE {_epoch(created)} > %s",
        modes=f"SELECT DISTINCT \"workflowId\", coalesce(mode, '') FROM {executions}",
        heads=heads,
        nodes=nodes,
    )


def array(numbers: Iterable[int]) -> str:
    """Return numbers as a parameter: psycopg2 takes milliseconds for a list of thousands, and lets no thread run."""
    return "{" + ",".join(map(str, numbers)) + "}"


def texts(words: Iterable[str]) -> str:
    """Return texts likewise."""
    return "{" + ",".join('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in words) + "}"


def quoted(name: str) -> str:
    """Return a name as an identifier of SQL, within a text whose ``%`` has a meaning to psycopg2."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


def _constant(text: str) -> str:
    """Return a text as a constant of SQL, whatever ``standard_conforming_strings`` is; ``%`` is as in ``quoted``."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _epoch(column: str) -> str:
    """Return a time in seconds; ``extract`` gives a ``numeric``, which takes three times as long."""
    return f"date_part('epoch', {column})"


def _finite(column: str) -> str:
    return f"CASE WHEN isfinite({column}) THEN {_epoch(column)} END"


def _created(column: str) -> str:
    """Return a time of creation. It tells rows apart, so what can be and what cannot are years apart."""
    return f"CASE WHEN {column} BETWEEN now() - {_LONG} AND now() + {_LONG} THEN {_epoch(column)} END"


def _past(name: str) -> str:
    """Return a time that has come."""
    column = quoted(name)
    return f"CASE WHEN isfinite({column}) AND {column} <= now() + {_DAY} THEN {_epoch(column)} END"


def _between(name: str, created: str) -> str:
    """Return a time that has come, and not before a row was created."""
    column = quoted(name)
    earliest = f"greatest({created}, now() - {_LONG}) - {_DAY}"
    return f"CASE WHEN {column} BETWEEN {earliest} AND now() + {_DAY} THEN {_epoch(column)} END"

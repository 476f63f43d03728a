"""Record what n8n writes while the script is played, for tests without n8n: ``python -m tests.n8n.record``.

Needs what `make test-n8n` needs. The recording goes to tests/collectors/n8n/fixtures/, where ``recordings`` reads it.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2.extras

from tests.collectors.n8n.recordings import KEYS, Row, path_of
from tests.n8n.script import Script
from tests.n8n.server import INSTALLED, IS_OF_1, VERSION, N8n
from tests.netlab import Lab
from tests.system.databases import started

COLUMNS = {
    "execution_entity": (
        *("id", "workflowId", "mode", "status", "createdAt", "startedAt", "stoppedAt", "waitTill", "deletedAt"),
        *("retryOf", "storedAt"),
    ),
    "workflow_statistics": ("workflowId", "name", "count", "latestEvent"),
    "workflow_statistics_delta": ("id", "workflowId", "name", "createdAt"),
}
"""What is recorded of each table: what a reader of n8n's database can want of it."""
_STACK = re.compile(r"(?:\\n {4}at [^\"\\]*)+")
"""Where in n8n's own code an error was raised, in a text of JSON: nobody reads it, and it names n8n's files."""
_LOG = """
CREATE SCHEMA recorded;
CREATE TABLE recorded.changes (
    id bigserial, transaction xid8 DEFAULT pg_current_xact_id(), at timestamptz DEFAULT clock_timestamp(),
    relation text, content jsonb, gone boolean
);
CREATE FUNCTION recorded.record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO recorded.changes (relation, content, gone)
        VALUES (TG_TABLE_NAME, CASE TG_OP WHEN 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END, TG_OP = 'DELETE');
    RETURN NULL;
END $$;
"""
_TRIGGER = (
    "CREATE TRIGGER recorded AFTER INSERT OR UPDATE OR DELETE ON {} FOR EACH ROW EXECUTE FUNCTION recorded.record()"
)
_CHANGES = (
    "SELECT dense_rank() OVER (ORDER BY last), relation, content, gone FROM"
    " (SELECT *, max(id) OVER (PARTITION BY transaction) AS last FROM recorded.changes) c ORDER BY last, id"
)
"""In the order in which their transactions made their last change, which is nearly that of their ends."""
_WORKFLOWS = 'SELECT id, name, active, "isArchived", "versionId", nodes FROM workflow_entity ORDER BY name'
_DATA = (
    "SELECT DISTINCT ON (e.\"workflowId\", e.status, e.mode = 'retry') e.id, d.data FROM execution_entity e"
    ' JOIN execution_data d ON d."executionId" = e.id ORDER BY e."workflowId", e.status, e.mode = \'retry\', e.id'
)
"""Of one execution for each end of each workflow, and of retries, which carry what the first try did."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, started("postgresql") as database, Lab() as lab:
        n8n = N8n(lab.host("n8n"), database, Path(folder))
        n8n.start()
        connection = psycopg2.connect(host=str(database.socket_path), port=database.port, user="postgres", dbname="n8n")
        connection.autocommit = True
        with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            cursor.execute(_LOG)
            for table in _tables():
                cursor.execute(_TRIGGER.format(table))
            Script(n8n).play()
            n8n.stop()
            path_of(VERSION).write_text("".join(f"{line}\n" for line in _lines(cursor)), encoding="utf-8")
        connection.close()


def _tables() -> list[str]:
    return [table for table in COLUMNS if not (IS_OF_1 and table.endswith("_delta"))]


def _lines(cursor: Any) -> Iterator[str]:
    cursor.execute(_WORKFLOWS)
    for row in cursor.fetchall():
        yield _line(0, "workflow_entity", "new", row)
    rows: dict[tuple[str, Any], Row] = {}
    cursor.execute(_CHANGES)
    for change in cursor.fetchall():
        table, content = change["relation"], change["content"]
        keys = {column: content[column] for column in KEYS[table]}
        row = {column: content[column] for column in COLUMNS[table] if column in content}
        before = rows.get((table, *keys.values()), {})
        changed = {column: value for column, value in row.items() if before.get(column) != value}
        rows[table, *keys.values()] = row
        if change["gone"]:
            yield _line(change["dense_rank"], table, "gone", keys)
        elif changed:
            yield _line(change["dense_rank"], table, "changed" if before else "new", {**keys, **changed})
    cursor.execute(_DATA)
    for number, data in ((row["id"], row["data"]) for row in cursor.fetchall()):
        text = _STACK.sub("", data).replace(str(INSTALLED / VERSION), "/n8n")
        yield _line(-1, "execution_data", "new", {"executionId": number, "data": text})


def _line(transaction: int, table: str, kind: str, row: Row) -> str:
    return json.dumps([transaction, table, kind, row], ensure_ascii=False, separators=(",", ":"))


if __name__ == "__main__":
    main()

"""n8n's tables with many executions in them, as a database that has been in use for long has them."""

from __future__ import annotations

import json
import time

from tests.collectors.n8n.flatted_writer import execution, run
from tests.collectors.n8n.recordings import schema_of
from tests.system import n8n_tables
from tests.system.database_server import Server

WORKFLOWS = 50
_NODES = ("Webhook", "Set", "HTTP Request", "If", "Code")
_EXECUTIONS = f"""
    INSERT INTO execution_entity ("workflowId", mode, status, "createdAt", "startedAt", "stoppedAt", "waitTill")
    SELECT 'w' || i %% {WORKFLOWS}, CASE i %% 5 WHEN 0 THEN 'manual' WHEN 1 THEN 'trigger' ELSE 'webhook' END,
        CASE WHEN i %% %(every)s = 0 THEN 'waiting' WHEN i %% 33 = 0 THEN 'error' ELSE 'success' END,
        at, at + interval '50 ms', at + interval '2 s', CASE WHEN i %% %(every)s = 0 THEN now() + interval '1 day' END
    FROM generate_series(1, %(executions)s) i, LATERAL (SELECT now() - (%(executions)s - i) * interval '1 s' AS at) t
    """


def fill(server: Server, version: str, executions: int, *, waiting: int) -> None:
    """Make the tables of a version of n8n, with executions of which some wait, spread over all of them."""
    n8n_tables.run(server, schema_of(version))
    nodes = json.dumps([{"name": name, "type": f"n8n-nodes-base.{name}", "parameters": {}} for name in _NODES])
    n8n_tables.run(
        server,
        'INSERT INTO workflow_entity (id, name, active, "versionId", nodes)'
        f" SELECT 'w' || i, 'Workflow ' || i, true, 'v', %s FROM generate_series(0, {WORKFLOWS - 1}) i",
        nodes,
    )
    n8n_tables.run(
        server,
        'INSERT INTO workflow_statistics ("workflowId", name, count, "latestEvent")'
        " SELECT id, kind, 1000, now() FROM workflow_entity, (VALUES ('production_success'), ('production_error'),"
        " ('manual_success'), ('manual_error')) AS kinds (kind)",
    )
    with n8n_tables.connected(server) as connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # without a look at each foreign key
        cursor.execute(_EXECUTIONS, {"every": executions // waiting, "executions": executions})
        cursor.execute('INSERT INTO execution_data ("executionId", data) SELECT id, %s FROM execution_entity', [data()])
        cursor.execute("VACUUM ANALYZE")


def end(server: Server, number: int, text: str) -> None:
    """Let so many executions begin and end, with this data."""
    n8n_tables.run(
        server,
        'WITH new AS (INSERT INTO execution_entity (mode, status, "workflowId", "startedAt", "stoppedAt")'
        f" SELECT 'webhook', 'success', 'w' || i %% {WORKFLOWS}, now(), now() FROM generate_series(1, %s) i"
        ' RETURNING id) INSERT INTO execution_data ("executionId", data) SELECT id, %s FROM new',
        number,
        text,
    )


def data(content: str = "x" * 100) -> str:
    """Return the data of an execution of now that has run each node once, of which one gave this text."""
    now = time.time()
    return execution({name: [run(now, 0.1, data={"json": content if name == "Code" else "y"})] for name in _NODES})

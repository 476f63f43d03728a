"""A real n8n runs workflows that end in every way; its own list says how each ended."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import Any

import psycopg2
import pytest

from tests.n8n.script import ENDS, UNSAVED, Script
from tests.n8n.server import IS_OF_1, N8n
from tests.netlab import wait_until
from tests.system.database_server import Server

_STATISTICS = ("production_success", "manual_success") + (() if IS_OF_1 else ("production_error", "manual_error"))
"""Those that are as the ends are: n8n 1 counts waits and cancels as errors."""

pytestmark = [pytest.mark.n8n, pytest.mark.root]


@pytest.fixture(scope="module", autouse=True)
def played(n8n: N8n) -> Script:
    """Return the script when everything has happened."""
    script = Script(n8n)
    script.play()
    return script


def rows(database: Server, query: str) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(host=str(database.socket_path), port=database.port, user="postgres", dbname="n8n")
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()
    finally:
        connection.close()


def statistics(database: Server) -> Counter[tuple[str, str]]:
    """Return what n8n has counted, by workflow and kind of end."""
    of_workflows = 'JOIN workflow_entity w ON w.id = s."workflowId"'
    query = f"SELECT w.name, s.name, s.count FROM workflow_statistics s {of_workflows}"
    if not IS_OF_1:
        query += f" UNION ALL SELECT w.name, s.name, 1 FROM workflow_statistics_delta s {of_workflows}"
    counts: Counter[tuple[str, str]] = Counter()
    for workflow, name, count in rows(database, query):
        if name in _STATISTICS:
            counts[workflow, name] += count
    return counts


def listed(n8n: N8n) -> Counter[tuple[str, str, str]]:
    return Counter((each["workflowName"], each["mode"], each["status"]) for each in n8n.editor.executions())


def test_n8n_lists_every_saved_execution_with_its_end(n8n, capsys):
    ends = listed(n8n)
    with capsys.disabled():
        print(f"\nn8n's own list of {ends.total()} executions:")
        for (name, mode, status), count in sorted(ends.items()):
            print(f"  {count:3} {mode:<10} {status:<8} {name!r}")
    assert ends == ENDS


def test_the_database_holds_what_n8n_lists_and_unsaved_executions_as_running_and_deleted(n8n, database):
    stored = rows(
        database,
        'SELECT w.name, e.mode, e.status, e."deletedAt" IS NOT NULL FROM execution_entity e'
        ' JOIN workflow_entity w ON w.id = e."workflowId"',
    )
    assert Counter(row[:3] for row in stored if not row[3]) == ENDS
    left = Counter({key[:2]: count for key, count in UNSAVED.items() if not IS_OF_1 or key[1] == "manual"})
    assert Counter(row[:2] for row in stored if row[3]) == left
    assert {row[2] for row in stored if row[3]} == {"running"}


def test_the_statistics_with_their_delta_count_all_ends_but_cancels(database):
    expected: Counter[tuple[str, str]] = Counter()
    for (name, mode, status), count in [*ENDS.items(), *UNSAVED.items()]:
        kind = "manual" if mode == "manual" else "production"
        counted = f"{kind}_{'success' if status == 'success' else 'error'}"
        if status != "canceled" and counted in _STATISTICS:
            expected[name, counted] += count
    with contextlib.suppress(TimeoutError):  # n8n counts just after an end
        wait_until(lambda: statistics(database) == expected, "the statistics", 10)
    assert statistics(database) == expected


def test_a_crash_is_written_at_the_next_start_as_if_before_it(played, database):
    stopped = rows(database, "SELECT \"stoppedAt\" FROM execution_entity WHERE status = 'crashed'")
    assert len(stopped) == 2
    assert all(moment < played.killed_at for (moment,) in stopped)

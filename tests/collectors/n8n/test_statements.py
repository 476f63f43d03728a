import re
from typing import Any

import pytest

from collectors.n8n.statements import (
    LONGEST_NAME,
    LONGEST_PREFIX,
    missing,
    probe,
    quoted,
    statements,
    texts,
)

COLUMNS = {
    "execution_entity": "id mode status startedAt stoppedAt waitTill workflowId createdAt deletedAt storedAt",
    "execution_data": "executionId data",
    "workflow_entity": "id name active nodes versionId isArchived",
    "workflow_statistics": "workflowId name count latestEvent",
}


def columns(prefix="", without=()):
    return {(prefix + table, name) for table, names in COLUMNS.items() for name in names.split() if name not in without}


@pytest.mark.parametrize(
    ("name", "as_sql"),
    [("public", '"public"'), ('a"b', '"a""b"'), ("100%", '"100%%"'), ("a;--", '"a;--"'), ("a'\\", '"a\'\\"')],
)
def test_names_are_quoted(name, as_sql):
    assert quoted(name) == as_sql


def test_texts_are_written_as_an_array():
    assert texts(["w1", 'a"b', "c\\,{}", ""]) == r'{"w1","a\"b","c\\,{}",""}'


def test_the_longest_prefix_leaves_room_for_each_name():
    names: list[Any] = [*probe("my", "p" * LONGEST_PREFIX)]

    assert max(map(len, [*names[1], *names[-1]])) == LONGEST_NAME


def test_the_prefix_belongs_to_each_table():
    schema, tables, *_, functions = probe("my", "n8n_")
    assert (schema, tables) == ("my", ["n8n_" + name for name in (*COLUMNS, "workflow_statistics_delta")])
    assert functions == ["n8n_latency_exporter_heads", "n8n_latency_exporter_nodes"]
    assert '"my"."n8n_execution_entity"' in statements("my", "n8n_", columns("n8n_")).fresh


@pytest.mark.parametrize(
    ("without", "instead"),
    [
        ("createdAt", 'coalesce(CASE WHEN "startedAt" BETWEEN'),
        ("deletedAt", "NULL IS NOT NULL"),
        ("storedAt", "'db' <> 'db'"),
    ],
)
def test_a_column_that_a_version_lacks_is_replaced(without, instead):
    assert instead in statements("public", "", columns(without=[without])).fresh
    assert missing(columns(without=[without]), "", nodes=True) == []


def test_runs_that_n8n_has_counted_and_not_yet_added_up_are_read_where_there_are_any():
    delta = {("workflow_statistics_delta", name) for name in ("workflowId", "name", "createdAt")}

    assert "delta" not in statements("public", "", columns()).statistics
    assert '"public"."workflow_statistics_delta"' in statements("public", "", columns() | delta).statistics


def test_what_can_not_be_read_is_named():
    lacking = {one for one in columns("p_") if one[0] != "p_workflow_statistics" and one[1] not in {"status", "data"}}

    assert missing(lacking, "p_", nodes=True) == [
        "p_execution_entity.status",
        "p_workflow_statistics",
        "p_execution_data.data",
    ]
    assert missing(lacking, "p_", nodes=False) == ["p_execution_entity.status", "p_workflow_statistics"]


def test_functions_that_can_be_called_are_enough_for_nodes():
    functions = {("p_latency_exporter_heads", "()"), ("p_latency_exporter_nodes", "()")}
    granted = {one for one in columns("p_") if one[0] != "p_execution_data" and one[1] != "nodes"}

    assert missing(granted, "p_", nodes=True) == ["p_execution_data", "p_workflow_entity.nodes"]
    assert missing(granted | functions, "p_", nodes=True) == []
    made = statements("my", "p_", columns("p_") | functions)
    assert made.heads == 'SELECT execution, head FROM "my"."p_latency_exporter_heads"(%s::bigint[])'
    assert made.nodes == 'SELECT workflow, nodes FROM "my"."p_latency_exporter_nodes"(%s::text[])'


def test_no_statement_selects_everything():
    made = statements("public", "", columns())

    for name in made.__slots__:
        assert not re.search(r"SELECT\s+\*|\.\*", getattr(made, name))
        assert getattr(made, name).lstrip("(").startswith("SELECT ")

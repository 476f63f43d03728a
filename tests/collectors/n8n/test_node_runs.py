import collections
import json

import pytest

from collectors.n8n import node_runs
from collectors.n8n.ledger import Ended
from collectors.n8n.node_runs import NodeCounter
from collectors.n8n.reading import NodeKey, NodeRuns
from collectors.n8n.rows import DataHead, EndStatus, Nodes, Unread, Workflow
from collectors.n8n.tallies import Tallies
from tests.collectors.n8n.flatted_writer import execution, run

CREATED = 1_700_000_000.0
WORKFLOWS = [Workflow("w1", "One", active=True, archived=False, version="v1")]
NODES = Nodes("w1", json.dumps([{"name": "Start", "type": "webhook"}, {"name": "Set", "type": "set"}]))


class Counted:
    """A counter that has learnt the workflow ``w1``."""

    def __init__(self, max_node_series=2_000):
        self.tallies = Tallies(max_node_series)
        self.counter = NodeCounter(self.tallies, collections.deque())

    def count(self, data, status=EndStatus.SUCCESS, **more):
        self.counter.add([ended(1, status=status, **more)])
        if self.counter.workflows_wanted(WORKFLOWS):
            self.counter.learn([NODES], WORKFLOWS)
        self.counter.record([DataHead(number, data) for number in self.counter.wanted()] if data is not None else [])


def ended(number, status=EndStatus.SUCCESS, *, elsewhere=False):
    return Ended(number, "w1", "w1", CREATED, status, elsewhere)


@pytest.fixture
def counted():
    return Counted()


def test_each_run_of_a_node_is_counted_with_its_type(counted):
    counted.count(execution({"Start": [run(CREATED, 0.5)], "Set": [run(CREATED, 1.0), run(CREATED, 2.0, "error")]}))

    assert counted.tallies.node_runs == {
        NodeKey("w1", "Start", "webhook", "success"): NodeRuns(1, 0.5),
        NodeKey("w1", "Set", "set", "success"): NodeRuns(1, 1.0),
        NodeKey("w1", "Set", "set", "error"): NodeRuns(1, 2.0),
    }
    assert {name: (sum(times.counts), times.total) for name, times in counted.tallies.node_types.items()} == {
        "webhook": (1, 0.5),
        "set": (2, 3.0),
    }


def test_the_runs_that_a_retry_brings_with_it_are_not_counted_again(counted):
    counted.count(execution({"Start": [run(CREATED - 60)], "Set": [run(CREATED - 0.5)]}))

    assert [key.node for key in counted.tallies.node_runs] == ["Set"]


def test_a_crashed_run_has_no_times_that_mean_something(counted):
    counted.count(execution({"Start": [run(CREATED, 3_600)]}), status=EndStatus.CRASHED)

    assert not counted.tallies.node_runs
    assert not counted.tallies.node_data_unread


def test_a_node_of_another_version_and_a_strange_status_are_unknown(counted):
    counted.count(execution({"Gone": [run(CREATED, 1, "levitating")]}))

    assert list(counted.tallies.node_runs) == [NodeKey("w1", "Gone", "unknown", "unknown")]


@pytest.mark.parametrize(
    ("data", "why"),
    [(None, Unread.MISSING), ("no", Unread.UNREADABLE), (execution({"A": [run(CREATED)]})[:99], Unread.TOO_LARGE)],
)
def test_data_that_is_not_read_is_counted_as_such(counted, data, why):
    counted.count(data)

    assert counted.tallies.node_data_unread == {why: 1}
    assert not counted.tallies.node_runs


def test_data_that_is_kept_elsewhere_is_not_asked_for(counted):
    counted.counter.add([ended(1, elsewhere=True)])

    assert counted.tallies.node_data_unread == {Unread.OFFLOADED: 1}
    assert counted.counter.wanted() == []


def test_a_burst_is_read_bit_by_bit_up_to_a_limit(counted, monkeypatch):
    monkeypatch.setattr(node_runs, "AT_ONCE", 2)
    monkeypatch.setattr(node_runs, "_MOST_PENDING", 3)
    counted.counter.add(map(ended, range(1, 6)))

    for expected in ([1, 2], [3], []):
        assert counted.counter.wanted() == expected
        counted.counter.record(DataHead(number, execution({"A": [run(CREATED)]})) for number in expected)
    assert counted.tallies.node_data_unread == {Unread.OVERLOAD: 2}
    assert counted.tallies.node_runs[NodeKey("w1", "A", "unknown", "success")].runs == 3


def test_types_are_asked_for_again_when_the_workflow_was_saved(counted):
    counted.count(execution({}))
    assert counted.counter.workflows_wanted(WORKFLOWS) == []
    counted.counter.add([ended(2)])
    assert counted.counter.workflows_wanted(WORKFLOWS) == []

    assert counted.counter.workflows_wanted([WORKFLOWS[0]._replace(version="v2")]) == ["w1"]


@pytest.mark.parametrize("text", [None, "", "null", "{}", "[1, {}, []]", '[{"name": 1, "type": 2}]', "[" * 9_999, "no"])
def test_nodes_that_are_none_have_no_types(counted, text):
    counted.counter.learn([Nodes("w1", text)], WORKFLOWS)
    counted.counter.add([ended(1)])
    counted.counter.record([DataHead(1, execution({"A": [run(CREATED)]}))])

    assert list(counted.tallies.node_runs) == [NodeKey("w1", "A", "unknown", "success")]


def test_series_beyond_the_limit_are_others():
    counted = Counted(max_node_series=2)
    counted.count(execution({name: [run(CREATED, 1.0)] for name in "ABCD"}))
    counted.count(execution({name: [run(CREATED, 1.0)] for name in "DA"}))

    assert {key.node: runs for key, runs in counted.tallies.node_runs.items()} == {
        "A": NodeRuns(2, 2.0),
        "B": NodeRuns(1, 1.0),
        "__other__": NodeRuns(3, 3.0),
    }
    assert counted.tallies.overflow == 3


def test_names_are_cleaned_and_cut(counted):
    counted.count(execution({"a\nb\u202ec\x1b[2J\ud800" + "🙂" * 200: [run(CREATED)]}))

    (key,) = counted.tallies.node_runs
    assert key.node == "a b c [2J " + "🙂" * 117 + "…"

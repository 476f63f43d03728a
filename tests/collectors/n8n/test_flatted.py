import contextlib
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.n8n.flatted import (
    HEAD_CHARACTERS,
    MAX_NAME,
    MAX_NODES,
    MAX_RUNS,
    NodeRun,
    TooLarge,
    UnreadableData,
    node_runs,
)
from tests.collectors.n8n.flatted_writer import execution, flatted, run

STARTED = 1_700_000_000.0


def test_runs_are_read_by_node():
    data = execution({"Start": [run(STARTED, 0.012)], 'a "quoted" 🙂\n\\': [run(STARTED + 1, 2.5, "error")]})

    assert node_runs(data) == [
        NodeRun("Start", STARTED, 0.012, "success"),
        NodeRun('a "quoted" 🙂\n\\', STARTED + 1, 2.5, "error"),
    ]


def test_a_node_in_a_loop_has_many_runs():
    runs = [run(STARTED + number, number) for number in range(30)]

    assert [each.took for each in node_runs(execution({"Loop": runs}))] == list(range(30))


def test_an_execution_in_which_nothing_ran_has_no_runs():
    assert node_runs(execution({})) == []
    assert node_runs(flatted({"resultData": {"error": {"message": "no"}}})) == []


def test_an_older_run_without_a_status_failed_if_it_has_an_error():
    failed = run(STARTED, status=None) | {"error": {"message": "no"}}

    runs = node_runs(execution({"Well": [run(STARTED, status=None)], "Failed": [failed]}))

    assert [each.status for each in runs] == ["success", "error"]


def test_bytes_that_end_within_a_character_are_read():
    whole = execution({"🙂": [run(STARTED, data={"text": "🙂" * 10_000})]}).encode()

    assert node_runs(whole[: 2 + whole.rindex("🙂".encode())]) == [NodeRun("🙂", STARTED, 0.0, "success")]


def test_the_data_beyond_the_runs_is_never_decoded():
    data = execution({"Large": [run(STARTED, 1.0, data={"text": "x" * 9_000_000})]})

    assert node_runs(data[:HEAD_CHARACTERS]) == [NodeRun("Large", STARTED, 1.0, "success")]
    assert node_runs(data[: data.index("xxx")] + "\x00 this is no JSON") == node_runs(data)


def test_an_array_that_ends_before_what_is_needed_is_not_taken_for_cut_off():
    for data in ("[]", '[{"resultData":"1"}]'):
        with pytest.raises(UnreadableData) as error:
            node_runs(data)
        assert error.type is UnreadableData


@pytest.mark.parametrize("length", range(1, 300, 7))
def test_runs_that_stand_beyond_the_head_are_too_large(length):
    data = execution({"Start": [run(STARTED)]})
    assert data.index('"success"') > 300

    with pytest.raises(TooLarge):
        node_runs(data[:length])


def test_what_follows_an_element_proves_that_it_is_whole():
    data = '[{"resultData":"1"},{"runData":"2"},{"A":"3"},["4"],{"startTime":1,"executionTime":2}'

    with pytest.raises(TooLarge):
        node_runs(data)
    assert node_runs(data + ",") == node_runs(data + "]") == [NodeRun("A", 0.001, 0.002, "success")]


@pytest.mark.parametrize(
    "data",
    [
        "",
        "{}",
        "null",
        "[]",
        "[1]",
        "[{}]",
        '[{"resultData":{}}]',
        '[{"resultData":0}]',
        '[{"resultData":"-1"}]',
        '[{"resultData":"01"}]',
        '[{"resultData":"٣"}]',
        '[{"resultData":"1"}]',
        '[{"resultData":"1"} {}]',
        '[{"resultData":"0","runData":"0"}]',
        '[{"resultData":"1"},["1"],[]]',
        '[{"resultData":"999999999"}]',
        '[{"resultData":"9999999999999999999999999"}]',
        "[" * 16_000,
        '{"a":' * 3_000,
        '[{"a":' * 2_500,
        "[" + "9" * 16_000 + "]",
    ],
)
def test_what_is_something_else_is_unreadable(data):
    with pytest.raises(UnreadableData):
        node_runs(data)


@pytest.mark.parametrize(
    "times",
    [
        '"startTime":NaN,"executionTime":1',
        '"startTime":1,"executionTime":Infinity',
        '"startTime":1,"executionTime":-1',
        '"startTime":true,"executionTime":1',
        '"startTime":"1","executionTime":1',
        '"startTime":1',
        '"startTime":1,"executionTime":1e300',
        f'"startTime":{"9" * 400},"executionTime":1',
        '"startTime":null',
    ],
)
def test_times_that_are_none_are_unreadable(times):
    with pytest.raises(UnreadableData):
        node_runs('[{"resultData":"1"},{"runData":"2"},{"A":"3"},["4"],{' + times + "},1]")


def test_few_bytes_that_mean_many_runs_are_too_large():
    runs = json.dumps([{"startTime": 1, "executionTime": 1}, ["4"] * 1_000])[1:-1]
    nodes = json.dumps({str(number): "5" for number in range(500)})

    with pytest.raises(TooLarge):
        node_runs(f'[{{"resultData":"1"}},{{"runData":"3"}},0,{nodes},{runs},0]')


def test_nodes_and_runs_have_their_most():
    node_runs(execution({"A": [run(STARTED)] * MAX_RUNS}))
    for data in (
        execution({"A": [run(STARTED)] * (MAX_RUNS + 1)}),
        execution({str(n): [] for n in range(MAX_NODES + 1)}),
    ):
        with pytest.raises(TooLarge):
            node_runs(data)


def test_a_long_name_is_cut():
    assert node_runs(execution({"n" * 10_000: [run(STARTED)]}))[0].node == "n" * MAX_NAME


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
RUN = st.builds(
    lambda started, took, status, data: run(started / 1000, took / 1000, status, {"of": data}),
    st.integers(0, 2_000_000_000_000),
    st.integers(0, 10**9),
    st.sampled_from(["success", "error", "canceled", "7"]) | st.text(max_size=5),
    JSON,
)


@given(st.dictionaries(st.text(max_size=20), st.lists(RUN, max_size=4), max_size=6))
def test_what_is_written_is_read(run_data):
    expected = [
        NodeRun(node, one["startTime"] / 1000, one["executionTime"] / 1000, one["executionStatus"])
        for node, runs in run_data.items()
        for one in runs
    ]

    assert node_runs(execution(run_data)) == expected


@given(st.dictionaries(st.text(max_size=20), st.lists(RUN, max_size=4), max_size=6), st.data())
def test_what_is_cut_off_is_read_whole_or_not_at_all(run_data, draw):
    data = execution(run_data)
    length = draw.draw(st.integers(0, len(data)))
    try:
        runs = node_runs(data[:length])
    except UnreadableData:
        return
    assert runs == node_runs(data)


@given(st.lists(JSON, max_size=8).map(json.dumps) | st.text(max_size=100) | st.binary(max_size=100))
def test_nothing_raises_anything_else(data):
    with contextlib.suppress(UnreadableData):
        node_runs(data)


def test_the_decoder_does_not_depend_on_the_depth_of_the_stack():
    def deep(levels):
        return deep(levels - 1) if levels else node_runs("[" * 16_000)

    with pytest.raises(UnreadableData):
        deep(sys.getrecursionlimit() // 2)

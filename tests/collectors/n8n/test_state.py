import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.n8n import state
from collectors.n8n.ledger import Ended
from collectors.n8n.reading import NodeKey
from collectors.n8n.rows import EndStatus, Unread
from tests.collectors.n8n.book import Book, counted


def restarted(book):
    """Save the ledger as a file has it, and go on with what is read from there."""
    book.ledger = state.restored(json.loads("".join(state.written(state.saved(book.ledger)))), 500, 2_000)


def busy() -> Book:
    """A database of which everything is known that can be."""
    book = Book()
    book.stop(book.start())
    book.read()
    book.start()
    book.start(status="waiting", stopped=book.now, wait_till=book.now + 5)
    book.start(status="new", started=None)
    book.take_id()
    book.stop(book.start(mode="manual"), "error")
    book.read()
    book.ledger.tallies.node_ran("w1", "Node", "n8n-nodes-base.set", "success", 1.5)
    book.ledger.tallies.unread(Unread.TOO_LARGE)
    book.ledger.pending.append(Ended(2, "w1", None, book.now, EndStatus.ERROR, stored_elsewhere=False))
    return book


def test_a_ledger_is_the_same_after_a_restart():
    book = busy()
    before = state.saved(book.ledger)
    restarted(book)

    assert state.saved(book.ledger) == before
    assert book.ledger.tallies.node_runs[NodeKey("w1", "Node", "n8n-nodes-base.set", "success")] == (1, 1.5)


def test_counts_go_on_with_what_ended_meanwhile():
    book = busy()
    for number in (2, 3, 4):
        book.stop(number)
    book.commit(5, status="canceled", stopped=book.now)
    book.stop(book.start(), "crashed")
    restarted(book)

    assert counted(book.read()) == counted(book.read()) == {"success": 3, "error": 1, "canceled": 1, "crashed": 1}


def test_an_older_state_is_as_good_as_the_last():
    book = busy()
    older = json.dumps(state.saved(book.ledger))
    book.stop(2)
    book.stop(book.start())
    after = book.read()
    book.ledger = state.restored(json.loads(older), 500, 2_000)

    assert book.read().finished == after.finished


def test_a_restore_while_the_program_was_down_is_noticed():
    book = busy()
    restarted(book)
    del book.rows[6]
    book.last_id = 5
    book.stop(book.start(), "error")

    reading = book.read()

    assert (counted(reading), reading.resets) == ({"error": 2}, 1)


@pytest.mark.parametrize(
    "bad", [None, [], 1, "x", {}, {"version": 2}, {"version": 1}, {"version": 1, "watermark": "x"}]
)
def test_what_is_no_state_is_refused(bad):
    with pytest.raises(state.BadState):
        state.restored(bad, 500, 2_000)


@pytest.mark.parametrize("total", [math.inf, math.nan, -1.0])
@pytest.mark.parametrize("of", ["queue", "durations", "node_types", "node_runs"])
def test_a_sum_that_is_no_time_is_refused(of, total):
    ledger = busy().ledger
    ledger.tallies.queued(1.0)
    ledger.tallies.node_ran("w1", "Set", "set", "success", 1.0)
    saved = json.loads(json.dumps(state.saved(ledger)))
    bad = saved["tallies"]["queue"] if of == "queue" else saved["tallies"][of][0][1]
    bad[1] = total

    with pytest.raises(state.BadState):
        state.restored(saved, 500, 2_000)


NOISE: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()) | st.just({})
)


@given(st.sampled_from(sorted(state.saved(busy().ledger))), NOISE)
def test_a_damaged_state_is_refused_or_whole(key, noise):
    try:
        ledger = state.restored(state.saved(busy().ledger) | {key: noise}, 500, 2_000)
    except state.BadState:
        return
    json.dumps(state.saved(ledger))


@pytest.mark.parametrize("number", [0, 1, 199, 200, 201, 1_000])
def test_what_is_written_in_pieces_is_json_of_it(number):
    listed = [[number, {"a": None}] for number in range(number)]
    for saved in (listed, {"many": listed, "none": {}, "deeper": {"text": '"ü', "number": 1.5}}):
        assert json.loads("".join(state.written(saved))) == saved


def test_no_piece_holds_the_interpreter_for_all_of_a_long_list(monkeypatch):
    turns: list[float] = []
    monkeypatch.setattr("time.sleep", turns.append)

    "".join(state.written({"many": list(range(1_000))}))

    assert turns == [0] * 5

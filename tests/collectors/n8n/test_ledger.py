import copy
import math

import pytest

from collectors.n8n import gaps, ledger
from collectors.n8n.reading import FinishedKey, LifetimeKey, LifetimeRuns, OpenRuns
from collectors.n8n.rows import EndStatus, OpenStatus, Statistic, Workflow
from collectors.n8n.statements import FRESH_AT_ONCE
from tests.collectors.n8n.book import BEGAN, Book, counted


@pytest.fixture
def book():
    """A database that was read once, with executions of before."""
    made = Book()
    for _ in range(5):
        made.stop(made.start())
    made.read()
    return made


def test_what_ended_before_counting_began_is_not_counted(book):
    reading = book.read()

    assert counted(reading) == {}
    assert reading.vanished == reading.resets == reading.backlog == 0


def test_series_of_active_workflows_stand_at_0_for_the_modes_in_which_they_ran():
    book = Book()
    book.workflows.append(Workflow("w2", "Two", active=False, archived=False))
    book.stop(book.start(mode="webhook"))
    book.stop(book.start(workflow="w2"))

    reading = book.read()

    assert dict(reading.finished) == {FinishedKey("w1", "webhook", status): 0 for status in EndStatus}
    assert {workflow for workflow, _ in reading.durations} == {"w1"}


def test_series_of_a_new_mode_stand_at_0_while_its_first_execution_runs(book):
    book.start(mode="manual")
    book.read()

    assert book.read().finished[FinishedKey("w1", "manual", EndStatus.SUCCESS)] == 0


def test_an_empty_database_is_read():
    book = Book()
    assert counted(book.read()) == {}

    book.stop(book.start())

    assert counted(book.read()) == {"success": 1}


@pytest.mark.parametrize("status", list(EndStatus))
def test_each_end_is_counted_once(book, status):
    number = book.start()
    book.read()
    book.stop(number, status)

    assert counted(book.read()) == counted(book.read()) == {status: 1}


def test_an_execution_that_ended_between_two_reads_is_counted(book):
    book.stop(book.start(), "error")

    assert counted(book.read()) == {"error": 1}


def test_an_end_that_no_version_knows_is_unknown(book):
    book.stop(book.start(), "abandoned")
    book.stop(book.start(mode="telepathy"))

    reading = book.read()

    assert reading.finished[FinishedKey("w1", "trigger", EndStatus.UNKNOWN)] == 1
    assert reading.finished[FinishedKey("w1", "other", EndStatus.SUCCESS)] == 1


def test_the_first_end_stands_whatever_is_written_over_it(book):
    number = book.start()
    book.stop(number, "canceled")
    book.read()
    book.stop(number, "success")

    assert counted(book.read()) == {"canceled": 1}


def test_executions_end_out_of_order(book):
    first, second = book.start(), book.start()
    book.stop(second)
    assert counted(book.read()) == {"success": 1}
    book.stop(first, "error")

    assert counted(book.read()) == {"success": 1, "error": 1}


def test_what_was_open_when_counting_began_is_counted_when_it_ends():
    book = Book()
    number = book.start()
    assert book.read().open == {("w1", OpenStatus.RUNNING): OpenRuns(1, BEGAN)}
    book.stop(number)

    assert counted(book.read()) == {"success": 1}


def test_an_old_execution_that_is_open_is_kept_in_sight():
    book = Book()
    waiting = book.start(status="waiting", stopped=BEGAN)
    for _ in range(1_500):
        book.stop(book.start())
    book.read()
    book.stop(waiting)

    assert counted(book.read()) == {"success": 1}


def test_a_crash_that_is_written_late_and_backdated_is_counted(book):
    number, began = book.start(), book.now
    for _ in range(20):
        book.stop(book.start())
        book.read()
    book.write(number, status="crashed", stopped=began + 1)

    reading = book.read()

    assert counted(reading) == {"success": 20, "crashed": 1}
    assert ("w1", "crashed") not in reading.durations


def seems_to_crash(book, number):
    """Do to an execution that waits what n8n does when it starts."""
    book.write(number, status="crashed", stopped=book.now)


def test_a_run_that_waits_and_seems_to_have_crashed_is_not_counted_as_such(book):
    number = book.start(status="waiting", stopped=book.now, wait_till=book.now + 1_000)
    book.read()
    seems_to_crash(book, number)
    assert counted(book.read()) == {}
    book.write(number, status="waiting")
    assert book.read().open["w1", OpenStatus.WAITING].number == 1
    book.stop(number, wait_till=None)

    assert counted(book.read()) == {"success": 1}


@pytest.mark.parametrize("first_seen", ["before", "between two reads", "when counting begins"])
def test_it_is_not_even_if_it_is_seen_first_in_that_moment(first_seen):
    book = Book()
    if first_seen != "when counting begins":
        book.read()
    number = book.start(status="waiting", stopped=book.now, wait_till=book.now + 1_000)
    if first_seen == "before":
        book.read()
    seems_to_crash(book, number)
    assert book.read().open["w1", OpenStatus.WAITING].number == 1
    for _ in range(5):
        book.write(number, status="waiting")
        book.read()
        seems_to_crash(book, number)
        assert counted(book.read()) == {}
    book.stop(number, wait_till=None)

    assert counted(book.read()) == {"success": 1}


@pytest.mark.parametrize(("began_before", "expected"), [(False, {"crashed": 1}), (True, {})])
def test_a_crash_that_lasts_is_a_crash_if_it_came_after_counting_began(began_before, expected):
    book = Book()
    if not began_before:
        book.read()
    seems_to_crash(book, book.start(status="waiting", stopped=book.now, wait_till=book.now + 1_000))
    for _ in range(7):
        reading = book.read()

    assert counted(reading) == expected
    assert not reading.open


def test_a_run_that_waits_is_timed_from_its_first_start(book):
    number = book.start()
    book.read()
    book.stop(number, "waiting", wait_till=book.now + 100)
    book.read()
    book.write(number, status="running", started=book.now, stopped=None, wait_till=None)
    book.read()
    book.stop(number)

    reading = book.read()

    assert reading.durations["w1", EndStatus.SUCCESS].total == 45
    assert reading.queue.total == 0
    assert sum(reading.queue.counts) == 1


def test_the_queue_is_timed_once_from_created_to_started(book):
    number = book.start(status="new", started=None)
    created = book.now
    book.read()
    book.write(number, status="running", started=created + 7)
    book.read()
    book.stop(number)

    queue = book.read().queue

    assert (sum(queue.counts), queue.total) == (1, 7.0)


def test_a_run_that_is_not_kept_vanishes_with_its_row(book):
    number = book.start()
    book.read()
    del book.rows[number]

    assert book.read().vanished == 1
    assert book.read().vanished == 1
    assert counted(book.read()) == {}


@pytest.mark.parametrize("seen_running", [True, False])
def test_a_run_that_is_not_kept_vanishes_when_it_is_marked(book, seen_running):
    number = book.start()
    if seen_running:
        book.read()
    book.write(number, deleted=True)

    reading = book.read()

    assert reading.vanished == 1
    assert not reading.open
    del book.rows[number]
    assert book.read().vanished == 1


def test_an_end_that_is_marked_for_deletion_is_an_end(book):
    book.stop(book.start(), "error", deleted=True)

    assert counted(book.read()) == {"error": 1}


def test_an_id_that_is_committed_late_is_counted(book):
    late = book.take_id()
    book.stop(book.start())
    assert counted(book.read()) == {"success": 1}
    book.commit(late, status="error", stopped=book.now)

    assert counted(book.read()) == counted(book.read()) == {"success": 1, "error": 1}


def test_an_id_that_is_committed_late_after_the_very_first_read_is_counted():
    book = Book()
    late = book.take_id()
    book.stop(book.start())
    book.read()
    book.commit(late, status="error", stopped=book.now)

    assert counted(book.read()) == {"error": 1}


def test_an_id_that_is_committed_late_with_a_younger_time_than_ids_above_it_is_no_restore(book):
    """An execution has its time of creation before it has a connection, so that its id may come seconds later."""
    long, late = book.take_id(), book.take_id()
    began = book.now
    book.stop(book.start(created=began - 5))
    assert counted(book.read()) == {"success": 1}
    book.commit(late, created=began, status="error", stopped=book.now)
    assert counted(book.read()) == {"success": 1, "error": 1}
    book.commit(long, created=began - 10, status="crashed", stopped=book.now)

    reading = book.read()

    assert counted(reading) == {"success": 1, "error": 1, "crashed": 1}
    assert reading.resets == 0


def test_an_id_of_a_long_transaction_is_asked_for_until_it_ends(book):
    book.oldest_running = book.transaction - 1
    late = book.take_id()
    book.start()
    for _ in range(100):
        book.read()
    assert late in book.ledger.gaps
    book.oldest_running = None
    book.commit(late)
    book.read()
    book.stop(late)

    assert counted(book.read()) == {"success": 1}


def test_ids_that_were_rolled_back_are_given_up_when_no_transaction_can_bring_them(book):
    book.take_id()
    book.start()
    for _ in range(5):
        book.read()
        assert len(book.ledger.gaps) == 1
    book.read()

    assert len(book.ledger.gaps) == 0


def test_ids_are_given_up_after_an_hour_at_most(book):
    book.oldest_running = 1
    book.take_id()
    book.start()
    book.read()
    book.now += 3600
    book.read()

    assert len(book.ledger.gaps) == 0


def test_a_leap_of_the_ids_fills_no_memory(book):
    book.last_id += 10_000_000
    book.start()
    book.read()

    assert len(book.ledger.gaps) == gaps.MOST


def test_more_executions_that_do_not_end_than_are_followed_fill_no_memory_and_delay_no_count(book, monkeypatch):
    monkeypatch.setattr(ledger, "MOST_OPEN", 3)
    followed = [book.start(status="new") for _ in range(3)]
    beyond = [book.start(status="new") for _ in range(2)]
    book.stop(book.start())
    reading = book.read()
    assert len(book.ledger.open) == reading.open["w1", OpenStatus.NEW].number == 3
    assert (counted(reading), reading.vanished) == ({"success": 1}, 2)

    for number in (*followed, *beyond):
        book.stop(number, "error")
    book.read()
    reading = book.read()

    assert (counted(reading), reading.vanished) == ({"success": 1, "error": 3}, 2)
    assert book.ledger.open == {}


def test_of_more_that_had_not_ended_when_counting_began_as_many_as_are_followed_count(monkeypatch):
    monkeypatch.setattr(ledger, "MOST_OPEN", 3)
    book = Book()
    numbers = [book.start() for _ in range(5)]
    assert len(book.ledger.open) == 0
    book.read()
    for number in numbers:
        book.stop(number)

    reading = book.read()

    assert (counted(reading), reading.vanished) == ({"success": 3}, 0)


def test_modes_that_n8n_does_not_have_fill_no_memory(book):
    for number in range(100):
        book.start(mode=f"mode {number}")
    book.read()

    assert book.ledger.modes["w1"] == {"trigger", "other"}


def test_pruning_changes_nothing(book):
    for _ in range(100):
        book.stop(book.start())
    before = book.read()
    for number in list(book.rows)[:-3]:
        del book.rows[number]
    assert book.read().finished == before.finished
    book.rows.clear()

    assert book.read().finished == before.finished
    book.stop(book.start())
    assert counted(book.read()) == {"success": 101}


def test_more_than_one_read_takes_waits_for_the_next(book):
    for _ in range(FRESH_AT_ONCE + 10):
        book.stop(book.start())

    assert book.read().backlog == 10
    assert counted(book.read()) == {"success": FRESH_AT_ONCE + 10}


def test_many_open_executions_take_turns(book, monkeypatch):
    monkeypatch.setattr(ledger, "ASKED_AT_ONCE", 3)
    numbers = [book.start() for _ in range(10)]
    book.read()
    for number in numbers:
        book.stop(number)
    for _ in range(4):
        reading = book.read()

    assert counted(reading) == {"success": 10}


def test_a_restored_database_is_gone_on_with(book):
    backup, last_id = copy.copy(book.rows), book.last_id
    for _ in range(3):
        book.stop(book.start())
    book.read()
    book.rows, book.last_id = backup, last_id
    assert book.read().resets == 0
    book.stop(book.start(), "error")

    reading = book.read()

    assert (counted(reading), reading.resets) == ({"success": 3, "error": 1}, 1)
    for _ in range(5):
        book.stop(book.start(), "error")
    reading = book.read()
    assert (counted(reading), reading.resets) == ({"success": 3, "error": 6}, 1)


@pytest.mark.parametrize("since", [1, 3, 200])
def test_a_restored_database_that_has_passed_the_old_ids_is_known_again(book, since):
    backup, last_id = copy.copy(book.rows), book.last_id
    for _ in range(3):
        book.stop(book.start())
    book.read()
    book.rows, book.last_id = backup, last_id
    for _ in range(since):
        book.stop(book.start(), "error")

    reading = book.read()

    assert (counted(reading), reading.resets) == ({"success": 3, "error": since}, 1)


def test_ids_that_a_restored_database_hands_out_again_are_no_late_commits(book):
    backup, last_id = copy.copy(book.rows), book.last_id
    rolled_back = [book.take_id(), book.take_id()]
    book.stop(book.start())
    book.read()
    assert list(book.ledger.gaps) == rolled_back
    book.rows, book.last_id = backup, last_id
    book.stop(book.start(), "error")

    reading = book.read()

    assert (counted(reading), reading.resets) == ({"success": 1, "error": 1}, 1)
    book.stop(book.start(), "error")
    book.stop(book.start(), "error")
    assert counted(book.read()) == {"success": 1, "error": 3}


def test_an_execution_that_was_pruned_and_is_restored_is_not_counted_again(book):
    book.oldest_running = 1
    book.stop(book.start())
    pruned = book.last_id
    book.stop(book.start())
    book.stop(book.start())
    book.read()
    backup, last_id = copy.copy(book.rows), book.last_id - 1
    del book.rows[pruned]
    for rows in (copy.copy(book.rows), backup):
        book.rows, book.last_id = rows, last_id
        book.rows.pop(last_id + 1)
        book.stop(book.start(), "error")
        reading = book.read()

    assert (counted(reading), reading.resets) == ({"success": 3, "error": 2}, 2)


def test_an_execution_that_a_backup_holds_open_is_not_counted_again(book):
    ended, still_open = book.start(), book.start()
    book.read()
    backup, last_id = copy.copy(book.rows), book.last_id
    book.stop(ended)
    book.start()
    book.read()
    book.rows, book.last_id = backup, last_id
    book.start(mode="manual")

    reading = book.read()

    assert reading.open["w1", OpenStatus.RUNNING].number == 3
    for number in (ended, still_open):
        book.write(number, status="crashed", stopped=book.now)
    reading = book.read()
    assert (counted(reading), reading.vanished, reading.resets) == ({"success": 1, "crashed": 1}, 1, 1)


def test_open_executions_that_a_backup_lacks_have_vanished(book):
    backup, last_id = copy.copy(book.rows), book.last_id
    book.start()
    book.start()
    book.read()
    book.rows, book.last_id = backup, last_id
    book.stop(book.start(), "error")

    reading = book.read()

    assert (counted(reading), reading.vanished, reading.resets) == ({"error": 1}, 2, 1)


def test_what_is_open_is_summed_up(book):
    began = book.now
    book.start()
    book.start()
    book.start(status="waiting", stopped=began - 60, wait_till=began - 400)
    book.start(status="waiting", stopped=began - 50, wait_till=began + 400)
    book.start(status="new", started=None, workflow=None)

    reading = book.read()

    assert reading.open == {
        ("w1", OpenStatus.RUNNING): OpenRuns(2, began),
        ("w1", OpenStatus.WAITING): OpenRuns(2, began - 60),
        ("__none__", OpenStatus.NEW): OpenRuns(1, began),
    }
    assert reading.overdue == {"w1": 1}


def test_a_run_that_goes_on_is_running_since_then(book):
    number = book.start(status="waiting", stopped=book.now)
    book.read()
    book.write(number, status="running")
    went_on = book.now

    assert book.read().open == {("w1", OpenStatus.RUNNING): OpenRuns(1, went_on)}
    assert book.read().open == {("w1", OpenStatus.RUNNING): OpenRuns(1, went_on)}


def test_workflows_beyond_the_limit_are_others_active_ones_first():
    book = Book(max_workflows=2)
    book.workflows = [
        Workflow("a", "A", active=False, archived=True),
        Workflow("b", "B\n\x1b[31m", active=True, archived=False),
        Workflow("c", "C", active=False, archived=False),
        Workflow("d", "D" * 300, active=True, archived=False),
    ]
    book.stop(book.start(workflow="a"))
    book.read()
    for workflow in "abcdd":
        book.stop(book.start(workflow=workflow))

    reading = book.read()

    assert [(one.id, one.name) for one in reading.workflows] == [("b", "B  [31m"), ("d", "D" * 127 + "…")]
    assert {key.workflow: n for key, n in reading.finished.items() if n} == {"__other__": 2, "b": 1, "d": 2}
    assert reading.overflow == 2


def test_n8ns_own_counts_are_passed_through_of_workflows_that_have_a_place():
    book = Book(max_workflows=1)
    book.statistics = [
        Statistic("w1", "production_success", 7, BEGAN),
        Statistic("w2", "manual_error", 2, None),
    ]

    assert book.read().lifetime == {LifetimeKey("w1", "production", "success"): LifetimeRuns(7, BEGAN)}


def test_n8ns_own_counts_of_a_workflow_are_a_sum_and_the_latest_time(book):
    book.statistics = [
        Statistic("w1", "manual_error", 2, None),
        Statistic("w1", "manual_error", 3, BEGAN + 1),
    ]

    assert book.read().lifetime == {LifetimeKey("w1", "manual", "error"): LifetimeRuns(5, BEGAN + 1)}


@pytest.mark.parametrize("wrong", [math.inf, -math.inf, math.nan, 11 * 365 * 86_400.0, -2 * 86_400.0])
def test_what_took_a_time_that_cannot_be_has_no_duration(book, wrong):
    for took in (wrong, 2.0):
        book.write(book.start(started=BEGAN), status="success", stopped=BEGAN + took)

    reading = book.read()

    assert counted(reading) == {"success": 2}
    assert reading.durations["w1", EndStatus.SUCCESS].total == 2


@pytest.mark.parametrize("wrong", [0.0, BEGAN - 11 * 365 * 86_400, BEGAN + 2 * 86_400])
def test_a_start_that_cannot_have_been_so_long_after_the_creation_has_not_queued(book, wrong):
    book.start(created=wrong, started=BEGAN)
    book.start(created=BEGAN - 3, started=BEGAN)

    queue = book.read().queue

    assert (sum(queue.counts), queue.total) == (1, 3)


def test_since_when_the_oldest_is_open_is_never_later_than_now(book):
    book.start(started=BEGAN + 1e9)
    book.start(created=0.0, started=None, status="new")
    now = book.now

    assert {runs.oldest for runs in book.read().open.values()} == {now}


def test_a_reading_does_not_change_afterwards(book):
    book.stop(book.start())
    reading = book.read()
    book.stop(book.start())
    book.read()

    assert counted(reading) == {"success": 1}

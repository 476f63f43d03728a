"""Thousands of executions of a real n8n, which is killed twice meanwhile: the program counts each exactly once.

``N8N_RUNS`` sets how many are begun from outside; these begin some more. The default takes some ten minutes.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.n8n import workflows as made
from tests.n8n.case import LAST_END, Case, Moment
from tests.n8n.counted import missed_and_twice, read, table, timed
from tests.n8n.latecomers import Latecomers
from tests.n8n.load import UNSAVED, Load
from tests.n8n.server import N8n
from tests.n8n.watcher import Watcher
from tests.netlab import Host
from tests.system.database_server import Server

RUNS = int(os.environ.get("N8N_RUNS", "3000"))
KILLS = 2
_KEPT = 100
"""Executions that n8n keeps where it prunes."""
_PRUNES = {"EXECUTIONS_DATA_PRUNE_MAX_COUNT": str(_KEPT), "EXECUTIONS_DATA_PRUNE_SOFT_DELETE_INTERVAL": "1"}

pytestmark = [pytest.mark.n8n, pytest.mark.root]


@pytest.fixture(scope="module")
def case(n8n: N8n, host: Host, database: Server, tmp_path_factory: pytest.TempPathFactory) -> Case:
    load = Load(n8n)
    load.create()
    return Case(n8n, database, Watcher(host, database, tmp_path_factory.mktemp("watcher")), load)


@pytest.fixture(scope="module")
def played(case: Case) -> Moment:
    """Return the figures when everything has happened."""
    with Latecomers(case.database, case.load.workflows[made.ODD]):
        case.load.play(RUNS, kills=KILLS)
    return case.settled()


def test_each_end_is_counted_once_as_n8n_has_it(played, case, capsys):
    missed, twice = missed_and_twice(played.ended, played.counted.finished)
    with capsys.disabled():
        print(f"\n{table(played.ended, played.counted.finished, case.load.names)}")
        print(f"  {played.ended.total()} ended: {missed} missed, {twice} counted twice")
    assert (missed, twice) == (0, 0)
    assert played.ended.total() > RUNS * 0.9
    assert {status for _, _, status in played.ended} == {"success", "error", "canceled", "crashed"}
    assert {mode for _, mode, _ in played.ended} == {"webhook", "manual", "integrated", "retry", "error"}


def test_n8n_lists_what_has_ended_but_for_crashes_of_what_it_does_not_keep(played, case):
    left_out = played.ended - played.listed.finished
    assert {key[::2] for key in left_out} <= {(case.load.workflows[name], "crashed") for name in UNSAVED}


def test_executions_that_are_not_kept_vanish(played, case):
    """n8n 1 deletes their rows: of those that live between two reads there is no trace."""
    vanished = played.page.value("n8ndb_executions_vanished_total")
    ended = Counter({key: n for key, n in played.ended.items() if key[0] in map(case.load.workflows.get, UNSAVED)})
    begun = sum(case.load.begun[name] for name in UNSAVED)
    unanswered = sum(case.load.unanswered[name] for name in UNSAVED)
    if case.n8n.is_of_1:
        assert vanished <= begun + unanswered - ended.total()
    else:
        assert vanished == played.left_without_end.total()
        assert begun <= vanished + ended.total() <= begun + unanswered


def test_durations_are_counted_of_success_and_error(played):
    durations = read(played.page, "n8ndb_execution_duration_seconds_count", "workflow_id", "status")
    assert durations == timed(played.ended)


def test_the_lifetime_counts_are_those_of_n8n(played):
    assert played.counted.lifetime == played.listed.lifetime


def test_what_is_open_is_what_n8n_lists_as_open(played):
    assert played.counted.open == played.listed.open
    assert played.open_ones == {"running", "waiting"}


def test_no_restore_was_suspected(played):
    assert played.page.value("n8ndb_watermark_resets_total") == 0


def test_pruning_takes_nothing_from_the_counts(played, case, capsys):
    case.n8n.stop()
    case.n8n.settings.update(_PRUNES)
    case.n8n.start()
    case.load.play(RUNS // 10)
    case.when(lambda moment: moment.listed.finished.total() <= 2 * _KEPT, LAST_END)
    pruned = case.settled()
    missed, twice = missed_and_twice(pruned.ended, pruned.counted.finished)
    with capsys.disabled():
        listed = pruned.listed.finished.total()
        print(f"\n  of {pruned.ended.total()} that ended n8n lists {listed}: {missed} missed, {twice} counted twice")
    assert (missed, twice) == (0, 0)
    assert pruned.ended.total() > played.ended.total() > pruned.listed.finished.total()

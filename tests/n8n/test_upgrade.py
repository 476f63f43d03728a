"""n8n 1 becomes n8n 2 on the same database, by its own migrations, while the program reads there as its role."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

import pytest

from tests.n8n.case import LAST_END, Case, Moment
from tests.n8n.counted import missed_and_twice
from tests.n8n.load import Load
from tests.n8n.server import IS_OF_1, LAST_OF_1, VERSION, N8n, missing
from tests.n8n.watcher import Watcher
from tests.netlab import Host, wait_until
from tests.system import n8n_tables
from tests.system.database_server import Server
from tests.system.running import Page

RUNS = 100
"""By each version."""
_SOON = 60.0

pytestmark = [pytest.mark.n8n, pytest.mark.root, pytest.mark.skipif(IS_OF_1, reason="n8n 1 is what is upgraded")]


@dataclasses.dataclass(frozen=True)
class Upgrade:
    """What was seen of it, in this order."""

    before: Moment
    locked: Page
    """While the migration waits for another transaction, and everybody for the migration."""
    migrated: Page
    after: Moment


@pytest.fixture(scope="module")
def upgrade(database: Server, host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgrade]:
    assert not (absent := missing(LAST_OF_1) + missing(VERSION)), f"{', '.join(absent)}: run tests/n8n/install.sh first"
    folder = tmp_path_factory.mktemp("n8n")
    old, new = (N8n(host, database, folder, version) for version in (LAST_OF_1, VERSION))
    old.start()
    load = Load(old)
    load.create()
    case = Case(old, database, Watcher(host, database, tmp_path_factory.mktemp("watcher")), load)
    load.play(RUNS)
    before = case.when(lambda moment: moment.is_calm, LAST_END)
    old.stop()
    with dumped(database):
        new.begin_to_start()
        wait_until(lambda: not case.watcher.is_up(), "the migration holds up the reader", _SOON)
        locked = case.watcher.page()
    new.wait_until_ready()
    wait_until(case.watcher.is_up, "reads succeed again", _SOON)
    migrated = case.watcher.page()
    load.go_on_with(new)
    case.n8n = new
    load.play(RUNS)
    yield Upgrade(before, locked, migrated, case.settled())
    new.stop()


@contextlib.contextmanager
def dumped(database: Server) -> Iterator[None]:
    """Hold n8n's executions as a dump does: who alters the table waits, and who comes after waits for that."""
    with n8n_tables.connected(database) as connection:
        connection.autocommit = False
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE execution_entity IN ACCESS SHARE MODE")
            yield


def test_each_end_is_counted_once_by_both_versions(upgrade, capsys):
    for name, moment in (("before", upgrade.before), ("after", upgrade.after)):
        missed, twice = missed_and_twice(moment.ended, moment.counted.finished)
        with capsys.disabled():
            print(f"\n  {name} the upgrade {moment.ended.total()} ended: {missed} missed, {twice} counted twice")
        assert (missed, twice) == (0, 0)
    assert upgrade.after.ended.total() > upgrade.before.ended.total() > 0


def test_what_is_open_and_the_lifetime_counts_are_those_of_n8n(upgrade):
    assert upgrade.before.counted.open == upgrade.before.listed.open
    assert upgrade.after.counted.open == upgrade.after.listed.open
    assert upgrade.after.counted.lifetime == upgrade.after.listed.lifetime


def test_while_the_migration_locks_reads_fail_with_a_reason_and_gauges_are_withdrawn(upgrade):
    assert upgrade.locked.value("n8ndb_read_errors_total", reason="timeout") > 0
    assert upgrade.locked.value("n8ndb_up") == 0
    assert not upgrade.locked.values("n8ndb_executions_open")
    assert sum(upgrade.locked.values("n8ndb_executions_finished_total")) >= upgrade.before.counted.finished.total()


def test_reads_go_on_after_the_migration(upgrade):
    assert upgrade.migrated.value("n8ndb_up") == 1
    assert upgrade.migrated.value("n8ndb_watermark_resets_total") == 0
    assert upgrade.after.page.values("n8ndb_read_errors_total") == upgrade.migrated.values("n8ndb_read_errors_total")

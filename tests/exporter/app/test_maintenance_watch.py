"""The end of a maintenance in the log."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from exporter.app import maintenance_watch
from tests.exporter.pages import SMALL, Small

ENDS = 1_700_002_800.0
LINE = "the maintenance of 'wf008' is over since 2023-11-14 23:00 UTC: it alerts again; remove its state and until"


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(tmp_path, SMALL.replace("country: BR", "country: BR, state: maintenance, until: 2023-11-14T23:00Z"))


@pytest.mark.parametrize(
    ("before", "now", "lines"),
    [
        (ENDS - 20, ENDS - 10, []),
        (ENDS - 10, ENDS, [LINE]),
        (ENDS - 1, ENDS + 9, [LINE]),
        (ENDS, ENDS + 10, []),
        (ENDS + 10, ENDS - 10, []),
    ],
    ids=["before it", "at its end", "after it", "long after it", "a clock that is set back"],
)
def test_a_maintenance_ends_once(small: Small, before: float, now: float, lines: list[str]) -> None:
    assert [*maintenance_watch.ended(small.fleet.hosts, before, now)] == lines


async def test_its_end_is_logged_by_the_fleet_file_that_is_in_force_then(
    small: Small, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    times = iter([ENDS - 10, ENDS - 5, ENDS + 5])
    logged = asyncio.Event()

    def clock() -> float:
        try:
            return next(times)
        except StopIteration:
            logged.set()
            return ENDS + 15

    monkeypatch.setattr(maintenance_watch, "_EVERY", 0.0)
    monkeypatch.setattr(maintenance_watch, "wall_clock", clock)
    watch = asyncio.create_task(maintenance_watch.warn_of_ended_maintenance(lambda: small.fleet.hosts))
    await asyncio.wait_for(logged.wait(), 10)
    watch.cancel()
    assert [record.message for record in caplog.records] == [LINE]

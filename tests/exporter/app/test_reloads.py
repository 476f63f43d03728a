"""Reading the files again, without a process: what is applied, what is refused, and what the log says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.app.reloads import Reloads
from exporter.configuration import Configuration
from exporter.fleet import BadFile, Problem
from exporter.web import Refused
from exporter.web.config import WebConfig
from tests.exporter.pages import SMALL, Small

PROBLEM = Problem("fleet.yml", 2, "hosts[0].adress", "unknown key; did you mean 'address'?")


class Stage:
    """Reloads, with a program that notes what is asked of it."""

    def __init__(self, folder: Path, read: Callable[[Stage], Configuration]) -> None:
        small = Small(folder, SMALL)
        self.current = Configuration(small.fleet, small.host, small.pairs, WebConfig())
        self.applied: list[Configuration] = []
        self.failures: list[str] = []
        self.reads = 0
        self.hangup = asyncio.Event()
        self._read = read
        self.reloads = Reloads(self.read, self.apply, lambda: self.current, self.failures.append)

    def read(self) -> Configuration:
        self.reads += 1
        return self._read(self)

    async def apply(self, new: Configuration) -> None:
        self.applied.append(new)


def refuse(error: Exception) -> Callable[[Stage], Configuration]:
    def read(_stage: Stage) -> Configuration:
        raise error

    return read


async def test_what_was_read_is_applied_and_what_changed_is_returned(tmp_path: Path) -> None:
    stage = Stage(tmp_path, lambda stage: stage.current)
    assert (await stage.reloads.reload_or_refuse()).startswith("reloaded: ")
    assert (stage.applied, stage.failures) == ([stage.current], [])


async def test_a_bad_file_changes_nothing_and_each_problem_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(tmp_path, refuse(BadFile([PROBLEM, PROBLEM])))
    with pytest.raises(Refused) as refused:
        await stage.reloads.reload_or_refuse()
    assert str(refused.value) == f"{PROBLEM}\n{PROBLEM}"
    assert caplog.messages == [f"not reloaded: {PROBLEM}"] * 2
    assert (stage.applied, stage.failures) == ([], [f"{PROBLEM} (and 1 more)"])


async def test_a_bug_is_logged_with_its_traceback_and_the_next_reload_works(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def read(stage: Stage) -> Configuration:
        if stage.reads == 1:
            raise ZeroDivisionError
        return stage.current

    stage = Stage(tmp_path, read)
    with pytest.raises(Refused, match=r"^not reloaded, by a bug: ZeroDivisionError$"):
        await stage.reloads.reload_or_refuse()
    (record,) = caplog.records
    assert (record.getMessage(), bool(record.exc_info)) == ("not reloaded, by a bug", True)
    assert stage.failures == ["a bug: ZeroDivisionError"]
    await stage.reloads.reload_or_refuse()
    assert stage.applied == [stage.current]


async def test_many_signals_during_a_reload_cause_one_more(tmp_path: Path) -> None:
    stage = Stage(tmp_path, lambda stage: stage.current)
    under_way, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(new: Configuration) -> None:
        under_way.set()
        await go_on.wait()
        stage.applied.append(new)
        if len(stage.applied) == 2:
            done.set()

    stage.reloads = Reloads(stage.read, slow, lambda: stage.current, stage.failures.append)
    async with asyncio.timeout(15), asyncio.TaskGroup() as group:
        task = group.create_task(stage.reloads.on_each(stage.hangup))
        stage.hangup.set()
        await under_way.wait()
        for _ in range(3):
            stage.hangup.set()
        go_on.set()
        await done.wait()
        task.cancel()
    assert (stage.reads, stage.hangup.is_set()) == (2, False)

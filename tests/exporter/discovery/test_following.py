"""Lists asked for again and again: what is taken, what is kept, and what is counted of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Any

import pytest

from exporter.config_files.problems import BadFile
from exporter.discovery import following
from exporter.discovery.asking import known_or_asked, with_hosts_from
from exporter.discovery.following import Discovery
from exporter.discovery.no_list import NoList
from exporter.fleet import Fleet, HostsFrom, fleet_of, load, read_fleet_file
from tests.exporter.discovery.lists import written

FLEET = "hosts_from: [{file_sd: {files: a.json, refresh_interval: 100ms}}]\n"
TWO = FLEET.replace("]\n", ", {file_sd: {files: b.json, refresh_interval: 100ms}}]\n")


class Stage:
    """A discovery, with a program that takes what it hands over; it is refused while ``refuses`` says why."""

    def __init__(self, folder: Path, text: str = FLEET) -> None:
        self.folder = folder
        self.path = folder / "fleet.yml"
        self.path.write_text(text)
        self.fleet = load(self.path)
        self.taken: list[list[str]] = []
        self.failures: dict[str, int] = {}
        self.shown: dict[str, tuple[int, int, bool]] = {}
        self.refuses: Exception | None = None
        self.discovery = Discovery(lambda: self.fleet, self.take, self)

    async def take(self, entry: HostsFrom, hosts: Any) -> None:
        if self.refuses:
            raise self.refuses
        self.fleet = fleet_of(self.fleet.file, {**self.fleet.lists, entry: hosts})
        self.taken.append([each.host.name for each in hosts])

    def configure(self, mechanisms: Collection[str]) -> None:
        self.failures = {mechanism: self.failures.get(mechanism, 0) for mechanism in mechanisms}

    def show(self, mechanism: str, hosts: int, failing: int, last_success: float | None) -> None:
        self.shown[mechanism] = hosts, failing, last_success is not None

    def failed(self, mechanism: str) -> None:
        self.failures[mechanism] += 1

    def write(self, *numbers: int, name: str = "a.json") -> None:
        (self.folder / "new").write_bytes(written(*numbers))
        (self.folder / "new").rename(self.folder / name)

    async def ask(self) -> str:
        """Ask for all lists once; return what is missing then."""
        await self.discovery.first(self.take)
        return self.discovery.missing()

    def names(self) -> list[str]:
        return [host.name for host in self.fleet.hosts]


@contextlib.asynccontextmanager
async def running(stage: Stage) -> AsyncIterator[None]:
    task = asyncio.create_task(stage.discovery.run())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def until(condition: Any) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_list_is_taken_when_it_changes_and_only_then(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    for numbers in ((1, 2, 3), (1, 2, 3), (3, 2, 1), (1, 2, 3, 4), (2, 3, 4)):
        stage.write(*numbers)
        assert await stage.ask() == ""
    assert stage.taken == [["h001", "h002", "h003"], ["h001", "h002", "h003", "h004"], ["h002", "h003", "h004"]]
    assert (stage.failures, stage.shown) == ({"file_sd": 0}, {"file_sd": (3, 0, True)})


async def test_a_list_that_fails_or_is_empty_leaves_the_last_one_and_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(tmp_path)
    stage.write(1, 2)
    await stage.ask()
    (tmp_path / "a.json").write_bytes(b"[]")
    for _ in range(3):
        missing = await stage.ask()
    assert missing == "hosts_from[0] (file_sd a.json): it lists no host; its last list, of 2 hosts, stays"
    (tmp_path / "a.json").unlink()
    assert "no such file" in await stage.ask()
    assert (stage.names(), stage.failures) == (["h001", "h002"], {"file_sd": 4})
    assert stage.shown == {"file_sd": (2, 1, True)}
    assert [record.message.partition(": ")[2] for record in caplog.records] == [
        "it lists no host; its last list, of 2 hosts, stays",  # once, as long as it is so
        "no such file; create it, or correct the pattern; its last list, of 2 hosts, stays",
    ]
    stage.write(1, 2)
    assert await stage.ask() == ""
    assert stage.shown == {"file_sd": (2, 0, True)}


async def test_a_list_that_is_well_again_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    stage = Stage(tmp_path)
    await stage.ask()
    stage.write(1, 2)
    for _ in range(3):
        await stage.ask()
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "file_sd a.json: no such file; create it, or correct the pattern; there is no list of it yet"),
        ("INFO", "file_sd a.json: its list is well again, of 2 hosts"),
    ]


async def test_a_file_that_is_the_whole_list_is_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "list.json"
    file.write_text("no list")
    stage = Stage(tmp_path, FLEET.replace("a.json", str(file)))
    assert (await stage.ask()).startswith(f"hosts_from[0] (file_sd {file}): is no JSON (")
    assert caplog.messages[0].startswith(f"file_sd {file}: is no JSON (")


async def test_a_list_that_loses_more_than_half_is_refused_once_and_taken_the_second_time(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.write(1, 2, 3, 4)
    await stage.ask()
    stage.write(1, 9)
    assert await stage.ask() == (
        "hosts_from[0] (file_sd a.json): it lacks 3 of 4 hosts, more than half; the next time such a list is taken; "
        "its last list, of 4 hosts, stays"
    )
    assert (len(stage.names()), stage.failures) == (4, {"file_sd": 1})
    assert await stage.ask() == ""
    assert (stage.names(), stage.failures) == (["h001", "h009"], {"file_sd": 1})


async def test_a_list_that_comes_back_whole_was_a_slip_and_half_may_go_at_once(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    for numbers, count in (((1, 2, 3, 4), 4), ((1,), 4), ((1, 2, 3, 4), 4), ((2,), 4), ((3, 4), 2)):
        stage.write(*numbers)
        await stage.ask()
        assert len(stage.names()) == count
    assert stage.failures == {"file_sd": 2}


@pytest.mark.parametrize("why", [BadFile([]), ZeroDivisionError()])
async def test_what_does_not_go_together_with_the_fleet_file_is_not_taken_and_is_asked_for_again(
    tmp_path: Path, why: Exception
) -> None:
    stage = Stage(tmp_path)
    stage.write(1)
    stage.refuses = BadFile([stage.fleet.problem((), "'h001' is taken")]) if isinstance(why, BadFile) else why
    assert ("'h001' is taken" if isinstance(why, BadFile) else "a bug: ZeroDivisionError") in await stage.ask()
    assert (stage.names(), stage.failures, stage.shown) == ([], {"file_sd": 1}, {"file_sd": (0, 1, False)})
    stage.refuses = None
    assert await stage.ask() == ""
    assert stage.names() == ["h001"]


@pytest.mark.clock
async def test_lists_are_asked_for_until_their_entry_is_gone_from_the_fleet_file(tmp_path: Path) -> None:
    stage = Stage(tmp_path, TWO)
    stage.write(1)
    stage.write(2, name="b.json")
    await stage.ask()
    async with running(stage):
        stage.write(1, 3)
        stage.write(2, 4, name="b.json")
        await until(lambda: stage.names() == ["h001", "h002", "h003", "h004"])
        stage.path.write_text(FLEET)
        file = read_fleet_file(stage.path)
        stage.fleet = fleet_of(file, known_or_asked_in_time(file, stage.fleet))
        stage.discovery.follow()
        assert stage.names() == ["h001", "h003"]
        stage.write(1, 3, 5)
        await until(lambda: stage.names() == ["h001", "h003", "h005"])


async def test_a_list_that_is_no_longer_followed_when_it_fails_is_counted_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(tmp_path, TWO)
    stage.write(1)
    stage.discovery.follow()
    asked, fails = asyncio.Event(), asyncio.Event()

    async def fail() -> Any:
        asked.set()
        await fails.wait()
        raise NoList("too late")

    monkeypatch.setattr(stage.discovery._followed[stage.fleet.hosts_from[1]].source, "ask", fail)
    async with running(stage):
        await asked.wait()
        stage.path.write_text(FLEET)
        stage.fleet = fleet_of(read_fleet_file(stage.path), stage.fleet.lists)
        stage.discovery.follow()
        fails.set()
        await until(lambda: stage.names() == ["h001"])
    assert stage.failures == {"file_sd": 0}
    assert "too late" not in caplog.text


def known_or_asked_in_time(file: Any, before: Fleet) -> Any:
    return {entry: hosts for entry, hosts in before.lists.items() if entry in file.sections.hosts_from}


@pytest.mark.clock
async def test_a_list_that_hangs_delays_no_other_and_the_start_only_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "FIRST_ANSWERS", 0.2)
    stage = Stage(tmp_path, TWO)
    stage.write(1)
    hanging = next(iter(stage.fleet.hosts_from[1:]))
    stage.discovery.follow()

    async def never() -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(stage.discovery._followed[hanging].source, "ask", never)
    assert await stage.ask() == (
        "hosts_from[1] (file_sd b.json): no answer within 0.2 s of the start; it is asked again; "
        "there is no list of it yet"
    )
    async with running(stage):
        stage.write(1, 2)
        await until(lambda: stage.names() == ["h001", "h002"])


def test_a_reload_keeps_the_lists_that_are_known_and_asks_for_new_ones_first(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(written(1))
    (tmp_path / "b.json").write_bytes(written(2))
    path = tmp_path / "fleet.yml"
    path.write_text(FLEET)
    before, problems = with_hosts_from(path)
    assert not problems
    (tmp_path / "a.json").unlink()  # its last list stays
    path.write_text(TWO)
    lists = known_or_asked(read_fleet_file(path), before)
    assert [each.host.name for hosts in lists.values() for each in hosts] == ["h001", "h002"]
    (tmp_path / "b.json").unlink()
    with pytest.raises(BadFile) as caught:
        known_or_asked(read_fleet_file(path), before)
    assert str(caught.value) == (
        f"{path}:1: hosts_from[1].file_sd: file_sd b.json: no such file; create it, or correct the pattern"
    )


def test_a_command_goes_on_with_the_lists_that_it_can_have(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yml"
    path.write_text(TWO)
    (tmp_path / "a.json").write_bytes(written(1))
    (tmp_path / "b.json").write_bytes(written(1, 2))
    fleet, (problem,) = with_hosts_from(path)
    assert [host.name for host in fleet.hosts] == ["h001"]
    assert str(problem) == (
        f"{path}:1: hosts_from[1].file_sd: file_sd b.json: {tmp_path}/b.json: [0].targets[0]: "
        f"'h001' is the name of [0].targets[0] of {tmp_path}/a.json already; name each host once"
    )

"""A fleet file that is followed: when it is read again, and when it is not."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from collectors.transport.trust import version_of
from exporter.app import auto_reload
from exporter.web import Refused

pytestmark = pytest.mark.clock

EVERY = 0.01


class Stage:
    """A file that is followed, and what is in force of it; a text with ``bad`` is refused."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "fleet.yml"
        self.path.write_text("one")
        self.in_force = "one"
        self.has_failed = False
        self.reads: list[str | None] = []
        self.looks = 0

    def version_of(self, path: Path) -> object:
        version = version_of(path)
        self.looks += 1
        return version

    async def reload(self) -> None:
        text = self.path.read_text() if self.path.is_file() else None
        self.reads.append(text)
        self.has_failed = text is None or "bad" in text
        if self.has_failed:
            raise Refused(500, "it is bad")
        self.in_force = text or ""

    def digest_in_force(self) -> bytes | None:
        return None if self.has_failed else hashlib.sha256(self.in_force.encode()).digest()

    async def read(self, times: int) -> None:
        async with asyncio.timeout(15):
            while len(self.reads) < times:
                await asyncio.sleep(EVERY)

    async def looked(self) -> None:
        """Wait for some looks."""
        until = self.looks + 4
        async with asyncio.timeout(15):
            while self.looks < until:
                await asyncio.sleep(EVERY)


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path)
    monkeypatch.setattr(auto_reload, "version_of", stage.version_of)
    task = asyncio.create_task(auto_reload.reload_on_change(stage.path, stage.digest_in_force, stage.reload, EVERY))
    yield stage
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_file_is_read_once_for_each_change_and_not_for_a_new_date(stage: Stage) -> None:
    await stage.looked()
    os.utime(stage.path)
    await stage.looked()
    assert stage.reads == []
    stage.path.write_text("two")
    await stage.read(1)
    await stage.looked()
    assert stage.reads == ["two"]


async def test_a_file_that_is_being_written_is_left_until_it_stays(stage: Stage) -> None:
    with stage.path.open("w") as file:
        while len(stage.path.read_text()) < 20:
            seen = stage.looks
            file.write("x")
            file.flush()
            while stage.looks == seen:
                await asyncio.sleep(EVERY / 10)
    await stage.read(1)
    assert stage.in_force == "x" * 20


async def test_what_is_refused_is_read_again_later_or_when_it_changes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.path.write_text("bad")
    await stage.read(1)
    await stage.looked()
    assert (stage.reads, stage.in_force) == (["bad"], "one")
    stage.path.unlink()
    await stage.read(2)
    monkeypatch.setattr(auto_reload, "_AGAIN", 5 * EVERY)
    stage.path.write_text("bad again")
    await stage.read(4)
    assert stage.reads == ["bad", None, "bad again", "bad again"]
    stage.path.write_text("good")
    async with asyncio.timeout(15):
        while stage.in_force != "good":
            await asyncio.sleep(EVERY)


async def test_a_file_that_is_again_what_it_was_before_a_fault_is_read_so_that_the_fault_is_over(stage: Stage) -> None:
    stage.path.write_text("bad")
    await stage.read(1)
    stage.path.write_text("one")
    await stage.read(2)
    await stage.looked()
    assert (stage.reads, stage.has_failed) == (["bad", "one"], False)


async def test_a_pipe_in_the_place_of_the_file_does_not_hold_up_what_follows(stage: Stage) -> None:
    stage.path.unlink()
    os.mkfifo(stage.path)
    while None not in stage.reads:
        await asyncio.sleep(EVERY)
    stage.path.unlink()
    stage.path.write_text("two")
    async with asyncio.timeout(15):
        while stage.in_force != "two":
            await asyncio.sleep(EVERY)

import contextlib
import os
import threading
import time

import pytest

from collectors.contract import ProbeFailed
from collectors.drivers.turn import Turn
from collectors.n8n import keeper as module
from collectors.n8n.keeper import Keeper
from collectors.n8n.state_file import NotKept
from collectors.terms import Reason


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.json"


@pytest.fixture
def turn():
    with contextlib.closing(Turn(600.0)) as turn:
        yield turn


@pytest.fixture
def keeper(path):
    with ending(Keeper(str(path), None)) as keeper:
        yield keeper


@contextlib.contextmanager
def ending(keeper):
    try:
        yield keeper
    finally:
        keeper.end()
        keeper.closed.result(10)


@pytest.fixture
def hanging(monkeypatch):
    """A file system that hangs on fsync and on opening, while it is not let go on."""
    goes_on, opened = threading.Event(), open
    monkeypatch.setattr(module, "_PATIENCE", 1e-4)
    monkeypatch.setattr(os, "fsync", lambda _: goes_on.wait(60))
    monkeypatch.setattr(
        "collectors.n8n.state_file.open", lambda *a, **k: goes_on.wait(60) and opened(*a, **k), raising=False
    )
    yield goes_on
    goes_on.set()


def test_what_was_saved_is_there_when_saving_has_returned(keeper, path, turn):
    assert keeper.load(turn) is None
    keeper.save(b"[1]", turn)
    assert path.read_bytes() == b"[1]"
    assert keeper.load(turn) == [1]


def test_what_has_not_changed_is_not_written_again(keeper, path, turn):
    keeper.save(b"[1]", turn)
    before = path.stat().st_ino
    keeper.save(b"[1]", turn)
    assert path.stat().st_ino == before
    keeper.save(b"[2]", turn)
    assert path.read_bytes() == b"[2]"


def test_what_could_not_be_written_is_written_when_it_can(keeper, path, turn):
    in_the_way = path.with_name("state.json.new")
    in_the_way.mkdir()
    with pytest.raises(NotKept, match="can't be written: Is a directory"):
        keeper.save(b"[1]", turn)
    in_the_way.rmdir()
    keeper.save(b"[1]", turn)
    assert path.read_bytes() == b"[1]"


@pytest.mark.clock
def test_a_file_system_that_hangs_is_waited_for_once_and_said(hanging, keeper, path, turn):
    refused = f"{path}: its file system does not answer; counts are not kept until it does"
    for text in (b"[1]", b"[2]"):
        with pytest.raises(NotKept) as not_kept:
            keeper.save(text, turn)
        assert str(not_kept.value) == refused
    hanging.set()
    until_saved(keeper, b"[2]", turn)
    assert path.read_bytes() == b"[2]"


def test_what_no_read_waited_for_is_saved_before_the_file_is_closed(hanging, path, turn):
    keeper = Keeper(str(path), None)
    for text in (b"[1]", b"[2]"):
        with pytest.raises(NotKept):
            keeper.save(text, turn)
    keeper.end()
    hanging.set()
    keeper.closed.result(10)
    assert path.read_bytes() == b"[2]"


@pytest.mark.clock
def test_nothing_begins_anew_while_the_file_system_hangs(hanging, keeper, path, turn):
    path.write_text("[1]")
    for _ in range(2):
        with pytest.raises(ProbeFailed) as failed:
            keeper.load(turn)
        assert failed.value.reason is Reason.LOCAL
        assert failed.value.detail == f"{path}: its file system does not answer; nothing is read until it does"
    hanging.set()
    while True:
        with contextlib.suppress(ProbeFailed):
            assert keeper.load(turn) == [1]
            break


@pytest.mark.clock
def test_the_next_one_waits_until_the_one_before_has_closed_the_file(path, turn, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 1e-4)
    first = Keeper(str(path), None)
    first.save(b"[1]", turn)
    with ending(Keeper(str(path), first.closed)) as second:
        with pytest.raises(ProbeFailed):
            second.load(turn)
        first.end()
        first.closed.result(10)
        monkeypatch.setattr(module, "_PATIENCE", 10.0)
        assert second.load(turn) == [1]


def test_a_keeper_that_was_never_used_closes_at_once(path):
    unused = Keeper(str(path), None)
    unused.end()
    assert unused.closed.result(10) is None


def until_saved(keeper, text, turn):
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with contextlib.suppress(NotKept):
            return keeper.save(text, turn)
    raise TimeoutError

import json
import multiprocessing
import os
import signal

import pytest

from collectors.n8n.state_file import NotKept, StateFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.json"


def refusal(work, *values):
    with pytest.raises(NotKept) as refused:
        work(*values)
    return str(refused.value)


def test_a_file_is_written_whole_and_for_its_owner_alone(path):
    file = StateFile(str(path))
    for saved in ({"version": 1}, {"version": 1, "more": [1, 2]}):
        file.save(json.dumps(saved).encode())
        assert file.load() == saved

    assert sorted(entry.name for entry in path.parent.iterdir()) == ["state.json", "state.json.lock"]
    assert {entry.stat().st_mode & 0o777 for entry in path.parent.iterdir()} == {0o600}


def test_no_file_is_no_state(path):
    assert StateFile(str(path)).load() is None


def test_a_file_that_cannot_be_used_is_named(path):
    path.write_text('{"version": 1')
    assert refusal(StateFile(str(path)).load) == f"{path}: is damaged; counting begins anew"
    gone = f"{path.parent}/none/file"
    assert refusal(StateFile(gone).save, b"") == f"{gone}: can't be written: No such file or directory"
    assert refusal(StateFile(str(path.parent)).load) == f"{path.parent}: can't be read: Is a directory"


def test_a_pipe_is_refused_at_once_and_stays(path):
    os.mkfifo(path)
    refused = f"{path}: is no regular file; counts are not kept there. Name another file"
    file = StateFile(str(path))
    assert refusal(file.load) == refusal(file.save, b"{}") == refused
    assert path.is_fifo()


@pytest.mark.parametrize("beside", [".new", ".lock"])
def test_a_pipe_beside_the_file_holds_nothing_up(path, beside):
    os.mkfifo(f"{path}{beside}")
    file = StateFile(str(path))
    assert file.load() is None
    file.save(b"{}")
    assert file.load() == {}


def test_a_symbolic_link_stays_one_and_what_it_points_to_is_written(path, tmp_path):
    (tmp_path / "disk").mkdir()
    real = tmp_path / "disk" / "real.json"
    path.symlink_to("disk/real.json")
    file = StateFile(str(path))
    file.save(b"[1]")
    assert path.is_symlink()
    assert real.read_bytes() == b"[1]"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["disk", "state.json"]
    assert file.load() == [1]


def test_a_link_that_leads_to_itself_is_named(path):
    path.symlink_to(path.name)
    assert refusal(StateFile(str(path)).load) == f"{path}: can't be read: Too many levels of symbolic links"


def test_one_program_at_a_time_uses_it(path, tmp_path):
    link = tmp_path / "link.json"
    link.symlink_to(path)
    first, second = StateFile(str(path)), StateFile(str(link))
    first.save(b"[1]")
    refused = f"{link}: another program uses it; counts are not kept there. Give each a file of its own"
    assert refusal(second.load) == refusal(second.save, b"[2]") == refused
    assert path.read_bytes() == b"[1]"

    first.close()
    second.save(b"[2]")
    assert path.read_bytes() == b"[2]"


def hold(path, holds):
    StateFile(path).load()
    holds.set()
    signal.pause()


@pytest.mark.programs
def test_a_program_that_was_killed_holds_it_no_longer(path):
    spawned = multiprocessing.get_context("spawn")
    holds = spawned.Event()
    other = spawned.Process(target=hold, args=(str(path), holds))
    other.start()
    assert holds.wait(60)
    file = StateFile(str(path))
    assert "another program uses it" in refusal(file.load)
    other.kill()
    other.join()
    assert file.load() is None


def test_where_there_can_be_no_lock_it_goes_without(path):
    path.with_name("state.json.lock").mkdir()
    file = StateFile(str(path))
    file.save(b"[1]")
    assert file.load() == [1]

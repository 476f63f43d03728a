"""Every bad file gives its exact messages, all at once, and nothing but messages."""

import os
import time
from pathlib import Path

import pytest

from exporter.fleet import BadFile, load

HERE = Path(__file__).parent


def read_bad_files():
    _, *blocks = (HERE / "bad_files.txt").read_text().split("\n=== ")
    for block in blocks:
        name, _, rest = block.partition("\n")
        text, *messages = rest.split("=> ")
        yield pytest.param(text, [message.rstrip("\n") for message in messages], id=name)


def messages_of(path):
    with pytest.raises(BadFile) as caught:
        load(path)
    assert str(caught.value) == "\n".join(map(str, caught.value.problems))
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(("text", "messages"), [*read_bad_files()])
def test_a_bad_file_gives_its_messages(text, messages, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("fleet.yml").write_text(text)
    assert messages_of(Path("fleet.yml")) == messages


BYTES = {
    "not UTF-8": (b"hosts:\n  - {name: caf\xe9}\n", "fleet.yml:2: byte 0xe9 is not UTF-8; save the file in UTF-8"),
    "UTF-16": ("hosts: []".encode("utf-16"), "fleet.yml:1: byte 0xff is not UTF-8; save the file in UTF-8"),
    "files that were joined": (
        b"\xef\xbb\xbfhosts:\n  - {name: a, address: a}\n\xef\xbb\xbfprobes: {}\n",
        "fleet.yml:3: a byte order mark (U+FEFF) stands here, as where files were joined; remove it",
    ),
    "a NUL": (b"hosts:\n\0", "fleet.yml:2: holds the control character U+0000; remove it"),
    "3,000 brackets": (b"[" * 3000, "fleet.yml:1: [0][0]: nested deeper than 32 levels; simplify it"),
    "a million brackets": (b"x: " + b"[" * 10**6, "fleet.yml:1: x[0]: nested deeper than 32 levels; simplify it"),
    "a bomb of aliases": (
        b"x-0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        + b"".join(b"x-%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 10)),
        "fleet.yml:6: x-5[6]: more than 500,000 keys and values, aliases written out; use fewer",
    ),
    "a chain of aliases": (
        b"x-0: &a0 [x]\n" + b"".join(b"x-%d: &a%d [*a%d]\n" % (n, n, n - 1) for n in range(1, 1000)),
        "fleet.yml:32: x-31[0]: nested deeper than 32 levels; simplify it",
    ),
    "more than 8 MiB": (b"# x\n" * 2**21 + b"#", "fleet.yml: is larger than 8 MiB; is this the fleet file?"),
}


@pytest.mark.clock
@pytest.mark.parametrize(("data", "message"), BYTES.values(), ids=BYTES)
def test_hostile_bytes_give_a_message_at_once(data, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("fleet.yml").write_bytes(data)
    began = time.process_time()
    assert messages_of(Path("fleet.yml")) == [message]
    assert time.process_time() - began < 2


def test_a_missing_file_names_the_flag(tmp_path):
    path = tmp_path / "fleet.yml"
    assert messages_of(path) == [f"{path}: no such file; create it, or name another one with --config.file"]


def test_a_directory_is_told_from_a_file(tmp_path):
    assert messages_of(tmp_path) == [f"{tmp_path}: is a directory; name the file in it with --config.file"]


def test_a_path_that_cannot_be_one_is_a_message():
    (message,) = messages_of(Path("fleet\0.yml"))
    assert message.endswith(
        "cannot be read: no valid path; check the file that --config.file names, and its permissions"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_file_that_may_not_be_read_is_a_message(tmp_path):
    path = tmp_path / "fleet.yml"
    path.write_text("hosts: []")
    path.chmod(0)
    os.seteuid(65534)
    try:
        (message,) = messages_of(path)
    finally:
        os.seteuid(0)
    assert message.startswith(f"{path}: not readable by this program, which runs as uid 65534; the f")


def test_problems_come_in_the_order_of_their_lines(tmp_path):
    path = tmp_path / "fleet.yml"
    path.write_text("peers: {x: y}\nhosts:\n  - {name: a, adress: b}\n  - {}\nstack: {z: 1}\n")
    with pytest.raises(BadFile) as caught:
        load(path)
    assert [problem.line for problem in caught.value.problems] == [1, 3, 4, 4, 5]


def test_a_message_is_one_short_line_whatever_the_file_holds(tmp_path):
    path = tmp_path / "fleet.yml"
    path.write_text('hosts:\n  - {name: a, address: "' + "x\\n" * 5000 + '", "b\\nc' + "d" * 5000 + '": 1}\n')
    for message in messages_of(path):
        assert "\n" not in message
        assert len(message) < len(str(path)) + 300


def test_a_pipe_that_nobody_writes_to_hangs_nobody(tmp_path):
    path = tmp_path / "fleet.yml"
    os.mkfifo(path)
    (message,) = messages_of(path)
    assert message.startswith(f"{path}: cannot be read: it is no regular file; check the file")

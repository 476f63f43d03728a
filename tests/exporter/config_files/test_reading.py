"""Both configuration files are read alike: the same bytes are refused in the same words, with the file's own flag."""

import os

import pytest

from exporter.fleet import BadFile
from exporter.fleet import load as load_fleet
from exporter.web.config import load as load_web

KINDS = {"--config.file": load_fleet, "--web.config.file": load_web}


@pytest.fixture(params=KINDS)
def flag(request):
    return request.param


@pytest.fixture
def message(flag, tmp_path, monkeypatch):
    """Return the message about a file of some bytes, or about what stands there already."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "file.yml"

    def message_of(data=None):
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(BadFile) as caught:
            KINDS[flag](path)
        return str(caught.value).removeprefix(str(path))

    return message_of


def test_a_file_that_is_not_there_names_the_flag(message, flag):
    assert message() == f": no such file; create it, or name another one with {flag}"


def test_a_directory_names_the_flag(message, flag, tmp_path):
    (tmp_path / "file.yml").mkdir()
    assert message() == f": is a directory; name the file in it with {flag}"


def test_a_pipe_is_not_waited_for(message, flag, tmp_path):
    os.mkfifo(tmp_path / "file.yml")
    reason = "it is no regular file; check the file that"
    assert message() == f": cannot be read: {reason} {flag} names, and its permissions"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a:\n  - \xff\n", ":2: byte 0xff is not UTF-8; save the file in UTF-8"),
        (
            b"\xef\xbb\xbfa: b\n\xef\xbb\xbfc: d\n",
            ":2: a byte order mark (U+FEFF) stands here, as where files were joined; remove it",
        ),
        (b"a: \0", ":1: holds the control character U+0000; remove it"),
        (b"a: b\n---\nc: d\n", ":2: a second document begins here; keep one, and remove the line '---'"),
        (b"a:\n\t- b\n", ":2: indented by a tab; YAML indents by spaces"),
    ],
)
def test_bytes_that_are_no_configuration_are_refused_with_their_line(message, data, expected):
    assert message(data).startswith(expected)


def test_a_key_that_stands_twice_is_a_problem_beside_all_others(message):
    assert (
        message(b"xyz: 1\nxyz: 2\n")
        .splitlines()[-1]
        .endswith(":2: xyz: duplicate key; it stands in line 1 already; remove one of them")
    )


def test_an_unknown_key_that_is_left_empty_is_unknown(message):
    assert ":1: xyz: unknown key; known here: " in message(b"xyz:\n")

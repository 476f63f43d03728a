"""Passwords are read where they are used, from files that nobody else can read, and are never shown."""

import asyncio
import copy
import os
import pickle
import threading
import traceback

import pytest

from collectors.secret import NoSecret, Secret
from exporter import secrets

CANARY = "canary-7f3a"
"""What the fixture ``password`` writes; it must show up nowhere."""


def refusal(path, trusted=()):
    with pytest.raises(NoSecret) as caught:
        secrets.from_file(path, trusted)
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


@pytest.mark.parametrize(
    "show", [str, repr, "{}".format, "{:>30}".format, "{!r}".format, lambda s: f"{[s]}", "%s".__mod__]
)
def test_a_secret_cannot_be_shown(show):
    assert CANARY not in show(Secret(CANARY))


def test_a_secret_cannot_be_pickled_or_copied_out():
    for leave in (pickle.dumps, copy.deepcopy, copy.copy):
        with pytest.raises(TypeError, match="not pickled"):
            leave(Secret(CANARY))


def test_a_secret_is_compared_by_what_it_hides():
    assert Secret("é") == Secret("é")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1


@pytest.mark.parametrize("written", ["s", "s\n", "s\r\n", "s\n\n"])
def test_a_trailing_newline_is_no_part_of_the_password(password, written):
    password.write_text(written)
    assert secrets.from_file(password).reveal() == "s"


def test_a_mark_that_windows_editors_write_is_no_part_of_the_password(password):
    password.write_bytes(b"\xef\xbb\xbfs\r\n")
    assert secrets.from_file(password).reveal() == "s"


async def test_a_password_is_read_again_from_its_file(password):
    secret = secrets.from_file(password)
    assert not await secret.has_changed()
    password.write_text("another\n")
    assert secret.reveal() == CANARY
    assert await secret.has_changed()
    assert secret.reveal() == "another"
    assert not await secret.has_changed()


async def test_a_file_that_cannot_be_read_now_leaves_the_password_and_is_read_the_next_time(password):
    secret = secrets.from_file(password)
    password.unlink()
    assert not await secret.has_changed()
    assert "no such file" in secret.not_read
    password.write_text("exposed")
    password.chmod(0o644)
    assert not await secret.has_changed()
    assert secret.not_read.endswith(f"(mode 0644); run: chmod 600 {password}")
    assert "exposed" not in secret.not_read
    assert secret.reveal() == CANARY
    password.chmod(0o600)
    assert await secret.has_changed()
    assert not secret.not_read


async def test_a_file_system_that_hangs_holds_one_thread_however_often_it_is_asked(password, monkeypatch):
    released, readers = threading.Event(), []

    def hang(*_):
        readers.append(threading.current_thread())
        released.wait(10)
        return b"another"

    secret = secrets.from_file(password)
    monkeypatch.setattr(secrets, "_read", hang)
    for _ in range(5):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(secret.has_changed(), 0.01)
    released.set()
    assert await secret.has_changed()
    assert len(readers) == 1


async def test_a_password_from_a_variable_does_not_change():
    assert not await secrets.from_variable("X", {"X": "s"}).has_changed()


def test_spaces_are_part_of_the_password(password):
    password.write_text(" a b \n")
    assert secrets.from_file(password).reveal() == " a b "


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o666])
def test_a_file_that_others_can_use_is_refused_with_the_command_to_run(password, mode):
    password.chmod(mode)
    assert refusal(password) == (
        f"{password}: others than its owner have access (mode {mode:04o}); run: chmod 600 {password}"
    )


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_of_its_owner_alone_is_read(password, mode):
    password.chmod(mode)
    assert secrets.from_file(password).reveal() == CANARY


def test_where_the_platform_sets_the_mode_it_does_not_matter(password, tmp_path):
    password.chmod(0o644)
    trusted = secrets.trusted_folders({"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert trusted[0].as_posix() == "/run/secrets"
    assert secrets.from_file(password, trusted).reveal() == CANARY


def test_a_way_out_of_the_trusted_folder_is_not_trusted(password, tmp_path):
    password.chmod(0o644)
    (tmp_path / "trusted").mkdir()
    assert "chmod 600" in refusal(tmp_path / "trusted" / ".." / "password", [tmp_path / "trusted"])


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "x"
    assert refusal(path) == f"{path}: no such file; create it with the password in it, and: chmod 600 {path}"


def test_an_empty_file_is_refused(password):
    password.write_text("\n")
    assert refusal(password) == f"{password}: is empty; put the password there"


def test_a_large_file_is_refused_unread(password):
    password.write_text("x" * 5000)
    assert refusal(password) == f"{password}: is larger than 4096 bytes; it must hold the password alone"


def test_bytes_that_are_no_text_are_refused(password):
    password.write_bytes(CANARY.encode() + b"\xff")
    assert refusal(password) == f"{password}: is not UTF-8 text; it must hold the password alone"


def test_a_folder_and_a_pipe_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    pipe = tmp_path / "pipe"
    assert refusal(pipe) == f"{pipe}: cannot be read: it is no regular file; name the file that holds the password"
    assert refusal(tmp_path) == f"{tmp_path}: cannot be read: Is a directory; name the file that holds the password"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_file_that_we_may_not_read_names_both_users(password):
    os.chown(password, 1234, -1)
    os.seteuid(65534)
    try:
        message = refusal(password)
    finally:
        os.seteuid(0)
    assert message.startswith(f"{password}: not readable by this program, which runs as uid 65534; the f")


def test_a_variable_is_read_by_its_name():
    assert secrets.from_variable("WORD", {"WORD": CANARY}).reveal() == CANARY
    for environ, message in (
        ({}, "the variable WORD is not set; set it for this program, or use password_file"),
        ({"WORD": ""}, "the variable WORD is empty; put the password there"),
    ):
        with pytest.raises(NoSecret) as caught:
            secrets.from_variable("WORD", environ)
        assert str(caught.value) == message


def test_a_variable_that_is_not_utf8_is_refused_and_two_odd_secrets_can_be_compared():
    odd = b"p\xe4ss".decode("utf-8", "surrogateescape")  # as os.environ gives it
    with pytest.raises(NoSecret, match="the variable WORD is not UTF-8 text"):
        secrets.from_variable("WORD", {"WORD": odd})
    assert Secret(odd) == Secret(odd) != Secret("other")

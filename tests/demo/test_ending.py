"""What a signal can interrupt, and what it cannot; in a process of its own, whose signals they are."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.system.running import REPOSITORY

pytestmark = pytest.mark.programs

_BEGINNING = """
from contextlib import ExitStack
from signal import SIGINT, raise_signal
from tests.demo import ending

ending.by_signals()
try:
    with ExitStack() as lab, ending.taken_down_whole() as stack:
        lab.callback(print, "the lab is gone")
        lab.callback(raise_signal, SIGINT)
        stack.callback(print, "the database is gone")
        stack.callback(raise_signal, SIGINT)
        """
_END = """
except BaseException as error:
    print(repr(error))
"""


@pytest.mark.parametrize(
    ("ends", "error"),
    [
        ("raise_signal(SIGINT)", "KeyboardInterrupt()"),
        ("raise ValueError", "ValueError()"),
    ],
)
def test_a_signal_does_not_interrupt_what_is_taken_down_whatever_the_cause(ends: str, error: str) -> None:
    command = [sys.executable, "-c", f"{_BEGINNING}{ends}{_END}"]
    lines = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True, text=True).stdout
    assert lines.splitlines() == ["the database is gone", "the lab is gone", error]


def test_when_nobody_reads_any_more_it_ends_as_after_ctrl_c() -> None:
    says = """
from tests.demo.__main__ import say
try:
    say("a line")
except KeyboardInterrupt:
    say("demo: ended, nothing is left")
"""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, "-c", says]
        ended = subprocess.run(command, check=False, cwd=REPOSITORY, stdout=writer, stderr=subprocess.PIPE)
    finally:
        os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, b"")

import functools
import subprocess
import sys
import threading
import time

import pytest

from collectors.drivers.own_thread import OwnThread

HANGS = """
import os, threading
from collectors.drivers.own_thread import OwnThread
begun, (waits, _) = threading.Event(), os.pipe()
thread = OwnThread("test")
thread.submit(begun.set)
thread.submit(lambda: os.read(waits, 1))
begun.wait()
thread.end()
"""
WORKS = """
import threading, time
from collectors.drivers.own_thread import OwnThread
thread = OwnThread("test")
go = threading.Event()
thread.submit(go.wait)
thread.submit(lambda: print("took leave", flush=True))
thread.end()
go.set()
"""


def ended(program):
    began = time.monotonic()
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return time.monotonic() - began, ran.stdout


def test_work_is_done_one_after_the_other_and_says_how_it_ended():
    thread, order = OwnThread("test"), list[int]()
    results = [thread.submit(functools.partial(order.append, number)) for number in range(3)]
    fails = thread.submit(lambda: 1 // 0)
    thread.end()

    assert [result.result(10) for result in results] == [None] * 3
    assert order == [0, 1, 2]
    with pytest.raises(ZeroDivisionError):
        fails.result(10)


def test_a_thread_that_was_never_used_is_none():
    before = threading.active_count()
    OwnThread("test").end()
    assert threading.active_count() == before


@pytest.mark.programs
def test_the_end_of_the_program_does_not_wait_for_a_thread_that_hangs():
    assert ended(HANGS)[0] < 10


@pytest.mark.programs
def test_the_end_of_the_program_waits_for_what_takes_a_moment():
    assert ended(WORKS)[1] == "took leave\n"

"""A thread for work that may hang, in a library or in a file system: the end of the program does not wait for it."""

from __future__ import annotations

import atexit
import functools
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from collectors.terms import Seconds

T = TypeVar("T")

_LAST_MOMENT: Seconds = 0.5
"""How long the end of the program waits for the last work of all threads, such as to take leave of a server."""
_threads: set[threading.Thread] = set()


class OwnThread:
    """One thread, which begins with the first piece of work and does one after the other.

    Python waits for the threads of ``concurrent.futures`` at its end, however long they hang.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Do something in the thread, after all that was given to it before."""
        done: Future[T] = Future()
        self._work.put(functools.partial(_do, work, done))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        return done

    def end(self) -> None:
        """End the thread when it has done what it was given. Does not wait for it."""
        self._work.put(None)

    def _run(self) -> None:
        thread = threading.current_thread()
        _threads.add(thread)
        while (work := self._work.get()) is not None:
            work()
            del work  # and with it the result, which may be large, or be closed when nobody has it
        _threads.discard(thread)


def _do(work: Callable[[], T], done: Future[T]) -> None:
    if done.set_running_or_notify_cancel():
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            done.set_exception(error)


@atexit.register
def _wait_a_moment() -> None:
    until = time.monotonic() + _LAST_MOMENT
    for thread in tuple(_threads):
        thread.join(max(0.0, until - time.monotonic()))

"""The time that a worker thread has for one piece of work: none of its waits lasts longer."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time

from collectors.contract import Facts
from collectors.terms import Seconds


class Stopped(Exception):
    """Nobody waits for the result any more."""


class Turn:
    """The time that a thread has for one piece of work; it ends at the deadline, or when another thread ends it."""

    def __init__(self, lasts: Seconds) -> None:
        self._until = time.monotonic() + lasts
        self._lock = threading.Lock()
        self._ended: int | None = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._shut: socket.socket | None = None
        self.is_over = False
        """Nobody waits for the result any more."""
        self.facts = Facts()
        """What the thread has seen. It is the thread's own: what a caller gave up does not change any more."""

    @property
    def left(self) -> Seconds:
        """How much of the time is left."""
        return max(0.0, self._until - time.monotonic())

    def end(self) -> None:
        """End the wait under way, and all that begin later; from any thread."""
        with self._lock:
            if self._ended is not None:
                os.eventfd_write(self._ended, 1)
                self.is_over = True
                self._shut_down()

    def close(self) -> None:
        """Release what it holds; the thread is done."""
        with self._lock:
            if self._ended is not None:
                os.close(self._ended)
            self._ended = self._shut = None

    def wait(self, descriptor: int, events: int, within: Seconds) -> bool:
        """Wait for a socket, ``within`` at most, for whether it is ready; Stopped."""
        poll = select.poll()
        poll.register(descriptor, events)
        poll.register(self._ended or -1, select.POLLIN)
        ready = dict(poll.poll(min(within, self.left) * 1e3))
        if self._ended in ready:
            raise Stopped
        return descriptor in ready

    def shut_at_end(self, sock: socket.socket) -> None:
        """Have a socket shut when the turn ends: then a library's own wait on it ends, too."""
        with self._lock:
            self._shut = sock
            if self.is_over:
                self._shut_down()

    def _shut_down(self) -> None:
        if self._shut is not None:
            with contextlib.suppress(OSError):  # it may have ended by itself
                self._shut.shutdown(socket.SHUT_RDWR)

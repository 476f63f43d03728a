"""Keeping a ledger in its file, in a thread of its own: a file system that hangs holds up no read for long."""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
from concurrent.futures import Future
from typing import Any

from collectors.contract import ProbeFailed
from collectors.drivers.own_thread import OwnThread
from collectors.drivers.turn import Turn
from collectors.n8n.state_file import NotKept, StateFile
from collectors.terms import Reason

_PATIENCE = 0.5
"""The share of a read's remaining time for which it waits for the file."""


class Keeper:
    """Loads and saves for one thread that reads."""

    def __init__(self, path: str, after: Future[None] | None) -> None:
        """``after`` is done when the keeper before has closed this file."""
        self._path, self._file = path, StateFile(path)
        self._thread = OwnThread("n8n state")
        if after is not None:
            self._thread.submit(after.result)
        self._loading: Future[object] | None = None
        self._saving: Future[None] | None = None
        self._wanted = self._saved = b""
        self.closed: Future[None] = Future()

    def load(self, turn: Turn) -> object:
        """Return what was saved, None if nothing was; NotKept.

        ProbeFailed while the file system does not answer: a count that began anew would replace what is there.
        """
        self._loading = self._loading or self._thread.submit(self._file.load)
        if not _is_done(self._loading, turn):
            raise ProbeFailed(
                Reason.LOCAL, f"{self._path}: its file system does not answer; nothing is read until it does"
            )
        loading, self._loading = self._loading, None
        return loading.result()

    def save(self, text: bytes, turn: Turn) -> None:
        """Save what is not saved yet; NotKept."""
        self._wanted = text
        if self._saving is None or self._saving.done():
            if text == self._saved:
                return
            self._saving = self._thread.submit(functools.partial(self._file.save, text))
            if _is_done(self._saving, turn):
                self._saving.result()
                self._saved = text
                return
        raise NotKept(f"{self._path}: its file system does not answer; counts are not kept until it does")

    def end(self) -> None:
        """Close the file after all that was to be saved. Does not wait for it."""
        self._thread.submit(self._close)
        self._thread.end()

    def _close(self) -> None:
        if self._wanted != self._saved:  # a read did not wait until it was
            with contextlib.suppress(NotKept):
                self._file.save(self._wanted)
        self._file.close()
        self.closed.set_result(None)


def _is_done(work: Future[Any], turn: Turn) -> bool:
    return bool(concurrent.futures.wait([work], _PATIENCE * turn.left).done)

"""The file in which a ledger's state outlives the program. All here waits for the file system, but the constructor."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
from pathlib import Path

_LARGEST = 64 * 1024 * 1024


class NotKept(Exception):
    """The file can't be read or written; the message says why."""


class StateFile:
    """One file, used by one program at a time: the one that has the lock of the file ``.lock`` beside it.

    The kernel releases the lock of a program that was killed. The file itself can't be locked, because each save
    replaces it by another one.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock: int | None = None

    def load(self) -> object:
        """Return what was saved, None if nothing was; NotKept."""
        try:
            self._lock_it()
            with open(self._file, "rb", opener=_without_waiting) as file:
                self._refuse_irregular(os.fstat(file.fileno()))
                return json.loads(file.read(_LARGEST + 1))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise NotKept(f"{self._path}: can't be read: {os.strerror(error.errno or 0)}") from None
        except (ValueError, RecursionError):
            raise NotKept(f"{self._path}: is damaged; counting begins anew") from None

    def save(self, text: bytes) -> None:
        """Write it whole, beside the file, and put it in its place; NotKept.

        It is on the disk before it is in its place: after a power cut the file is perhaps older, and never in parts.
        """
        beside = Path(f"{self._file}.new")
        try:
            self._lock_it()
            with contextlib.suppress(FileNotFoundError):
                self._refuse_irregular(self._file.lstat())
            beside.unlink(missing_ok=True)
            with open(beside, "xb", opener=_private) as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._file)
        except OSError as error:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            raise NotKept(f"{self._path}: can't be written: {os.strerror(error.errno or 0)}") from None

    def close(self) -> None:
        """Let another program use it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def _file(self) -> Path:
        """The file that the path leads to, so that a symbolic link is not replaced."""
        return Path(os.path.realpath(self._path))

    def _lock_it(self) -> None:
        """Take the lock, unless it is held already; NotKept if another program has it.

        In a read-only folder, or on a file system without locks, nothing is locked.
        """
        if self._lock is not None:
            return
        with contextlib.suppress(OSError):
            lock = _private(f"{self._file}.lock", os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                message = (
                    f"{self._path}: another program uses it; counts are not kept there. Give each a file of its own"
                )
                raise NotKept(message) from None
            except OSError:
                os.close(lock)
            else:
                self._lock = lock

    def _refuse_irregular(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise NotKept(f"{self._path}: is no regular file; counts are not kept there. Name another file")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe would wait for somebody who writes

"""The file in which a ledger's state outlives the program. Its functions wait for the disk: they run in a thread."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

_LARGEST = 64 * 1024 * 1024


class NotKept(Exception):  # noqa: N818 - it says what happened
    """The file can't be read or written; the message says why."""


def load(path: str) -> object:
    """Return what was saved, None if nothing was; NotKept."""
    try:
        with Path(path).open("rb") as file:
            return json.loads(file.read(_LARGEST + 1))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NotKept(f"{path}: can't be read: {os.strerror(error.errno or 0)}") from None
    except (ValueError, RecursionError):
        raise NotKept(f"{path}: is damaged; counting begins anew") from None


def save(path: str, state: object) -> None:
    """Write it whole, beside the file, and put it in its place; NotKept."""
    beside = Path(f"{path}.new")
    try:
        with open(beside, "w", encoding="utf-8", opener=_private) as file:
            json.dump(state, file, separators=(",", ":"))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise NotKept(f"{path}: can't be written: {os.strerror(error.errno or 0)}") from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)

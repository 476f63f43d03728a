"""Opening a file that somebody named, and why it cannot be opened."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: Path) -> BinaryIO:
    """Open a file to be read; raises OSError, also for a pipe or a device: a reload must not hang on one.

    A pipe cannot be read again at a reload, and a half-written one may parse.
    """
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is no regular file")
    return file


def why_denied(path: Path) -> str:
    """Explain why permission to read a file was denied: its owner, and the user that this program runs as."""
    try:
        owner = f"the file belongs to uid {path.stat().st_uid}"
    except OSError:
        owner = f"the folder {path.parent} is closed to it"
    return f"not readable by this program, which runs as uid {os.geteuid()}; {owner}"

"""Lists in files; a file that is replaced, or that a link leads to, is read again the next time."""

from __future__ import annotations

import glob
import os
from pathlib import Path

from collectors.terms import Seconds
from exporter.config_files.opening import open_regular, why_denied
from exporter.discovery.formats import MAX_BYTES
from exporter.discovery.no_list import NoList
from exporter.fleet import CheckedFile, FileSd

DEADLINE: Seconds = 10.0
"""For all files."""
_MAX_FILES = 1000


def contents(file: CheckedFile, settings: FileSd) -> list[tuple[str, bytes]]:
    """Return the names and bytes of all files that the patterns name, in the order of their names; raises NoList."""
    folder = Path(file.source_file).absolute().parent
    here = glob.escape(str(folder))
    names = sorted({name for pattern in settings.files for name in glob.glob(os.path.join(here, pattern))})  # noqa: PTH118, PTH207 - pathlib's patterns cannot begin with a slash
    if not names:
        raise NoList("no such file; create it, or correct the pattern")
    if len(names) > _MAX_FILES:
        raise NoList(f"{len(names):,} files, more than {_MAX_FILES:,}; use fewer")
    files, room = [], MAX_BYTES
    for name in names:
        data = _read(Path(name), room + 1)
        room -= len(data)
        if room < 0:
            raise NoList(f"more than {MAX_BYTES >> 20} MiB in its files; is {name} a list of targets?")
        files.append((name, data))
    return files


def _read(path: Path, limit: int) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(limit)
    except PermissionError:
        raise NoList(f"{path}: {why_denied(path)}") from None
    except OSError as error:
        raise NoList(f"{path}: cannot be read: {error.strerror}") from None

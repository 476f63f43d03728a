"""A fleet file that has changed is read again, without being told to: ``--config.auto-reload``."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from collectors.terms import Seconds
from collectors.transport.trust import version_of
from exporter.config_files.opening import open_regular
from exporter.web import Refused

EVERY: Seconds = 2.0
"""How often the file is looked at. What changed between two looks may be half written, and is left for the next."""
_AGAIN: Seconds = 60.0
"""After this time what was refused is read again: what it needs beside the file may have come."""


async def reload_on_change(
    path: Path, in_force: Callable[[], bytes | None], reload: Callable[[], Awaitable[object]], every: Seconds = EVERY
) -> None:
    """Call ``reload`` when the file is not the one ``in_force``, by its SHA-256, and has stayed as it is for a look.

    ``in_force`` returns None while the last reload has failed: then what was right before is read again, too.
    """
    loop = asyncio.get_running_loop()
    seen: object = None
    read: object = None
    again: Seconds = 0.0
    while True:
        await asyncio.sleep(every)  # noqa: TID251 - no measurement: it is the file that is waited for
        before, seen = seen, await asyncio.to_thread(version_of, path)
        if seen != before or (seen == read and loop.time() < again):
            continue
        if in_force() is None or await asyncio.to_thread(_digest, path) != in_force():
            with contextlib.suppress(Refused):
                await reload()
        read, again = seen, loop.time() + _AGAIN


def _digest(path: Path) -> bytes:
    """Return the SHA-256 of a file; nothing of one that cannot be read, which is in force nowhere."""
    try:
        with open_regular(path) as file:
            digest = hashlib.sha256()
            while piece := file.read(1 << 20):
                digest.update(piece)
    except OSError:
        return b""
    return digest.digest()

"""An exception handler for the loop that logs what repeats once a minute.

asyncio's accept loop reports the same error thousands of times a second while no file descriptor is left
(500 connections against 256 descriptors: 1.9 million lines in 70 s).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from collectors.terms import Seconds

_log = logging.getLogger(__name__)

_MAX_KINDS = 100


def sparing_handler(
    every: Seconds = 60.0, clock: Callable[[], Seconds] = time.monotonic
) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """Return an exception handler for the loop: it logs a kind of error once per ``every``, and counts the others."""
    silent_until: dict[tuple[str, str], Seconds] = {}
    left_out: dict[tuple[str, str], int] = {}

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        kind = str(context.get("message")), type(context.get("exception")).__name__
        now = clock()
        if now < silent_until.get(kind, now):
            left_out[kind] = left_out.get(kind, 0) + 1
            return
        if len(silent_until) >= _MAX_KINDS:
            silent_until.clear()
        silent_until[kind] = now + every
        if count := left_out.pop(kind, 0):
            _log.error("%d more times since the last such line:", count)
        loop.default_exception_handler(context)

    return handle

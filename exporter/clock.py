"""The wall clock, which may step: for dates that people read, of files and of certificates, never for durations."""

from __future__ import annotations

import time

from collectors.terms import Seconds


def wall_clock() -> Seconds:
    """Return the seconds since the epoch."""
    return time.time()  # noqa: TID251 - the one place of the exporter that reads it

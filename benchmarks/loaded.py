"""The exporter with a thread that disturbs it in its own interpreter, and a log that is read too slowly.

``python -m benchmarks.loaded FIFO run --config.file=...``. A thread makes garbage and does not let go of the
interpreter's lock for some 20 ms at a time, half of the time; stderr is the named pipe FIFO.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

from exporter.cli import main

_AT_MOST = 300.0
"""Seconds after which it ends, whatever became of the benchmark."""
_PAUSE = 0.02
_NUMBERS = 150_000
"""To sort so many takes some 20 ms, in which no other thread runs."""
_CYCLES = 2_000


def disturb() -> None:
    """Hold the lock in one call, leave garbage that only the collector finds, pause, and again."""
    end = time.monotonic() + _AT_MOST
    numbers = [number * 7_919 % _NUMBERS for number in range(_NUMBERS)]
    while time.monotonic() < end:
        sorted(numbers)
        for _ in range(_CYCLES):
            cycle: list[Any] = []
            cycle.append(cycle)
        time.sleep(_PAUSE)


if __name__ == "__main__":
    os.dup2(os.open(sys.argv[1], os.O_WRONLY), 2)
    threading.Thread(target=disturb, daemon=True).start()
    sys.exit(main(sys.argv[2:]))

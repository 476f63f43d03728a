"""What a probe may not keep of this process: its descriptors, and its loop's readers and time."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def readers() -> int:
    """What the running loop waits for, its own wake-up pipe included."""
    return len(asyncio.get_running_loop()._selector.get_map())  # type: ignore[attr-defined]  # no public way lists them


class Hog:
    """Holds the loop for a while at a moment that a peer chooses: when it calls ``begin`` from its thread."""

    def __init__(self, blocks: Callable[[], None]) -> None:
        self._loop, self._started, self._blocks = asyncio.get_running_loop(), threading.Event(), blocks

    def begin(self) -> None:
        self._loop.call_soon_threadsafe(self._hold)
        assert self._started.wait(10)

    def _hold(self) -> None:
        self._started.set()
        self._blocks()

"""Time that passes without being waited for: a loop that jumps to its next timer, and one that is moved ahead.

The first is for what only waits: a day passes in the time that its callbacks take. The second is for real sockets:
their deadlines come when the test says so, whatever the machine's pace.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.SelectSelector):
    """Instead of waiting, lets the loop's clock pass by that much."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready and timeout:
            self.loop.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """``time()`` is ``now``, which callbacks may also move themselves: then they took that long."""

    def __init__(self) -> None:
        self.now = 1000.0
        selector = _Selector()
        super().__init__(selector)
        selector.loop = self

    def time(self) -> float:
        return self.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def skip(seconds: float) -> None:
    """Move the running loop's clock ahead: each timer that is due by then is due in its next turn."""
    loop = asyncio.get_running_loop()
    now = loop.time
    loop.time = lambda: now() + seconds  # type: ignore[method-assign]  # of this loop alone, which ends with its test

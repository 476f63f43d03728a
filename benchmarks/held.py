"""The exporter, with a note of how long its event loop was held: in that time nothing else has its turn.

``python -m benchmarks.held NOTES run --config.file=...``. At SIGUSR1 the longest time so far, in seconds, goes to a
new line of NOTES, and the next count begins.
"""

from __future__ import annotations

import selectors
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from unittest import mock

from exporter.cli import main

Ready = list[tuple[selectors.SelectorKey, int]]


class NotingSelector(selectors.DefaultSelector):
    """Between a return of ``select`` and the next call the loop runs what is due, and hears nothing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._returned: float | None = None
        self._longest = 0.0

    def select(self, timeout: float | None = None) -> Ready:
        if self._returned is not None:
            self._longest = max(self._longest, self._clock() - self._returned)
        try:
            return super().select(timeout)
        finally:
            self._returned = self._clock()

    def take_longest(self) -> float:
        """Return the longest time since the last call."""
        longest, self._longest = self._longest, 0.0
        return longest


def run(notes: Path, arguments: list[str]) -> int:
    """Run the exporter in a loop that is watched."""
    selector = NotingSelector()

    def note(_number: int, _frame: FrameType | None) -> None:
        with notes.open("a", encoding="ascii") as file:
            file.write(f"{selector.take_longest()!r}\n")

    signal.signal(signal.SIGUSR1, note)
    # What asyncio makes its loop with; to set a policy for loops is deprecated.
    with mock.patch.object(selectors, "DefaultSelector", return_value=selector):
        return main(arguments)


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[2:]))

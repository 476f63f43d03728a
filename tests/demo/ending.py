"""What ends the demo, and that what is taken down then is taken down whole."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, and the end of the terminal."""


def by_signals() -> None:
    """Let the first of them raise KeyboardInterrupt."""
    for number in SIGNALS:
        signal.signal(number, _end)


@contextlib.contextmanager
def taken_down_whole() -> Iterator[contextlib.ExitStack]:
    """Yield a stack whose unwinding no signal interrupts, nor what is unwound after it, whatever the cause."""
    with contextlib.ExitStack() as stack:
        try:
            yield stack
        finally:
            _ignore_signals()


def _end(*_: object) -> None:
    _ignore_signals()
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)

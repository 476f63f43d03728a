"""Work in pieces between which other threads have their turn."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def in_pieces(items: Iterable[T], size: int) -> Iterator[T]:
    """Yield the items, and let the event loop run after each ``size`` of them.

    A thread that computes keeps the interpreter for 5 ms, and longer while the kernel runs other programs.
    """
    for number, item in enumerate(items, 1):
        yield item
        if number % size == 0:
            time.sleep(0)  # noqa: TID251 - of no length, in a thread of its own: it gives the interpreter away

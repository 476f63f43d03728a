"""The garbage collector leaves alone what stays from one reload to the next, until much of that may be garbage."""

from __future__ import annotations

import gc
import sys

_MUCH = 1.1
"""How many times as many blocks of memory are in use as at the first reload, or after the last look at everything."""


class Garbage:
    """What is spared by the garbage collector, and when it is looked at all the same."""

    def __init__(self) -> None:
        self._has_begun = False
        self._usual: int | None = None
        """Blocks in use at a reload, when there are two configurations for a moment; None before the first one."""

    def spare(self) -> None:
        """Let the collector look at what is made from now on, and not again and again at what stays.

        A full collection would hold the loop for 40 ms, and with 3,000 pairs for 50 ms every other minute. What a
        reload drops needs none, though it is frozen: a configuration has no cycles, nor has a job that was given up.
        But the connections of others have some, and of those that were open at a reload none would ever be free.
        """
        gc.collect()
        if self._usual and sys.getallocatedblocks() > _MUCH * self._usual:
            gc.unfreeze()
            gc.collect()
            self._usual = None
        if self._has_begun:
            self._usual = self._usual or sys.getallocatedblocks()
        self._has_begun = True
        gc.freeze()

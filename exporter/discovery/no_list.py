"""A list that cannot be had."""

from __future__ import annotations

from collections.abc import Sequence


class NoList(Exception):
    """A list of hosts cannot be had or used; the text says why, and what to do.

    ``faults`` are the same at length, one a line: of a list with several faults the text has the first.
    """

    def __init__(self, text: str, faults: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.faults = tuple(faults) or (text,)

"""Texts that others wrote, as labels: cleaned, cut, and of a bounded number."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

OTHER = "__other__"
"""Stands for all that came when the labels' number was reached."""
NONE = "__none__"
"""Stands for a workflow that an execution does not name."""
_LENGTH = 128
_CUT = "…"
_CONTROLS = ("C", "Zl", "Zp")
"""Unicode's categories: control, format, surrogate, unassigned; what separates lines."""


def clean(text: str) -> str:
    """Return a text on one line, of bounded length, without characters that command a terminal or a browser."""
    if len(text) <= _LENGTH and text.isprintable():
        return text
    shorter = text[: _LENGTH + 1]
    visible = "".join(" " if unicodedata.category(letter).startswith(_CONTROLS) else letter for letter in shorter)
    return visible if len(visible) <= _LENGTH else visible[: _LENGTH - 1] + _CUT


class Places:
    """A bounded number of places, each taken by the first key that asks for it, for good."""

    def __init__(self, most: int, taken: Iterable[tuple[str, ...]] = ()) -> None:
        self.most = most
        self._taken = dict.fromkeys(taken)

    def has(self, *key: str) -> bool:
        """Return whether a key has a place, after giving it one if one is left.

        The answer for a key never changes: a place is never given back, so once one key is refused, every new one is.
        """
        if key in self._taken:
            return True
        if len(self._taken) >= self.most:
            return False
        self._taken[key] = None
        return True

    @property
    def taken(self) -> list[tuple[str, ...]]:
        """The keys that have a place, in the order in which they took it."""
        return list(self._taken)

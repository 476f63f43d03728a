"""What was probably meant by a word that is not known."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

from exporter.wording import closest, quoted

FEW = 50
"""So many known words are searched for the closest one in no time."""
MAX_HINTS = 20
"""Searching among many names is slow: beyond so many mistakes the later ones get no hint."""
_QUOTES = "\u2018\u2019\u201a\u201c\u201d\u201e\uff1a"
"""Of typesetting; and a colon that is none."""


class Hints:
    """The hints of one run over a file, whose cost is bounded."""

    def __init__(self) -> None:
        self._left = MAX_HINTS

    def best(self, word: str, known: Collection[str]) -> str | None:
        """Return the known word that is closest to ``word``, if any is close."""
        if len(known) > FEW:
            if self._left == 0:
                return None
            self._left -= 1
        return closest(word, known)

    def suggestion(self, word: str, known: Collection[str]) -> str:
        """Return the end of a message: ``; did you mean 'address'?`` or nothing."""
        best = self.best(word, known)
        return f"; did you mean {quoted(best)}?" if best else ""


def deceptive_character(text: str) -> str | None:
    """Name the first character that looks like another or like none: copied text often has some."""
    for character in text:
        if character in _QUOTES or (character != " " and unicodedata.category(character) in {"Zs", "Zl", "Zp", "Cf"}):
            return f"U+{ord(character):04X} ({unicodedata.name(character, 'no name').lower()})"
    return None

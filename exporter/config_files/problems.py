"""What is wrong with a fleet file: every problem with its place, all of them in one exception."""

from __future__ import annotations

import dataclasses
import json
import re
import unicodedata
from collections.abc import Collection, Iterable

from exporter.wording import HALF_A_LINE, closest, quoted

Loc = tuple[str | int, ...]
"""Where a value stands: ``("hosts", 1, "address")``."""

_QUOTES = "\u2018\u2019\u201a\u201c\u201d\u201e\uff1a"
"""Of typesetting; and a colon that is none."""
FEW = 50
MAX_HINTS = 20
"""Searching among many names is slow: beyond so many mistakes the later ones get no hint."""


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """One line for people: place, what is wrong, what to do. Line 0 is the file as a whole."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class BadFile(Exception):  # noqa: N818 - the word that the callers' sentences read best with
    """A configuration file cannot be used: exit 2, one line per problem, no traceback."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line, problem.key)))
        super().__init__("\n".join(map(str, self.problems)))


def key_of(loc: Loc) -> str:
    """Write a place as people do: ``hosts[1].address``; an odd key in quotes, on one line."""
    key = ""
    for step in loc:
        if isinstance(step, int):
            key += f"[{step}]"
        else:
            plain = re.fullmatch(r"[\w-]{1,80}", step)
            key += ("." if key else "") + (step if plain else json.dumps(step[:HALF_A_LINE], ensure_ascii=False))
    return key


def unseen(text: str) -> str | None:
    """Name the first character that looks like another or like none: text that was copied brings such along."""
    for character in text:
        if character in _QUOTES or (character != " " and unicodedata.category(character) in {"Zs", "Zl", "Zp", "Cf"}):
            return f"U+{ord(character):04X} ({unicodedata.name(character, 'no name').lower()})"
    return None


class Hints:
    """Finds what was probably meant."""

    def __init__(self) -> None:
        self._left = MAX_HINTS

    def best(self, word: str, known: Collection[str]) -> str | None:
        """Name the known word that is closest to ``word``, if any is close."""
        if len(known) > FEW:
            if self._left == 0:
                return None
            self._left -= 1
        return closest(word, known)

    def ask(self, word: str, known: Collection[str]) -> str:
        """Give the end of a message: ``; did you mean 'address'?`` or nothing."""
        best = self.best(word, known)
        return f"; did you mean {quoted(best)}?" if best else ""

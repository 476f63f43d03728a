"""What is wrong with a configuration file: every problem with its place, all of them in one exception.

A check yields findings, which know their key. With the file and the line a finding becomes a problem, or a warning.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable
from typing import NamedTuple

from exporter.wording import HALF_A_LINE

Loc = tuple[str | int, ...]
"""Where a value stands: ``("hosts", 1, "address")``."""


class Finding(NamedTuple):
    """What is wrong at a key, or between two keys; a warning lets the file pass."""

    loc: Loc
    message: str
    is_warning: bool = False


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


class BadFile(Exception):
    """A configuration file cannot be used: exit 2, one line per problem, no traceback."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line, problem.key)))
        super().__init__("\n".join(map(str, self.problems)))


class Unreadable(Exception):
    """The file cannot be read beyond this line (0: at all), so that this is its only problem."""

    def __init__(self, line: int, message: str, loc: Loc = ()) -> None:
        super().__init__(line, message, loc)
        self.line = line
        self.message = message
        self.loc = loc


def key_of(loc: Loc) -> str:
    """Write a place as people do: ``hosts[1].address``; an odd key in quotes, on one line."""
    key = ""
    for step in loc:
        if isinstance(step, int):
            key += f"[{step}]"
        else:
            plain = re.fullmatch(r"[\w-]{1,80}", step)
            key += ("." if key else "") + (step if plain else json.dumps(step[:HALF_A_LINE], ensure_ascii=False))
    return key.encode("utf-8", "backslashreplace").decode()  # JSON may hold half of a surrogate pair, and no page can

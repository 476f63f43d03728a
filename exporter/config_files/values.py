"""The types of values in configuration files: how text is read, and the message where it cannot be.

Everything arrives as text, a list or a map (see ``source``); nothing is guessed from its look.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Sized
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from collectors.terms import Seconds
from exporter.config_files.hints import Hints
from exporter.wording import listed, quoted

MAX_TEXT = 200
"""Longest name or label, in characters."""
MIN_INTERVAL: Seconds = 0.1
"""The scheduler's slot; more often costs more than it shows."""
MAX_DURATION: Seconds = 86_400.0

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

INVALID = "invalid"
"""The type of our own errors."""

_Items = TypeVar("_Items", bound=Sized)


def invalid(message: str) -> PydanticCustomError:
    """Make the error of a value; its message reaches people as it is."""
    return PydanticCustomError(INVALID, "{message}", {"message": message})


def text_of(value: object, expected: str) -> str:
    """Return the value if it is text and not empty; else raise an error about what was expected."""
    if isinstance(value, str) and value:
        return value
    raise invalid(f"expected {expected}, not {quoted(value)}")


def _duration(value: object) -> Seconds:
    expected = "a number and a unit, such as 500ms, 15s, 1.5m or 1h"
    match = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)(ms|s|m|h)", text_of(value, expected))
    if match is None:
        raise invalid(f"{quoted(value)} is no duration; write {expected}")
    seconds = float(match[1]) * _UNITS[match[2]]
    if not 0 < seconds <= MAX_DURATION:
        raise invalid(f"{value} is out of range; write more than 0 and at most 24h")
    return seconds


def _interval(seconds: Seconds) -> Seconds:
    if seconds < MIN_INTERVAL:
        raise invalid(f"{seconds * 1000:g}ms is too often; the shortest interval is 100ms")
    return seconds


def _flag(value: object) -> bool:
    text = text_of(value, "true or false")
    if text not in {"true", "false"}:
        raise invalid(f"expected true or false, not {quoted(text)}")
    return text == "true"


def _whole(low: int, high: int) -> Callable[[object], int]:
    def parse(value: object) -> int:
        text = text_of(value, f"a whole number from {low} to {high}")
        if not re.fullmatch("0|[1-9][0-9]{0,11}", text) or not low <= int(text) <= high:
            raise invalid(f"expected a whole number from {low} to {high}, not {quoted(text)}")
        return int(text)

    return parse


def Whole(low: int, high: int) -> object:  # noqa: N802 - used as a type: Annotated[int, Whole(1, 9)]
    """Read a whole number in decimal, without sign, leading zeros or underscores."""
    return BeforeValidator(_whole(low, high))


def one_of(value: object, words: Collection[str]) -> str:
    """Return the value if it is one of a few words; else raise an error that lists them."""
    text = text_of(value, f"one of {listed(words)}")
    if text not in words:
        raise invalid(f"{quoted(text)} is none of {listed(words)}{Hints().suggestion(text, words)}")
    return text


def OneOf(*words: str) -> object:  # noqa: N802 - as Whole
    """Read one of a few words."""
    return BeforeValidator(lambda value: one_of(value, words))


def as_list(value: object) -> object:
    """Return a single text as a list of one."""
    return [value] if isinstance(value, str) and value else value


def not_empty(items: _Items) -> _Items:
    """Refuse a list of nothing, as a value that a key may be without."""
    if not items:
        raise invalid("is empty; name at least one, or leave the key out")
    return items


def _bounded(longest: int) -> Callable[[str], str]:
    def check(value: str) -> str:
        for character in value:
            if unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t":
                raise invalid(f"holds the control character U+{ord(character):04X}; remove it")
        if len(value) > longest:
            raise invalid(f"is {len(value)} characters long; at most {longest} are allowed")
        return value

    return check


def _name(value: str) -> str:
    if not value.strip():
        raise invalid("must not be empty; it becomes a label")
    return value


Duration = Annotated[Seconds, BeforeValidator(_duration)]
Interval = Annotated[Seconds, BeforeValidator(_duration), AfterValidator(_interval)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Port = Annotated[int, Whole(1, 65535)]
Label = Annotated[str, AfterValidator(_bounded(MAX_TEXT))]
Name = Annotated[Label, AfterValidator(_name)]
Names = Annotated[tuple[Name, ...], BeforeValidator(as_list), AfterValidator(not_empty)]
"""Names of hosts; a single one may stand without brackets."""
Text = Annotated[str, BeforeValidator(lambda value: text_of(value, "text")), AfterValidator(_bounded(10 * MAX_TEXT))]

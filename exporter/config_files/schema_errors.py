"""pydantic's errors -> findings: which key, what is wrong with it, what to do.

An unknown key gets the closest known one of its place; the key that it was meant to be is then not reported as
missing too. What our own types say (``invalid`` in ``values``) is passed on as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from exporter.config_files.hints import Hints, deceptive_character
from exporter.config_files.problems import Finding, Loc
from exporter.config_files.values import INVALID
from exporter.wording import listed, quoted

_EXPECTED = {
    "string_type": "expected text",
    "tuple_type": "expected a list, such as [a, b]",
    "frozen_set_type": "expected a list, such as [a, b]",
    "dict_type": "expected a map of 'key: value'",
    "model_type": "expected a map of 'key: value'",
}
_CONSEQUENCES = {"default_factory_not_called"}
"""Errors that there are only because of another one."""
_UNKNOWN = "extra_forbidden"
_NAME_IN_MAP = "[key]"
"""pydantic's last step where a map's key is wrong, not its value."""


class Keys(NamedTuple):
    """The keys that can stand in a section."""

    known: Collection[str]
    elsewhere: Mapping[str, str]
    """Key -> where it belongs, of those that people write here by mistake."""


KeysAt = Callable[[Loc], Keys]
"""Returns the keys of the section at a place."""


def findings_of(error: ValidationError, keys_at: KeysAt, hints: Hints, *, repeats_text: bool = True) -> list[Finding]:
    """Translate all errors of a file.

    ``repeats_text``: whether text in the place of a list or a map is repeated, or may be a password.
    """
    details = [detail for detail in error.errors(include_url=False) if detail["type"] not in _CONSEQUENCES]
    findings: list[Finding] = []
    meant: set[Loc] = set()
    for loc in (detail["loc"] for detail in details if detail["type"] == _UNKNOWN):
        *parent, key = loc
        keys = keys_at(tuple(parent))
        best, message = _unknown_key(str(key), keys, hints)
        findings.append(Finding(loc, message))
        if best:
            meant.add((*parent, best))
    others = [detail for detail in details if detail["type"] != _UNKNOWN and detail["loc"] not in meant]
    return findings + [_finding(detail, repeats_text=repeats_text) for detail in others]


def _unknown_key(key: str, keys: Keys, hints: Hints) -> tuple[str | None, str]:
    """Return the key that was probably meant, and the message."""
    if key.lower() in {"password", "passwd"} and "password_file" in keys.known:
        either = " or its variable with password_env" if "password_env" in keys.known else ""
        return None, f"a password never stands in this file; name its file with password_file{either}"
    if key in keys.elsewhere:
        return None, f"unknown key {keys.elsewhere[key]}"
    best = hints.best(key, keys.known)
    if character := deceptive_character(key):
        remedy = f"it holds {character}, which looks like another character or like none: type it anew"
    else:
        remedy = f"did you mean {quoted(best)}?" if best else f"known here: {listed(sorted(keys.known))}"
    return best, f"unknown key; {remedy}"


def _finding(detail: ErrorDetails, *, repeats_text: bool) -> Finding:
    kind, value, loc = detail["type"], detail["input"], detail["loc"]
    is_name = loc[-1:] == (_NAME_IN_MAP,) and loc[-2:-1] == (value,)
    if kind == "missing":
        message = "missing; this key is required"
    elif kind == INVALID:
        message = ("the name " if is_name else "") + detail["ctx"]["message"]
    elif kind in _EXPECTED:
        is_hidden = isinstance(value, str) and value and not repeats_text
        message = f"{_EXPECTED[kind]}, not {'text' if is_hidden else quoted(value)}"
    else:
        message = detail["msg"]
    return Finding(loc[:-1] if is_name else loc, message)

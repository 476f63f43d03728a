"""Numbers, and texts that others wrote, made fit to print: on one line, of bounded length, harmless to a terminal."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from unicodedata import east_asian_width

from collectors.literals import bracketed
from collectors.terms import Seconds

_SMALL = ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (120.0, 1.0, "s"))
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
HALF_A_LINE = 60
"""Characters of a value that a message quotes."""
PART_OF_A_LINE = 200
"""Characters of a text that a message repeats."""
_LISTED = 20
_FIRST = 8
_NAME = 80


def span(seconds: Seconds) -> str:
    """Write a duration: 352 ms, 2.38 s, 3 min, 2 h 5 min."""
    number, unit = _parts(seconds)
    return f"{number} {unit}"


def spans(seconds: Sequence[Seconds]) -> list[str]:
    """Write durations that stand together: the unit is repeated only where they differ in it."""
    (number, unit), *others = parts = [_parts(value) for value in seconds]
    if any(other != unit for more, other in others if more != "0"):
        return [" ".join(part) for part in parts]
    return [f"{number} {unit}", *(number for number, _ in others)]


def _parts(seconds: Seconds) -> tuple[str, str]:
    for limit, factor, unit in _SMALL:
        if float(f"{seconds:.3g}") < limit:
            return _digits(seconds * factor), unit
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f}", "min"
    if seconds < 2 * _DAY:
        hours, rest = divmod(round(seconds / _MINUTE), _MINUTE)
        return (f"{hours} h {rest}", "min") if rest else (f"{hours}", "h")
    return f"{seconds / _DAY:.0f}", "days"


def _digits(value: float) -> str:
    """Write three significant digits, and no exponent; less than a hundredth is nothing."""
    return f"{float(f'{value:.3g}'):g}" if value >= 0.01 else "0"  # noqa: PLR2004 - see above


def moment(wall: float) -> str:
    """Write a time, given in seconds since the epoch: 2026-12-01 06:00 UTC, and 06:00:30 where there are seconds."""
    at = datetime.fromtimestamp(wall, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at.second else f"{at:%Y-%m-%d %H:%M} UTC"


def percent(part: int, whole: int) -> str:
    """Write a share; one that is not quite none or all never as 0 or 100."""
    if not whole:
        return "-"
    value = 100 * part / whole
    rounded = min(max(round(value), 1), 99) if 0 < part < whole else round(value)
    return f"{rounded} %"


def plural(noun: str, number: int) -> str:
    """Write a noun as it stands after a number: ``pair`` after 1, ``pairs`` after any other."""
    return noun if number == 1 else f"{noun}s"


def counted(number: int, noun: str) -> str:
    """Write ``1 pair``, ``2,000 pairs``."""
    return f"{number:,} {plural(noun, number)}"


def host_and_port(host: str, port: int) -> str:
    """Write ``HOST:PORT``, and ``[HOST]:PORT`` of an IPv6 address."""
    return f"{bracketed(host)}:{port}"


def quoted(value: object) -> str:
    """Write a value of a file within a message: quoted, on one line, of bounded length."""
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list | tuple):
        return "a list"
    text = str(value)
    if not text:
        return "nothing"
    return repr(text if len(text) <= HALF_A_LINE else text[: HALF_A_LINE - 3] + "...")


def printable(text: str) -> str:
    """Write a text as it is; one that could command a terminal in ASCII alone, with escapes."""
    return text if text.isprintable() else ascii(text)[1:-1]


def display_width(text: str) -> int:
    """Return how many columns a terminal gives a text: Chinese takes two each (Unicode Standard Annex 11)."""
    return len(text) if text.isascii() else sum(1 + (east_asian_width(letter) in "WF") for letter in text)


def legible(name: str) -> str:
    """Write a name as it is; one that could command a terminal in quotes, with escapes for what could."""
    return name if name.isprintable() else repr(name)


def cleaned(text: str, limit: int = PART_OF_A_LINE) -> str:
    """Write a text on one line of at most ``limit`` characters; a blank replaces what could command a terminal."""
    text = text[: 4 * limit]  # looking at more of it would be in vain
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def listed(names: Iterable[str], limit: int = _LISTED) -> str:
    """Join the known words that a message offers; of a long list the beginning."""
    return _joined([*names], limit, legible)


def some(names: Iterable[str]) -> str:
    """Join names that a line is about: the first ones, and how many more there are."""
    return _joined([*names], _FIRST, lambda name: cleaned(name, _NAME))


def _joined(names: Sequence[str], limit: int, written: Callable[[str], str]) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(map(written, names[:limit])) + more


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """Ask whether the closest of the known words was meant; ``otherwise`` where none is close."""
    close = closest(word, known)
    return f"did you mean {close!r}?" if close else otherwise


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most like ``word``, whatever their capitals; None where none is close.

    Comparing with a thousand takes 60 ms.
    """
    return _closest(word[:_NAME], frozenset(known))


@functools.lru_cache(maxsize=256)
def _closest(word: str, known: frozenset[str]) -> str | None:
    by_folded = {name.casefold(): name for name in sorted(known)}
    close = difflib.get_close_matches(word.casefold(), by_folded, n=1)
    return by_folded[close[0]] if close else None

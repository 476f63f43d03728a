"""Tables as Markdown, and figures as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

NOTHING = "–"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, or nothing if there are no rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines, ""]) if lines else ""


def number(value: float | None, unit: str = "") -> str:
    """Return a value to three digits, without an exponent."""
    if value is None or value != value:  # noqa: PLR0124 - not a number
        return NOTHING
    digits = 0 if abs(value) >= 100 or value == int(value) else 1 if abs(value) >= 10 else 2  # noqa: PLR2004 - three digits
    return f"{value:,.{digits}f}{unit and ' '}{unit}"


def ratio(value: float | None, ours: float | None) -> str:
    """Return how many times as much as ours a value is."""
    if value is None or not ours or ours < 0:
        return NOTHING
    times = value / ours
    return f"{times:.0f}×" if times >= 10 else f"{times:.1f}×" if times >= 1 else f"{times:.2f}×"  # noqa: PLR2004 - two digits


def cell(value: float | None, unit: str) -> str:
    """Return a value with its unit; a share as per cents to the hundredth, since 99.96 % is not all."""
    if unit != "%":
        return number(value, unit)
    return NOTHING if value is None or value != value else f"{value:.2%}"  # noqa: PLR0124 - not a number

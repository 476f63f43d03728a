"""Numbers as people read them: three digits and a unit."""

from __future__ import annotations

from collections.abc import Sequence

from collectors.contract import Seconds

_SMALL = ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (120.0, 1.0, "s"))
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def span(seconds: Seconds) -> str:
    """Write a duration: 352 ms, 2.38 s, 3 min, 2 h 5 min."""
    number, unit = _parts(seconds)
    return f"{number} {unit}"


def spans(seconds: Sequence[Seconds]) -> list[str]:
    """Write durations that stand together: the unit is said again only where they differ in it."""
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


def percent(part: int, whole: int) -> str:
    """Write a share; one that is not quite none or all never as 0 or 100."""
    if not whole:
        return "-"
    value = 100 * part / whole
    rounded = min(max(round(value), 1), 99) if 0 < part < whole else round(value)
    return f"{rounded} %"

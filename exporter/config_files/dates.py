"""Dates in configuration files, as ISO 8601 writes them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator

from collectors.terms import Seconds
from exporter.config_files.values import invalid, text_of
from exporter.wording import quoted

_DAY: Seconds = 86_400.0
_EXPECTED = "a date such as 2026-12-01, or one with a time and its zone: 2026-12-01T06:00Z, 2026-12-01T06:00+01:00"
_WRITTEN = re.compile(
    r"(2[0-9]{3}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(Z|[+-][0-9]{2}:?[0-5][0-9])?)?"
)
_WHOLE_DAY = {None, "24:00", "24:00:00"}
_FARTHEST = 14_00
"""The largest offset from UTC that any place has, in hours and minutes."""


def _end(value: object) -> Seconds:
    text = text_of(value, _EXPECTED)
    written = _WRITTEN.fullmatch(text)
    if written is None:
        raise invalid(f"{quoted(text)} is no date; write {_EXPECTED}")
    day, time, zone = written.groups()
    if time and not zone:
        raise invalid(f"{quoted(text)} has no zone; add Z for UTC, or an offset such as +01:00")
    if zone and int(zone[1:].replace(":", "") or 0) > _FARTHEST:
        raise invalid(f"{quoted(text)} is in no zone: offsets go to 14:00; write Z for UTC, or one such as +01:00")
    whole_day = time in _WHOLE_DAY
    try:
        begins = datetime.fromisoformat(f"{day}T{'00:00' if whole_day else time}{zone or 'Z'}").timestamp()
    except ValueError:
        raise invalid(f"{quoted(text)} is no date that there is; write {_EXPECTED}") from None
    return begins + _DAY if whole_day else begins


End = Annotated[Seconds, BeforeValidator(_end)]
"""When something ends, in seconds since the epoch; a date alone is the end of that day in UTC, 24:00 in its zone."""

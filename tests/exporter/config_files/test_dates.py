"""When something ends, as it is written in a file."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from exporter.config_files.dates import End

END: TypeAdapter[float] = TypeAdapter(End)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2026-12-01T06:00Z", datetime(2026, 12, 1, 6, tzinfo=UTC)),
        ("2026-12-01 06:00Z", datetime(2026, 12, 1, 6, tzinfo=UTC)),
        ("2026-12-01T06:00:30Z", datetime(2026, 12, 1, 6, 0, 30, tzinfo=UTC)),
        ("2026-12-01T06:00+01:00", datetime(2026, 12, 1, 5, tzinfo=UTC)),
        ("2026-11-30T22:30-03:30", datetime(2026, 12, 1, 2, tzinfo=UTC)),
        ("2026-12-01T06:00+0100", datetime(2026, 12, 1, 5, tzinfo=UTC)),
        ("2026-12-01T06:00:30-0330", datetime(2026, 12, 1, 9, 30, 30, tzinfo=UTC)),
        ("2026-12-01T06:00+14:00", datetime(2026, 11, 30, 16, tzinfo=UTC)),
        ("2026-12-31T24:00Z", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-12-01T24:00:00+01:00", datetime(2026, 12, 1, 23, tzinfo=UTC)),
        ("2026-12-01", datetime(2026, 12, 2, tzinfo=UTC)),
        ("2028-02-29", datetime(2028, 3, 1, tzinfo=UTC)),
    ],
)
def test_an_end_is_a_time_with_its_zone_or_a_day_with_all_of_it(text: str, end: datetime) -> None:
    assert END.validate_python(text) == end.timestamp()


@pytest.mark.parametrize(
    "text",
    [
        *("2026", "2026-12", "20261201", "2026-W49-2", "1999-12-31", "2026-13-01", "2026-12-01Z", " 2026-12-01"),
        *(
            "2026-12-01T06",
            "2026-12-01T6:00Z",
            "2026-12-01T24:01Z",
            "2026-12-01T24:00:01Z",
            "2026-12-01T24:00",
            "2026-12-01T06:00+01",
            "2026-12-01T06:00+01:60",
            "2026-12-01T06:00-1401",
            "2026-12-01T06:00+25:00",
            "2026-12-01T06:00 +01:00",
        ),
    ],
)
def test_what_is_read_in_more_than_one_way_or_in_none_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        END.validate_python(text)

"""Numbers as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.overview.wording import percent, span, spans


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 µs"),
        (2.6e-6, "2.6 µs"),
        (0.0009994, "999 µs"),
        (0.0009996, "1 ms"),
        (0.352123, "352 ms"),
        (0.9999, "1 s"),
        (2.381, "2.38 s"),
        (42.04, "42 s"),
        (119.4, "119 s"),
        (119.7, "2 min"),
        (3500, "58 min"),
        (7500, "2 h 5 min"),
        (7200, "2 h"),
        (1e-9, "0 µs"),
        (200_000, "2 days"),
        (86400 * 400, "400 days"),
    ],
)
def test_a_duration_has_three_digits_and_a_unit(seconds: float, words: str) -> None:
    assert span(seconds) == words


@given(st.floats(min_value=0, max_value=1e9))
def test_no_duration_is_written_with_an_exponent(seconds: float) -> None:
    assert "e" not in span(seconds).split()[0]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        ((0.355, 0.351, 0.004), ["355 ms", "351", "4"]),
        ((2.4, 0.021, 2.38), ["2.4 s", "21 ms", "2.38 s"]),
        ((0.352, 0.349), ["352 ms", "349"]),
        ((0.352, 0.364, 0.0), ["352 ms", "364", "0"]),
    ],
)
def test_durations_that_stand_together_say_their_unit_once(seconds: tuple[float, ...], words: list[str]) -> None:
    assert spans(seconds) == words


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [(0, 0, "-"), (0, 60, "0 %"), (1, 1000, "1 %"), (999, 1000, "99 %"), (60, 60, "100 %"), (20, 60, "33 %")],
)
def test_a_share_is_none_or_all_only_where_it_is(part: int, whole: int, words: str) -> None:
    assert percent(part, whole) == words

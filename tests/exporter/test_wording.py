"""Numbers as people read them, and texts of others that command no terminal."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.wording import (
    cleaned,
    closest,
    counted,
    did_you_mean,
    host_and_port,
    legible,
    listed,
    moment,
    percent,
    plural,
    printable,
    quoted,
    some,
    span,
    spans,
)


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


@pytest.mark.parametrize(
    ("wall", "words"),
    [
        (981173100.0, "2001-02-03 04:05 UTC"),
        (981173100.7, "2001-02-03 04:05 UTC"),
        (981173130.0, "2001-02-03 04:05:30 UTC"),
    ],
)
def test_a_moment_has_its_seconds_where_there_are_any(wall: float, words: str) -> None:
    assert moment(wall) == words


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


def test_a_noun_stands_in_the_plural_but_after_one() -> None:
    assert [f"{number} {plural('pair', number)}" for number in (0, 1, 2)] == ["0 pairs", "1 pair", "2 pairs"]
    assert counted(2000, "pair") == "2,000 pairs"


@pytest.mark.parametrize(
    ("host", "words"), [("192.0.2.1", "192.0.2.1:80"), ("2001:db8::1", "[2001:db8::1]:80"), ("", ":80")]
)
def test_an_ipv6_address_stands_in_brackets_before_its_port(host: str, words: str) -> None:
    assert host_and_port(host, 80) == words


@given(st.text())
def test_nothing_that_others_wrote_commands_a_terminal(text: str) -> None:
    for written in (quoted(text), printable(text), legible(text), cleaned(text), listed([text]), some([text])):
        assert written.isprintable()


def test_what_is_harmless_is_written_as_it_is() -> None:
    assert [write("São Paulo") for write in (printable, legible, cleaned)] == ["São Paulo"] * 3
    assert (printable("a\n"), legible("a\n"), cleaned("a\n b")) == ("a\\n", "'a\\n'", "a b")


@pytest.mark.parametrize("write", [quoted, cleaned])
def test_a_long_text_is_cut(write: Callable[[str], str]) -> None:
    assert len(write("x" * 10_000)) <= 200


def test_of_many_names_the_first_are_written() -> None:
    names = [f"h{number}" for number in range(22)]
    assert some(names) == "h0, h1, h2, h3, h4, h5, h6, h7 and 14 more"
    assert listed(names).endswith("h18, h19 and 2 more")
    assert listed(names[:2]) == some(names[:2]) == "h0, h1"


@pytest.mark.parametrize(("word", "best"), [("adress", "address"), ("ADRESS", "address"), ("port", None), ("", None)])
def test_the_closest_known_word_is_offered(word: str, best: str | None) -> None:
    assert closest(word, ["address", "name"]) == best


def test_where_none_is_close_all_are_offered() -> None:
    assert did_you_mean("adress", ["address", "name"], "there are 2") == "did you mean 'address'?"
    assert did_you_mean("x", ["address", "name"], "there are 2") == "there are 2"

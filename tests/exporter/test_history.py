"""What is remembered of the past, in a room that does not grow."""

from __future__ import annotations

import math
import operator
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.history import LOST, ROOM, Lately, Recent, Usual


@given(st.lists(st.integers(0, 1000), max_size=200))
def test_the_latest_results_are_kept_in_their_order(values: list[int]) -> None:
    recent = Recent()
    for value in values:
        recent.add(float(value))
    assert recent.values() == values[-ROOM:]


def test_a_loss_is_kept_as_one() -> None:
    recent = Recent()
    recent.add(LOST)
    assert [math.isnan(value) for value in recent.values()] == [True]


def test_nothing_is_usual_before_the_first_value() -> None:
    assert Usual().median() is None


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=63))
def test_what_is_usual_is_the_median_of_all_while_they_are_few(values: list[float]) -> None:
    usual = Usual()
    for value in values:
        usual.add(value)
    assert usual.median() == statistics.median_low(values)


def test_what_is_usual_is_the_median_since_the_start_and_not_of_late() -> None:
    usual = Usual()
    for value in [0.35] * 7000 + [0.9] * 3000:
        usual.add(value)
    assert usual.median() == 0.35


@pytest.mark.parametrize("count", [100, 1000, 50_000])
def test_what_is_usual_of_many_values_is_near_their_median(count: int) -> None:
    usual = Usual()
    for number in range(count):
        usual.add(number * 7919 % count)
    assert usual.median() == pytest.approx(count / 2, rel=0.3)


def test_the_worst_of_the_last_minute_is_remembered_and_then_forgotten() -> None:
    worst = Lately()
    worst.add(0.2, 1000.0)
    worst.add(0.1, 1001.0)
    assert worst.read(1029.0) == 0.2
    worst.add(0.05, 1031.0)
    assert worst.read(1059.0) == 0.2
    assert worst.read(1062.0) == 0.05
    assert worst.read(1200.0) is None


def test_a_sum_of_the_last_minute_adds_up() -> None:
    lately = Lately(operator.add)
    lately.add(2, 1000.0)
    lately.add(3, 1031.0)
    assert lately.read(1032.0) == 5
    assert lately.read(1062.0) == 3
    assert lately.read(2000.0) is None

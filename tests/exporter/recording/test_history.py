"""What is remembered of the past, in a room that does not grow."""

from __future__ import annotations

import math
import operator
import statistics
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.recording.history import LOST, ROOM, Lately, Recent, Usual, UsualLoss

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


@given(st.lists(st.integers(0, 1000), max_size=200))
def test_the_latest_results_are_kept_in_their_order(values: list[int]) -> None:
    recent = Recent()
    for number, value in enumerate(values):
        recent.add(float(value), 1000.0 + 5 * number)
    assert recent.values() == values[-ROOM:]
    assert recent.since(1000.0 + 5 * 180) == values[180:]
    assert recent.since(0.0) == values[-ROOM:]


def test_a_loss_is_kept_as_one() -> None:
    recent = Recent()
    recent.add(LOST, 1.0)
    assert [math.isnan(value) for value in recent.values()] == [True]


# What is usual


class Path:
    """A round trip that is measured at a steady pace for as long as one likes."""

    def __init__(self, every: float = 5.0) -> None:
        self.usual, self._every, self._now = Usual(), every, 1000.0

    def lasts(self, seconds: float, value: float) -> Path:
        for _ in range(round(seconds / self._every)):
            self.usual.add(value, self._now)
            self._now += self._every
        return self

    def is_silent(self, seconds: float) -> Path:
        self._now += seconds
        return self

    @property
    def median(self) -> float | None:
        return self.usual.median()


def test_nothing_is_usual_before_the_third_value() -> None:
    usual = Usual()
    for number in range(3):
        assert (usual.median(), usual.seeds) == (None, number)
        usual.add(0.35, 1000.0 + number)
    assert (usual.median(), usual.seeds) == (0.35, 3)


@given(st.lists(st.floats(0.0009765625, 1000, width=32), min_size=3, max_size=5))
def test_what_is_usual_is_the_median_of_all_while_they_are_few(values: list[float]) -> None:
    usual = Usual()
    for value in values:
        usual.add(value, 1000.0)
    assert usual.median() == pytest.approx(statistics.median_low(values), rel=1e-5)


@pytest.mark.parametrize("bad", [3 * MINUTE, 20 * MINUTE, 50 * MINUTE])
@pytest.mark.parametrize("good", [10.0, 3 * MINUTE, 5 * HOUR, 30 * DAY])
def test_some_bad_minutes_are_not_usual_however_soon_after_the_start(good: float, bad: float) -> None:
    path = Path(1.0 if good == 10 else 60.0 if good == 30 * DAY else 5.0)
    assert path.lasts(good, 0.35).lasts(bad, 0.9).median == pytest.approx(0.35)


@pytest.mark.parametrize(
    ("before", "every"), [(HOUR, 5.0), (DAY, 5.0), (HOUR, 60.0), (30 * DAY, 60.0), (DAY, 900.0), (30 * DAY, 900.0)]
)
def test_a_new_route_is_usual_when_it_has_been_there_for_half_the_window(before: float, every: float) -> None:
    path = Path(every).lasts(before, 0.35).lasts(45 * MINUTE, 0.43)
    assert path.median == pytest.approx(0.35)
    assert path.lasts(2.75 * HOUR, 0.43).median == pytest.approx(0.43)


def test_three_results_of_a_slow_pace_are_not_outvoted_by_as_many_bad_ones() -> None:
    assert Path(60.0).lasts(3 * MINUTE, 0.35).lasts(30 * MINUTE, 0.9).median == pytest.approx(0.35)


def test_a_start_in_a_bad_time_is_forgotten_after_an_hour() -> None:
    assert Path().lasts(MINUTE, 0.9).lasts(70 * MINUTE, 0.35).median == pytest.approx(0.35)


def test_an_outage_of_a_night_leaves_what_was_usual_before_it() -> None:
    path = Path().lasts(DAY, 0.35).is_silent(8 * HOUR)
    assert path.lasts(30 * MINUTE, 0.9).median == pytest.approx(0.35)


def test_a_load_that_comes_every_five_minutes_is_not_usual() -> None:
    path = Path()
    for _ in range(100):
        path.lasts(60, 0.9).lasts(240, 0.35)
    assert path.median == pytest.approx(0.35)


def test_the_share_that_fails_usually_is_the_median_of_half_hours() -> None:
    loss, probes, bad = UsualLoss(), 0, 0
    assert loss.median() is None
    for half_hour in range(10):
        loss.begin_slot(probes, bad, 1000.0 + half_hour * 1800)
        probes, bad = probes + 360, bad + (360 if half_hour == 5 else 7)
    assert loss.median() == pytest.approx(7 / 360)


def test_what_is_remembered_of_a_pair_takes_two_kilobytes_at_most() -> None:
    """1,000 targets with three probes: what is remembered must not become what the memory is needed for."""
    recent, rtt, server, loss = Recent(), Usual(), Usual(), UsualLoss()
    for number in range(20_000):
        now = 1000.0 + 5 * number
        recent.add(0.35, now)
        rtt.add(0.35, now)
        server.add(0.01, now)
        if now >= loss.ends:
            loss.begin_slot(number, 0, now)
    parts = [
        part for kept in (recent, rtt, server, loss) for part in (kept, *(getattr(kept, n) for n in kept.__slots__))
    ]
    assert sum(map(sys.getsizeof, parts)) < 2200


# The last minute


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

"""Which buckets an observation is counted in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.recording.histogram import Histogram

BOUNDS = (0.001, 0.1, 1.0)


def test_a_value_equal_to_a_bound_belongs_to_the_bucket_of_that_bound() -> None:
    histogram = Histogram(BOUNDS)
    for value in (0.001, 0.0011, 0.1, 5.0):
        histogram.observe(value)
    assert histogram.row() == (1, 3, 3, 4, pytest.approx(5.1021), 4)


@given(st.lists(st.floats(min_value=0, max_value=100)))
def test_buckets_are_cumulative_and_the_last_holds_all(values: list[float]) -> None:
    histogram = Histogram(BOUNDS)
    for value in values:
        histogram.observe(value)
    *buckets, total, count = histogram.row()
    assert buckets == [sum(value <= bound for value in values) for bound in (*BOUNDS, float("inf"))]
    assert buckets[-1] == count == len(values)
    assert total == pytest.approx(sum(values))


def test_a_copy_counts_no_further_and_the_histogram_does() -> None:
    histogram = Histogram(BOUNDS)
    histogram.observe(0.5)
    copy = histogram.copy()
    histogram.observe(0.5, times=3)
    assert (copy.row()[-1], histogram.row()[-1]) == (1, 4)

"""When a job is due, by value."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter

import pytest

from exporter.probing.cadence import SLOT, first_dates, slot_after, without_first


@dataclasses.dataclass(frozen=True)
class Job:
    interval: float
    timeout: float
    slots: int = 1
    aim: None = None
    identity: tuple[str, ...] = ("wf008", "icmp")


@pytest.mark.parametrize(
    ("due", "slots", "end"), [(0.05, 1, 0.1), (12.34, 1, 12.4), (12.34, 2, 12.4), (12.25, 2, 12.4)]
)
def test_a_slot_ends_at_the_next_multiple_of_its_length(due: float, slots: int, end: float) -> None:
    assert slot_after(due, slots) == pytest.approx(end)


@pytest.mark.parametrize(("interval", "timeout"), [(15.0, 10.0), (5.0, 4.0), (0.5, 0.4), (60.0, 59.0)])
@pytest.mark.parametrize("slots", [1, 2])
def test_the_first_dates_lie_in_the_middle_of_slots_and_lead_into_the_cadence(
    interval: float, timeout: float, slots: int
) -> None:
    dates = first_dates("wf001", Job(interval, timeout, slots), 1000.0, 0.2)
    assert 1000.0 <= dates[0] <= 1000.2 + slots * SLOT
    assert all(after - before <= interval + slots * SLOT for before, after in itertools.pairwise(dates))
    assert [date / SLOT % 1 for date in dates] == pytest.approx([0.5] * len(dates), abs=1e-6)
    phases = {first_dates("wf001", Job(interval, timeout, slots), now, 0.2)[-1] - now for now in (0.0, 10 * interval)}
    assert max(phases) - min(phases) == pytest.approx(0.0, abs=slots * SLOT + 1e-6)


@pytest.mark.parametrize("now", [1000.0, 12345.678, 86_400.07, 31_557_600.43])
def test_slots_are_alike_full_whatever_the_time(now: float) -> None:
    """The end of a slot, computed in two ways, is never taken for the next slot's."""
    jobs = [Job(1.0, 0.9, identity=(f"wf{number}", "icmp")) for number in range(5000)]
    slots = Counter(round(first_dates("wf001", job, now, 10.0)[-1] % 1.0 / SLOT - 0.5) % 10 for job in jobs)
    assert len(slots) == 10
    assert max(slots.values()) < 600  # of a mean of 500


def test_dates_without_the_first_are_at_least_two() -> None:
    assert without_first((1.0, 2.0, 3.0), 5.0) == (2.0, 3.0)
    assert without_first((1.0, 6.0), 5.0) == (6.0, 11.0)

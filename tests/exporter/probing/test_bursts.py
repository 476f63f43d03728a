"""Where in its slot a job starts, by value."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, cast

import pytest

from collectors.contract import Probe
from exporter.probing.bursts import spread
from exporter.probing.cadence import SLOT
from exporter.probing.jobs import Group, ScheduledJob, Watcher

MOST = 256
"""Echoes of one burst."""
FIRST = 1000 + SLOT / 2


@dataclasses.dataclass(frozen=True)
class Job:
    """A job whose target is the share of a burst that it is."""

    aim: float
    interval: float
    timeout: float = 0.4
    slots: int = 1
    identity: tuple[str, ...] = ()


PROBE: Probe[Any] = Probe(lambda _: (), share=lambda share: cast(float, share))
WATCHER = cast(Watcher[Job], None)


def group_of(jobs: int, interval: float = 1.0, share: float = 1 / MOST, slot: int = 0) -> Group[Job]:
    date = FIRST + slot * SLOT
    group: Group[Job] = Group(PROBE, interval, 0.4, (date, date + interval))
    for _ in range(jobs):
        group.add(ScheduledJob(Job(share, interval), WATCHER), share)
    return group


def sizes_by_delay(groups: Sequence[Group[Job]]) -> dict[float, int]:
    sizes: Counter[float] = Counter()
    for group in spread(groups):
        assert all(scheduled.group is group for scheduled in group.jobs)
        assert group.share == pytest.approx(sum(scheduled.job.aim for scheduled in group.jobs))
        sizes[group.delay] += len(group.jobs)
    return dict(sorted(sizes.items()))


@pytest.mark.parametrize(
    ("jobs", "sizes"),
    [(3, [3]), (256, [256]), (257, [129, 128]), (500, [250, 250]), (1000, [250] * 4), (1025, [205] * 5)],
)
def test_a_slot_has_as_few_bursts_as_hold_its_jobs_equally_large_and_equally_far_apart(
    jobs: int, sizes: list[int]
) -> None:
    found = sizes_by_delay([group_of(jobs)])
    assert list(found) == pytest.approx([number * SLOT / len(sizes) for number in range(len(sizes))])
    assert sorted(found.values(), reverse=True) == sizes


def test_groups_of_one_slot_share_its_bursts() -> None:
    assert list(sizes_by_delay([group_of(1) for _ in range(512)]).values()) == [256, 256]


def test_probes_of_several_intervals_that_meet_in_a_slot_are_no_larger_burst_together() -> None:
    groups = [group_of(500, 1.0), group_of(500, 2.0), group_of(24, 5.0)]
    assert list(sizes_by_delay(groups).values()) == [256] * 4


def test_slots_that_never_meet_do_not_add_up() -> None:
    assert set(sizes_by_delay([group_of(200, slot=3), group_of(200, slot=4)])) == {0.0}


def test_no_burst_is_larger_than_one_but_for_a_last_probe_of_each_interval() -> None:
    """At all times until all intervals have met."""
    chance = random.Random(49)
    for _ in range(50):
        groups = [
            group_of(chance.randrange(100), interval, share, chance.randrange(round(interval / SLOT)))
            for interval in chance.sample((0.5, 1.0, 2.0, 3.0), k=chance.randint(1, 3))
            for share in chance.choices((1 / MOST, 1 / 100, 1 / 40), k=20)
        ]
        bursts: dict[int, float] = defaultdict(float)
        for group in spread(groups):
            for number in range(round(6 / group.interval)):
                bursts[round((group.dates[0] + number * group.interval + group.delay) * 1e6)] += group.share
        assert max(bursts.values(), default=0) <= 1 + 3 / 40


def test_a_place_does_not_depend_on_the_moment() -> None:
    chance = random.Random(49)
    groups = [group_of(500, slot=slot) for slot in range(10)]
    before = [group.delay for group in spread(groups)]
    for group in groups:
        later = chance.randrange(100_000)
        group.dates = group.dates[0] + later, group.dates[1] + later
    assert [group.delay for group in spread(groups)] == before


def test_what_has_no_share_starts_at_the_end_of_its_slot() -> None:
    *_, last = spread([group_of(1000), group_of(3, share=0.0)])
    assert (last.delay, len(last.jobs)) == (0.0, 3)


def test_bursts_are_never_closer_than_5_ms() -> None:
    delays = list(sizes_by_delay([group_of(20_000)]))
    assert min(after - before for before, after in itertools.pairwise(delays)) == pytest.approx(0.005)

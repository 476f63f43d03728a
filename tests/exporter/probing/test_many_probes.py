"""The scheduler with more probes than one burst holds, in virtual time."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn, cast

import pytest

from collectors.contract import Attempt, Facts, Outcome, Probe
from collectors.replies import RoundTrip
from collectors.terms import Clock
from exporter.probing.cadence import SLOT
from exporter.probing.scheduler import Scheduler
from tests.exporter.probing.virtual_time import VirtualLoop, run

ANSWER = RoundTrip(rtt=0.01, clock=Clock.KERNEL)
MOST = 256
"""Probes of one burst."""
BETWEEN_BURSTS = 0.0025
CLOSE = 1e-6


@dataclasses.dataclass(frozen=True)
class Job:
    """A pair whose target is its own name."""

    aim: str
    interval: float = 1.0
    timeout: float = 0.5
    slots: int = 1

    @property
    def identity(self) -> tuple[str, ...]:
        return (self.aim,)


class Watched:
    """A collector that answers at once, and a watcher: what was started when, how late, and what was not."""

    def __init__(self, share: float = 1 / MOST) -> None:
        self._probe: Probe[Any] = Probe(self.start, share=lambda _: share)
        self.bursts: Counter[float] = Counter()
        self.times: dict[str, list[float]] = defaultdict(list)
        self.lateness: list[float] = []
        self.skips = 0

    def start(self, slot: Sequence[Attempt[str]]) -> Sequence[NoReturn]:
        now = loop().time()
        self.bursts[now] += len(slot)
        for attempt in slot:
            self.times[attempt.target].append(now)
            attempt.end(ANSWER)
        return ()

    def probe_ended(self, job: Job, facts: Facts, outcome: Outcome) -> None:
        pass

    def started_late(self, lateness: float, probes: int) -> None:
        self.lateness += [lateness] * probes

    def skipped(self, probes: int) -> None:
        self.skips += probes

    def scheduler(self) -> Scheduler[Job]:
        return Scheduler("here", self)

    def of(self, jobs: Iterable[Job]) -> list[tuple[Job, Probe[Any]]]:
        return [(job, self._probe) for job in jobs]

    def gaps(self, since: float) -> list[float]:
        return [
            after - before
            for times in self.times.values()
            for before, after in itertools.pairwise(when for when in times if when >= since)
        ]


def loop() -> VirtualLoop:
    return cast(VirtualLoop, asyncio.get_running_loop())


def many(count: int, interval: float = 1.0, name: str = "target") -> list[Job]:
    return [Job(f"{name} {number}", interval) for number in range(count)]


@pytest.mark.parametrize(("interval", "per_second"), [(1.0, 5000), (5.0, 1000)])
def test_five_thousand_targets_are_probed_in_bursts_each_at_its_place(interval: float, per_second: int) -> None:
    async def rounds() -> tuple[Watched, float]:
        watched = Watched()
        async with watched.scheduler() as scheduler:
            scheduler.replace(watched.of(many(5000, interval)))
            began = loop().time()
            await asyncio.sleep(4 * interval)
        return watched, began

    watched, began = run(rounds())
    assert max(watched.bursts.values()) <= MOST
    assert max(watched.lateness) < CLOSE
    assert watched.skips == 0
    gaps = watched.gaps(began + interval)
    assert max(abs(gap - interval) for gap in gaps) < CLOSE
    assert len(gaps) >= 5000 * 2
    seconds = Counter(int(when - began) for when, count in watched.bursts.items() for _ in range(count))
    assert max(seconds.values()) < 1.2 * per_second


def test_three_targets_are_three_starts_an_interval_at_most() -> None:
    async def minute() -> Watched:
        watched = Watched()
        async with watched.scheduler() as scheduler:
            scheduler.replace(watched.of(many(3)))
            await asyncio.sleep(60)
        return watched

    watched = run(minute())
    assert len(watched.bursts) <= 3 * 61
    assert all(abs(when / SLOT - round(when / SLOT)) < CLOSE for when in watched.bursts)


def test_two_probes_with_different_intervals_keep_their_places_and_the_size_of_a_burst() -> None:
    async def rounds() -> tuple[Watched, float]:
        watched = Watched()
        async with watched.scheduler() as scheduler:
            scheduler.replace(watched.of(many(3000, 1.0, "often") + many(3000, 2.0, "seldom")))
            began = loop().time()
            await asyncio.sleep(12)
        return watched, began

    watched, began = run(rounds())
    assert max(watched.bursts.values()) <= MOST
    assert max(watched.lateness) < CLOSE
    assert {round(gap, 6) for gap in watched.gaps(began + 4)} == {1.0, 2.0}


def test_large_requests_of_several_intervals_hold_up_neither_each_other_nor_what_needs_no_burst() -> None:
    """As 450 requests of 15,000 bytes a second: no number of bursts holds them, so bursts are larger."""

    async def rounds() -> tuple[Watched, Watched]:
        large, databases = Watched(share=0.51), Watched(share=0)
        async with large.scheduler() as scheduler:
            jobs = many(150, 1.0, "often") + many(300, 2.0, "seldom") + many(450, 3.0, "rare")
            scheduler.replace(large.of(jobs) + databases.of(many(40, 1.0, "database")))
            await asyncio.sleep(12)
            large.lateness.clear()
            began = loop().time()
            await asyncio.sleep(12)
        assert max(abs(gap - 1.0) for gap in databases.gaps(began)) < CLOSE
        return large, databases

    large, databases = run(rounds())
    assert large.skips == databases.skips == 0
    assert max(large.lateness) < CLOSE
    assert len(databases.times) == 40


async def held_up(seconds: float) -> tuple[Watched, float]:
    """Hold the loop up amid 5,000 targets; return what was seen, and since when it goes on."""
    watched = Watched()
    async with watched.scheduler() as scheduler:
        scheduler.replace(watched.of(many(5000)))
        await asyncio.sleep(3)
        loop().now += seconds
        resumed = loop().time()
        await asyncio.sleep(3)
    return watched, resumed


def test_what_a_hold_up_has_delayed_follows_burst_by_burst_and_then_everything_is_at_its_place_again() -> None:
    watched, resumed = run(held_up(0.3))
    assert max(watched.bursts.values()) <= MOST
    assert watched.skips == 0
    starts = sorted(when for when in watched.bursts if when >= resumed)
    assert min(after - before for before, after in itertools.pairwise(starts)) >= BETWEEN_BURSTS - CLOSE
    assert 0.3 - 2 * SLOT <= max(watched.lateness) <= 0.3 + 10 * BETWEEN_BURSTS
    assert max(watched.lateness[-2 * 5000 :]) < CLOSE
    assert max(abs(gap - 1.0) for gap in watched.gaps(resumed + 1)) < CLOSE


def test_a_pause_of_five_thousand_targets_is_not_caught_up_but_counted() -> None:
    watched, resumed = run(held_up(30))
    assert max(watched.bursts.values()) <= MOST
    assert 29 * 5000 <= watched.skips <= 30 * 5000
    seconds = Counter(
        int(when - resumed) for when, count in watched.bursts.items() for _ in range(count) if when >= resumed
    )
    assert seconds[0] <= 2 * 5000


def test_a_reload_from_20_to_5000_targets_and_back_leaves_nothing_out() -> None:
    async def reloaded() -> tuple[Watched, list[float]]:
        watched, reloads = Watched(), []
        async with watched.scheduler() as scheduler:
            for count in (20, 5000, 20):
                reloads.append(loop().time())
                scheduler.replace(watched.of(many(count)))
                await asyncio.sleep(10)
        return watched, reloads

    watched, (began, _, shrunk) = run(reloaded())
    assert watched.skips == 0
    assert max(watched.bursts.values()) <= MOST
    kept = [[when for when in watched.times[job.aim] if when >= began + 5] for job in many(20)]
    gaps = [after - before for times in kept for before, after in itertools.pairwise(times)]
    assert max(abs(gap - 1.0) for gap in gaps) < SLOT
    assert sum(abs(gap - 1.0) > CLOSE for gap in gaps) <= 20 * 2  # within its slot, at a reload
    assert sum(when > shrunk + 1 for when in watched.bursts) <= 9 / SLOT

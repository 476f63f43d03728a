"""The scheduler, in virtual time."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import itertools
import logging
import operator
import time
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn, cast

import pytest

from collectors.contract import Attempt, Facts, Outcome, Probe, ProbeFailed, one_by_one
from collectors.replies import Exchange, Login, Query, Reply, RoundTrip
from collectors.terms import Clock, Reason
from exporter.probing.cadence import SLOT
from exporter.probing.scheduler import Scheduler
from tests.exporter.probing.virtual_time import VirtualLoop, run

ANSWER = RoundTrip(rtt=0.01, clock=Clock.KERNEL)


@dataclasses.dataclass(frozen=True)
class Job:
    """A pair, as far as the scheduler knows one."""

    name: str
    interval: float = 15.0
    timeout: float = 10.0
    aim: Any = None
    slots: int = 1

    @property
    def identity(self) -> tuple[str, ...]:
        return (self.name,)


class Record:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.decisions: list[tuple[float, str, Outcome]] = []
        self.lateness: list[float] = []
        self.skips = 0

    def probe_ended(self, job: Job, facts: Facts, outcome: Outcome) -> None:
        self.decisions.append((asyncio.get_running_loop().time(), job.name, outcome))

    def started_late(self, lateness: float, probes: int) -> None:
        self.lateness += [lateness] * probes

    def skipped(self, probes: int) -> None:
        self.skips += probes

    def reasons(self) -> Counter[str]:
        return Counter(o.reason.value if isinstance(o, ProbeFailed) else "fine" for _, _, o in self.decisions)


class Starts:
    """A collector that answers at once and remembers when it was asked for what."""

    def __init__(self) -> None:
        self.slots: list[tuple[float, int]] = []

    @property
    def probe(self) -> Probe[Any]:
        return Probe(self._start)

    def _start(self, slot: Sequence[Attempt[Any]]) -> Sequence[NoReturn]:
        self.slots.append((asyncio.get_running_loop().time(), len(slot)))
        for attempt in slot:
            attempt.end(ANSWER)
        return ()

    def times(self) -> list[float]:
        return [when for when, count in self.slots for _ in range(count)]


async def never(_target: object, _facts: Facts) -> Reply:
    await asyncio.get_running_loop().create_future()
    raise AssertionError


@pytest.fixture
def _never_collected() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def virtual_loop() -> VirtualLoop:
    return cast(VirtualLoop, asyncio.get_running_loop())


def test_a_day_of_probing_keeps_the_cadence_to_the_slot() -> None:
    async def day() -> tuple[Record, list[float]]:
        record, starts = Record(), Starts()
        async with Scheduler("here", record) as scheduler:
            scheduler.replace([(Job("a"), starts.probe)])
            await asyncio.sleep(86_400)
        return record, starts.times()

    began = time.monotonic()
    record, times = run(day())
    assert len(times) == pytest.approx(86_400 // 15, abs=2)
    gaps = [after - before for before, after in itertools.pairwise(times[3:])]
    assert max(abs(gap - 15) for gap in gaps) <= SLOT + 1e-6
    assert record.reasons() == {"fine": len(times)}
    assert record.skips == 0
    assert max(record.lateness) < 1e-6
    assert time.monotonic() - began < 20  # a guard against real waiting, not a measurement


def test_the_first_probe_is_out_within_a_second_whatever_the_interval() -> None:
    async def second() -> list[float]:
        starts = Starts()
        async with Scheduler("here", Record()) as scheduler:
            scheduler.replace([(Job(f"job {number}", interval=3600.0), starts.probe) for number in range(100)])
            await asyncio.sleep(1.0 + SLOT)
        return starts.times()

    assert len(run(second())) == 100


@pytest.mark.parametrize(
    ("interval", "timeout"),
    [(60.0, 10.0), (15.0, 10.0), (15.0, 14.9), (4.0, 1.0), (1.0, 0.8), (0.5, 0.4), (3600.0, 5.0)],
)
def test_the_first_gaps_of_a_pair_hold_an_attempt_and_are_no_longer_than_its_interval(
    interval: float, timeout: float
) -> None:
    async def rounds() -> tuple[Record, list[Starts]]:
        record, all_starts = Record(), [Starts() for _ in range(100)]
        async with Scheduler("here", record) as scheduler:
            jobs = [Job(f"job {number}", interval, timeout) for number in range(100)]
            scheduler.replace((job, starts.probe) for job, starts in zip(jobs, all_starts, strict=True))
            await asyncio.sleep(4 * interval)
        return record, all_starts

    record, all_starts = run(rounds())
    gaps = [gap for starts in all_starts for gap in itertools.starmap(operator.sub, itertools.pairwise(starts.times()))]
    assert max(-gap for gap in gaps) <= interval + SLOT + 1e-6
    assert min(-gap for gap in gaps) >= min(timeout, 0.98 * interval) - SLOT - 1e-6
    assert min(-gap for gap in gaps) >= interval / 2 - SLOT - 1e-6
    assert record.skips == 0


def test_a_silent_target_is_not_skipped_in_its_first_round() -> None:
    async def minute() -> Record:
        record = Record()
        async with Scheduler("here", record) as scheduler:
            scheduler.replace((Job(f"silent {number}"), one_by_one(never)) for number in range(100))
            await asyncio.sleep(60)
        return record

    assert run(minute()).skips == 0


def test_a_reload_that_changes_the_interval_skips_nothing_and_makes_no_gap_longer_than_it() -> None:
    async def reloaded() -> tuple[Record, float, list[float]]:
        record, all_starts = Record(), [Starts() for _ in range(50)]
        silent = [Job(f"silent {number}", 15.0, 10.0) for number in range(50)]
        well = [Job(f"well {number}", 60.0, 10.0) for number in range(50)]

        def jobs(interval: float) -> list[tuple[Job, Any]]:
            return [
                *((dataclasses.replace(job, interval=interval), one_by_one(never)) for job in silent),
                *(
                    (dataclasses.replace(job, interval=interval), starts.probe)
                    for job, starts in zip(well, all_starts, strict=True)
                ),
            ]

        async with Scheduler("here", record) as scheduler:
            scheduler.replace(jobs(60.0))
            await asyncio.sleep(65)
            scheduler.replace(jobs(20.0))
            then = virtual_loop().time()
            await asyncio.sleep(100)
        return record, then, [max(_gaps(then, starts)) for starts in all_starts]

    def _gaps(then: float, starts: Starts) -> list[float]:
        times = [then, *(when for when in starts.times() if when > then)]
        return [after - before for before, after in itertools.pairwise(times)]

    record, _, longest = run(reloaded())
    assert record.skips == 0
    assert max(longest) <= 20 + SLOT + 1e-6


def test_after_the_first_rounds_probes_are_spread_over_the_whole_interval() -> None:
    async def rounds() -> list[float]:
        starts = Starts()
        async with Scheduler("here", Record()) as scheduler:
            scheduler.replace([(Job(f"job {number}"), starts.probe) for number in range(1500)])
            began = virtual_loop().time()
            await asyncio.sleep(60 + SLOT)
        return [when - began for when in starts.times()]

    fourth_round = [when for when in run(rounds()) if 45 <= when < 60]
    per_second = Counter(int(when) for when in fourth_round)
    assert len(fourth_round) > 1300
    assert max(per_second.values()) < 160  # of a mean of 100


def test_two_hosts_with_the_same_fleet_file_do_not_fire_together() -> None:
    async def times_of(source: str) -> set[int]:
        starts = Starts()
        async with Scheduler(source, Record()) as scheduler:
            scheduler.replace([(Job("a", interval=600.0), starts.probe)])
            began = virtual_loop().time()
            await asyncio.sleep(1800)
        return {round(when - began) for when in starts.times()[1:]}

    assert run(times_of("wf001")).isdisjoint(run(times_of("wf008")))
    assert run(times_of("wf001")) == run(times_of("wf001"))


def test_jobs_that_are_due_within_one_slot_are_handed_over_together() -> None:
    async def slots() -> list[tuple[float, int]]:
        starts = Starts()
        async with Scheduler("here", Record()) as scheduler:
            scheduler.replace([(Job(str(number), interval=1.0, timeout=0.5), starts.probe) for number in range(1000)])
            await asyncio.sleep(10)
        return starts.slots

    batches = run(slots())
    assert len(batches) <= 10 / SLOT + 1
    assert sum(count for _, count in batches) >= 9000


def test_jobs_that_gain_by_company_wait_longer_for_it() -> None:
    async def slots() -> list[tuple[float, int]]:
        starts = Starts()
        async with Scheduler("here", Record()) as scheduler:
            jobs = [Job(str(number), interval=1.0, timeout=0.5, slots=2) for number in range(1000)]
            scheduler.replace([(job, starts.probe) for job in jobs])
            await asyncio.sleep(10)
        return starts.slots

    batches = run(slots())
    assert len(batches) <= 10 / (2 * SLOT) + 1
    assert sum(count for _, count in batches) >= 9000


def test_a_hanging_target_does_not_delay_the_others() -> None:
    async def minutes() -> tuple[Record, list[float]]:
        record, starts = Record(), Starts()
        async with Scheduler("here", record) as scheduler:
            hanging = [(Job(f"hangs {number}"), one_by_one(never)) for number in range(50)]
            scheduler.replace([*hanging, (Job("well"), starts.probe)])
            await asyncio.sleep(600)
        return record, starts.times()

    record, times = run(minutes())
    assert len(times) == pytest.approx(40, abs=2)
    assert max(record.lateness) < 1e-6
    assert record.skips == 0
    assert record.reasons()["timeout"] >= 50 * 38


def test_a_probe_ends_at_its_deadline_with_what_the_silence_means() -> None:
    async def overflowed(_target: object, facts: Facts) -> Reply:
        facts.silence = Reason.LOCAL
        return await never(None, facts)

    async def once() -> list[tuple[float, str, Outcome]]:
        record = Record()
        async with Scheduler("here", record, at_once=True) as scheduler:
            began = virtual_loop().time()
            jobs = [(Job("silent", timeout=4.0), one_by_one(never)), (Job("flooded"), one_by_one(overflowed))]
            scheduler.replace(jobs)
            await asyncio.sleep(14)
        return [(when - began, name, outcome) for when, name, outcome in record.decisions]

    (first, silent, timeout), (second, flooded, local) = run(once())
    assert (silent, flooded) == ("silent", "flooded")
    assert 4.0 <= first <= 4.0 + SLOT
    assert 10.0 <= second <= 10.0 + SLOT
    assert isinstance(timeout, ProbeFailed)
    assert timeout.reason is Reason.TIMEOUT
    assert isinstance(local, ProbeFailed)
    assert local.reason is Reason.LOCAL


def test_an_answer_that_came_while_we_were_held_up_past_the_deadline_is_an_answer() -> None:
    async def in_steps(_target: object, _facts: Facts) -> Reply:
        loop = asyncio.get_running_loop()
        for _ in range(3):  # connect, TLS, answer: each is a turn of the loop
            arrived: asyncio.Future[None] = loop.create_future()
            loop.call_later(0.01, arrived.set_result, None)
            await arrived
        return ANSWER

    async def once() -> Counter[str]:
        record = Record()
        async with Scheduler("here", record, at_once=True) as scheduler:
            scheduler.replace([(Job("a", timeout=1.0), one_by_one(in_steps))])
            asyncio.get_running_loop().call_later(SLOT + 0.015, hold_the_loop)
            await asyncio.sleep(3)
        return record.reasons()

    def hold_the_loop() -> None:
        virtual_loop().now += 1.2

    assert run(once()) == {"fine": 1}


def test_after_a_long_pause_a_silent_target_is_given_up_within_its_timeout() -> None:
    async def hour() -> list[float]:
        record = Record()
        async with Scheduler("here", record, at_once=True) as scheduler:
            scheduler.replace([(Job("a", interval=1.0, timeout=0.9), one_by_one(never))])
            await asyncio.sleep(0.5)
            virtual_loop().now += 3600
            resumed = virtual_loop().now
            await asyncio.sleep(5)
        return [when - resumed for when, _, _ in record.decisions]

    ends = run(hour())
    assert ends[0] < 1.0
    assert len(ends) >= 3


def test_a_collector_that_answers_for_too_many_is_a_bug_and_stops_nobody() -> None:
    def too_many(_: Sequence[Attempt[Any]]) -> Any:
        return [None, None]

    async def second() -> Counter[str]:
        record = Record()
        async with Scheduler("here", record, at_once=True) as scheduler:
            scheduler.replace([(Job("a"), Probe(too_many)), (Job("b"), Starts().probe)])
            await asyncio.sleep(1)
        return record.reasons()

    assert run(second()) == {"local": 1, "fine": 1}


@pytest.mark.parametrize(
    "reply",
    [
        RoundTrip(rtt=10.5, clock=Clock.KERNEL),
        Exchange(rtt=0.1, clock=Clock.KERNEL, response=0.2, duration=10.5, phases={}),
        Login(rtt=0.1, clock=Clock.KERNEL, duration=10.5, round_trips=4, phases={}),
        Query(response=10.5, clock=Clock.KERNEL),
    ],
)
def test_a_reply_that_took_longer_than_the_timeout_is_no_reply(reply: Reply) -> None:
    async def slow(_target: object, _facts: Facts) -> Reply:
        return reply

    async def once() -> Counter[str]:
        record = Record()
        async with Scheduler("here", record, at_once=True) as scheduler:
            scheduler.replace([(Job("a"), one_by_one(slow))])
            await asyncio.sleep(1)
        return record.reasons()

    assert run(once()) == {"timeout": 1}


def test_a_pause_is_not_caught_up_but_counted() -> None:
    async def paused() -> tuple[Record, list[float], float]:
        record, starts = Record(), Starts()
        async with Scheduler("here", record) as scheduler:
            jobs = [Job(str(number), interval=1.0, timeout=0.5) for number in range(100)]
            scheduler.replace([(job, starts.probe) for job in jobs])
            await asyncio.sleep(10)
            virtual_loop().now += 30  # the process was stopped
            resumed = virtual_loop().now
            await asyncio.sleep(10)
        return record, starts.times(), resumed

    record, times, resumed = run(paused())
    first_slots = Counter(round((when - resumed) / SLOT) for when in times if when >= resumed)
    assert max(first_slots.values()) < 20  # as dense as ever: 5 per slot on average
    assert 2900 <= record.skips <= 3000


def test_a_short_delay_makes_probes_late_but_loses_none() -> None:
    async def delayed() -> tuple[Record, int]:
        record, starts = Record(), Starts()
        async with Scheduler("here", record) as scheduler:
            scheduler.replace([(Job(str(number), interval=1.0, timeout=0.5), starts.probe) for number in range(100)])
            await asyncio.sleep(10)
            virtual_loop().now += 0.4  # a long computation held the loop
            await asyncio.sleep(9.6)
        return record, len(starts.times())

    record, started = run(delayed())
    assert record.skips == 0
    assert started >= 1900
    assert 0.4 - SLOT - 1e-6 <= max(record.lateness) <= 0.4 + 1e-6


def test_a_probe_still_under_way_is_not_started_again() -> None:
    async def stubborn(_target: object, facts: Facts) -> Reply:
        try:
            await never(None, facts)
        except asyncio.CancelledError:
            await asyncio.sleep(30)
        return ANSWER

    async def minute() -> Record:
        record = Record()
        async with Scheduler("here", record, at_once=True) as scheduler:
            scheduler.replace([(Job("a"), one_by_one(stubborn))])
            await asyncio.sleep(45)
        return record

    record = run(minute())
    assert len(record.decisions) == 1
    assert record.skips >= 1


def test_a_bug_counts_as_ours_is_logged_once_and_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_target: object, _facts: Facts) -> Reply:
        message = "unexpected"
        raise ValueError(message)

    def broken_slot(_slot: Sequence[Attempt[Any]]) -> Sequence[NoReturn]:
        message = "in the slot"
        raise ValueError(message)

    async def minute() -> Record:
        record = Record()
        async with Scheduler("here", record) as scheduler:
            scheduler.replace(
                [
                    (Job("broken"), one_by_one(broken)),
                    (Job("broken slot"), Probe(broken_slot)),
                    (Job("well"), Starts().probe),
                ]
            )
            await asyncio.sleep(61)
        return record

    with caplog.at_level(logging.ERROR):
        record = run(minute())
    assert record.reasons()["local"] > record.reasons()["fine"] > 3
    assert [log.message.partition(":")[0] for log in caplog.records] == ["a bug in a collector"] * 2


def test_a_reload_keeps_the_cadence_of_those_who_stay_and_drops_the_others_undecided() -> None:
    async def reloaded() -> tuple[Record, list[float], float]:
        record, stays, comes = Record(), Starts(), Starts()
        async with Scheduler("here", record) as scheduler:
            scheduler.replace([(Job("stays"), stays.probe), (Job("goes"), one_by_one(never))])
            await asyncio.sleep(50)
            goes = [name for _, name, _ in record.decisions].count("goes")
            scheduler.replace([(Job("stays"), stays.probe), (Job("comes"), comes.probe)])
            began = virtual_loop().time()
            await asyncio.sleep(55)
            assert [name for _, name, _ in record.decisions].count("goes") == goes
        return record, stays.times(), comes.times()[0] - began

    _, times, first = run(reloaded())
    gaps = [after - before for before, after in itertools.pairwise(times[3:])]
    assert gaps
    assert all(abs(gap - 15) <= SLOT for gap in gaps)
    assert first <= 1.0 + SLOT


@pytest.mark.parametrize("interval", [15.0, 20.0])
def test_a_job_that_a_reload_gives_another_target_is_probed_at_once_even_if_a_probe_was_under_way(
    interval: float,
) -> None:
    async def reloaded() -> float:
        comes = Starts()
        async with Scheduler("here", Record()) as scheduler:
            scheduler.replace([(Job("a", aim="here"), one_by_one(never))])
            await asyncio.sleep(1)
            scheduler.replace([(Job("a", aim="there", interval=interval), comes.probe)])
            began = virtual_loop().time()
            await asyncio.sleep(30)
        return comes.times()[0] - began

    assert run(reloaded()) <= 0.2 + 2 * SLOT


def test_a_probe_that_its_collector_ends_itself_has_the_same_deadline_and_ends_once() -> None:
    slots: list[Sequence[Attempt[Any]]] = []

    def keep(slot: Sequence[Attempt[Any]]) -> Sequence[NoReturn]:
        slots.append(slot)
        return ()

    async def once() -> list[tuple[str, Outcome]]:
        record = Record()
        async with Scheduler("here", record, at_once=True) as scheduler:
            scheduler.replace([(Job("a", timeout=4.0), Probe(keep))])
            await asyncio.sleep(5)
            slots[0][0].end(ANSWER)  # the answer, too late
        return [(name, outcome) for _, name, outcome in record.decisions]

    ((name, outcome),) = run(once())
    assert name == "a"
    assert isinstance(outcome, ProbeFailed)
    assert outcome.reason is Reason.TIMEOUT


def test_a_job_that_a_reload_took_away_is_not_decided_by_a_collector_that_ends_it_later() -> None:
    slots: list[Sequence[Attempt[Any]]] = []

    def keep(slot: Sequence[Attempt[Any]]) -> Sequence[NoReturn]:
        slots.append(slot)
        return ()

    async def once() -> Record:
        record = Record()
        async with Scheduler("here", record, at_once=True) as scheduler:
            scheduler.replace([(Job("a"), Probe(keep))])
            await asyncio.sleep(1)
            scheduler.replace([])
            slots[0][0].end(ANSWER)
        return record

    assert run(once()).decisions == []


def test_a_collector_is_told_of_each_target_that_goes_and_of_no_other() -> None:
    """By a reload that removes its job or gives it another target, and by the end."""
    forgotten: list[object] = []
    probe = one_by_one(never, forgotten.append)

    async def reloaded() -> list[list[object]]:
        told = []
        async with Scheduler("here", Record(), at_once=True) as scheduler:
            for jobs in (
                [Job("a", aim="here"), Job("b", aim="there"), Job("c")],
                [Job("a", aim="here", interval=30.0), Job("b", aim="elsewhere"), Job("c")],
                [Job("a", aim="here", interval=30.0), Job("b", aim="elsewhere")],
            ):
                scheduler.replace([(job, probe) for job in jobs])
                told.append(list(forgotten))
                await asyncio.sleep(1)
        return [*told, list(forgotten)]

    assert run(reloaded()) == [[], ["there"], ["there", None], ["there", None, "here", "elsewhere"]]


def test_a_probe_of_a_target_that_was_replaced_is_not_decided_for_the_one_that_came() -> None:
    async def reloaded() -> tuple[Record, bool]:
        record, ended = Record(), asyncio.Event()

        async def slow(target: object, _facts: Facts) -> Reply:
            try:
                await asyncio.sleep(0 if target == "new" else 5)
            finally:
                ended.set()
            return ANSWER if target == "new" else ANSWER._replace(rtt=1.0)

        async with Scheduler("here", record, at_once=True) as scheduler:
            scheduler.replace([(Job("a", aim="old"), one_by_one(slow))])
            await asyncio.sleep(1)
            scheduler.replace([(Job("a", aim="new"), one_by_one(slow))])
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            was_cancelled = ended.is_set()
            await asyncio.sleep(40)
        return record, was_cancelled

    record, was_cancelled = run(reloaded())
    assert was_cancelled
    assert record.decisions
    assert all(outcome == ANSWER for _, _, outcome in record.decisions)


@pytest.mark.usefixtures("_never_collected")
@pytest.mark.parametrize("probe", [Starts().probe, one_by_one(never)], ids=["answered", "under way"])
def test_what_a_reload_takes_away_is_free_without_the_garbage_collector(probe: Probe[Any]) -> None:
    """Which is told to leave alone what is there when a reload ends."""

    class Aim:
        pass

    async def reloaded() -> list[Aim | None]:
        async with Scheduler("here", Record()) as scheduler:
            aims = [Aim() for _ in range(20)]
            known = [weakref.ref(aim) for aim in aims]
            scheduler.replace([(Job(str(number), aim=aim), probe) for number, aim in enumerate(aims)])
            del aims
            await asyncio.sleep(5)
            for stays in (known[:10], known[:5], []):
                scheduler.replace([(Job(str(number), aim=aim()), probe) for number, aim in enumerate(stays)])
            await asyncio.sleep(30)  # until no deadline waits for them
            return [aim() for aim in known]

    assert run(reloaded()) == [None] * 20


def test_leaving_ends_what_is_under_way_at_once() -> None:
    async def left() -> float:
        async with Scheduler("here", Record(), at_once=True) as scheduler:
            scheduler.replace([(Job("a"), one_by_one(never))])
            await asyncio.sleep(1)
            began = virtual_loop().time()
        return virtual_loop().time() - began

    assert run(left()) < 0.1


def test_what_is_given_up_is_decided_at_the_deadline_and_withdrawn_afterwards_within_bounds() -> None:
    withdrawals: list[tuple[str, float]] = []

    def now(what: str) -> None:
        withdrawals.append((what, virtual_loop().time()))

    async def withdrawal() -> None:
        now("begins")
        try:
            await virtual_loop().create_future()
        finally:
            now("ends")

    async def given_up(_target: object, facts: Facts) -> Reply:
        facts.withdrawal = withdrawal
        return await never(_target, facts)

    async def probed() -> Record:
        record = Record()
        async with Scheduler("here", record, at_once=True) as scheduler:
            scheduler.replace([(Job("a"), one_by_one(given_up))])
            await asyncio.sleep(14)
        return record

    record = run(probed())
    ((decided, _, outcome),) = record.decisions
    assert isinstance(outcome, ProbeFailed)
    assert withdrawals[:2] == [("begins", pytest.approx(decided)), ("ends", pytest.approx(decided + 2))]


@pytest.mark.parametrize("how", ["reload", "end"])
def test_what_a_job_that_goes_has_under_way_is_withdrawn_and_nobody_waits_long_for_it(how: str) -> None:
    ended: list[str] = []

    async def withdrawal() -> None:
        await asyncio.sleep(0.1)
        ended.append("in peace")

    async def in_vain() -> None:
        try:
            await virtual_loop().create_future()
        finally:
            ended.append("cut off")

    async def given_up(wanted: Any, facts: Facts) -> Reply:
        facts.withdrawal = wanted
        return await never(wanted, facts)

    async def left() -> float:
        async with Scheduler("here", Record(), at_once=True) as scheduler:
            jobs = [Job("a", aim=withdrawal), Job("b", aim=in_vain)]
            scheduler.replace([(job, one_by_one(given_up)) for job in jobs])
            await asyncio.sleep(1)
            if how == "reload":
                began = virtual_loop().time()
                scheduler.replace([])
                assert virtual_loop().time() == began
                await asyncio.sleep(1)
                assert ended == ["in peace"]
            began = virtual_loop().time()
        return virtual_loop().time() - began

    assert run(left()) < 0.3
    assert ended == ["in peace", "cut off"]

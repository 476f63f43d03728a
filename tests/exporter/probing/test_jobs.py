"""What the scheduler keeps of a job: its dates, its attempt, and how that ends."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from collectors.contract import Attempt, Facts, Outcome, Probe, ProbeFailed
from collectors.replies import Exchange, Reply, RoundTrip
from collectors.terms import Clock, Reason
from exporter.probing.jobs import Deadline, Group, RunningAttempt, ScheduledJob


@dataclasses.dataclass(frozen=True)
class Job:
    aim: Any
    identity: tuple[str, ...] = ("wf008", "icmp")
    interval: float = 5.0
    timeout: float = 1.0
    slots: int = 1


class Watched:
    """A watcher that keeps what it is told, and a probe that keeps what it is to forget."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[Job, Outcome]] = []
        self.forgotten: list[object] = []
        self.probe: Probe[Any] = Probe(lambda _: (), self.forgotten.append)

    def probe_ended(self, job: Job, _: Facts, outcome: Outcome) -> None:
        self.outcomes.append((job, outcome))

    def started_late(self, lateness: float, probes: int) -> None:
        raise AssertionError

    def skipped(self, probes: int) -> None:
        raise AssertionError

    def scheduled(self, job: Job) -> ScheduledJob[Job]:
        scheduled = ScheduledJob(job, self)
        scheduled.group = Group(self.probe, job.interval, job.timeout, (0.0, job.interval))
        return scheduled


@pytest.mark.parametrize(
    ("dates", "now", "left", "then"),
    [
        ((10.0, 15.0), 10.0, 1, (15.0, 20.0)),
        ((10.0, 15.0), 14.9, 1, (15.0, 20.0)),
        ((10.0, 15.0), 15.0, 2, (20.0, 25.0)),
        ((10.0, 15.0), 32.0, 5, (35.0, 40.0)),
        ((10.0, 12.0, 17.0), 10.0, 1, (12.0, 17.0)),
        ((10.0, 12.0, 17.0), 12.0, 2, (17.0, 22.0)),
        ((10.0, 12.0, 17.0), 23.0, 4, (27.0, 32.0)),
    ],
)
def test_the_next_date_is_the_first_after_now_and_each_that_is_left_behind_counts(
    dates: tuple[float, ...], now: float, left: int, then: tuple[float, ...]
) -> None:
    group: Group[Job] = Group(Watched().probe, 5.0, 1.0, dates)
    assert group.advance(now) == left
    assert (group.due, group.dates) == (then[0], then)


@pytest.mark.parametrize(
    ("reply", "took", "in_time"),
    [
        (RoundTrip(rtt=1.0, clock=Clock.KERNEL), 1.0, True),
        (RoundTrip(rtt=1.001, clock=Clock.KERNEL), 1.001, False),
        (Exchange(rtt=0.1, clock=Clock.KERNEL, response=0.1, duration=1.5, phases={}), 1.5, False),
    ],
)
def test_a_reply_that_took_longer_than_the_timeout_is_none(reply: Reply, took: float, in_time: bool) -> None:
    watched, job = Watched(), Job("there")
    scheduled = watched.scheduled(job)
    attempt = scheduled.attempt = RunningAttempt(job.aim, scheduled.attempt_ended)
    attempt.end(reply)
    ((decided, outcome),) = watched.outcomes
    assert decided is job
    assert scheduled.attempt is None
    assert attempt.answered_late is not in_time
    if in_time:
        assert outcome is reply
    else:
        assert isinstance(outcome, ProbeFailed)
        assert (outcome.reason, outcome.detail) == (Reason.TIMEOUT, f"answered after {took:g} s")


def test_an_equal_target_is_the_jobs_own() -> None:
    scheduled = Watched().scheduled(Job(["there"]))
    assert scheduled.aims_at(["there"])
    assert not scheduled.aims_at(["elsewhere"])


def test_what_is_given_up_is_forgotten_and_not_recorded() -> None:
    watched = Watched()
    scheduled = watched.scheduled(Job("there"))
    attempt = scheduled.attempt = RunningAttempt(scheduled.job.aim, scheduled.attempt_ended)
    scheduled.give_up()
    attempt.end(RoundTrip(rtt=0.1, clock=Clock.KERNEL))
    assert scheduled.attempt is None
    assert watched.forgotten == ["there"]
    assert watched.outcomes == []


def test_a_deadline_ends_those_that_are_not_over_and_then_waits_for_nobody() -> None:
    ends: list[tuple[Attempt[Any], Outcome]] = []
    answered, silent = (
        RunningAttempt(name, lambda attempt, outcome: ends.append((attempt, outcome))) for name in ("a", "b")
    )
    deadline = Deadline(11.0, 0, (answered, silent), 1.0)
    answered.end(reply := RoundTrip(rtt=0.1, clock=Clock.KERNEL))
    assert not deadline.is_idle()
    silent.address = "192.0.2.8"
    deadline.give_up()
    assert deadline.is_idle()
    assert ends[0] == (answered, reply)
    (attempt, outcome) = ends[1]
    assert attempt is silent
    assert isinstance(outcome, ProbeFailed)
    assert (outcome.reason, outcome.detail) == (Reason.TIMEOUT, "no answer from 192.0.2.8 within 1 s")

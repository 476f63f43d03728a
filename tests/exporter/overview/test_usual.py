"""What is usual and what happened lately, over hours and weeks in virtual time: who is accused, how often, how long."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.contract import Facts, ProbeFailed
from collectors.replies import Exchange, Login, Reply, RoundTrip
from collectors.terms import Clock, Phase, Reason
from exporter.fleet import Pair
from exporter.overview.beside import Beside
from exporter.overview.losses import chance
from exporter.overview.pair_now import PairNow, pair_now
from exporter.overview.verdict import Culprit, Verdict, judge
from exporter.recording.own_health import OwnHealth
from exporter.recording.series import PairSeries
from tests.exporter.pages import DATABASE, SMALL, Small, Time

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
ANSWER = RoundTrip(rtt=0.35, clock=Clock.KERNEL)
SILENCE = ProbeFailed(Reason.TIMEOUT, "no answer within 4 s")
REFUSED = ProbeFailed(Reason.REFUSED, "Connection refused")


class Watched:
    """One pair that is probed at a steady pace, and looked at after every answer, or not at all for a while."""

    def __init__(self, pair: Pair, every: float = 5.0, seed: int = 1) -> None:
        self.pair = dataclasses.replace(pair, interval=every)
        self.series, self.now = PairSeries(tuple(Reason)), 1000.0
        self.series.fresh_for = 3 * every
        self._chance = random.Random(seed)

    def probe(self, outcome: Reply | ProbeFailed = ANSWER) -> Verdict:
        self._record(outcome)
        verdict = judge(self.seen, [], OwnHealth())
        self.now += self.pair.interval
        return verdict

    def lasts(self, seconds: float, loss: float = 0.0, reply: Reply = ANSWER) -> Iterator[Verdict]:
        """Probe for so long; what it says whenever a probe came through."""
        for _ in range(round(seconds / self.pair.interval)):
            verdict = self.probe(SILENCE if self._chance.random() < loss else reply)
            if self.series.latest.reply is not None:
                yield verdict

    def unseen(self, seconds: float, loss: float = 0.0, reply: Reply = ANSWER) -> None:
        """Probe for so long, with nobody looking."""
        for _ in range(round(seconds / self.pair.interval)):
            self._record(SILENCE if self._chance.random() < loss else reply)
            self.now += self.pair.interval

    def accused(self, seconds: float, loss: float) -> float:
        """Return the share of these looks that accuse somebody."""
        culprits = Counter(verdict.culprit for verdict in self.lasts(seconds, loss))
        return 1 - culprits[Culprit.FINE] / culprits.total()

    def _record(self, outcome: Reply | ProbeFailed) -> None:
        self.series.record(Facts(), outcome, self.now, 1.7e9 + self.now)

    @property
    def seen(self) -> PairNow:
        return pair_now(self.pair, self.series, self.now, 1.7e9 + self.now)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Small(tmp_path).pair("wf008", "icmp")


def test_the_chance_is_that_of_the_binomial_distribution() -> None:
    assert chance(2, 60, 0.01) == pytest.approx(0.1212, abs=1e-4)
    assert chance(4, 60, 0.01) == pytest.approx(0.0031, abs=1e-4)
    assert chance(0, 60, 0.01) == 1
    assert chance(60, 60, 0.05) == pytest.approx(0)


@pytest.mark.parametrize("every", [1.0, 5.0, 15.0, 60.0])
def test_a_healthy_path_that_loses_one_packet_in_a_hundred_is_not_accused(pair: Pair, every: float) -> None:
    """From the start on: it was 15 looks in a hundred."""
    assert Watched(pair, every).accused(10_000 * every, 0.01) < 0.01


@pytest.mark.parametrize(("usual", "now", "least"), [(0.0, 0.1, 0.8), (0.01, 0.1, 0.8), (0.03, 0.2, 0.9)])
def test_a_true_rise_is_seen(pair: Pair, usual: float, now: float, least: float) -> None:
    path = Watched(pair)
    path.unseen(6 * HOUR, usual)
    path.unseen(5 * MINUTE, now)
    assert path.accused(2 * HOUR, now) > least


def test_what_is_lost_usually_is_learnt_within_hours_and_one_in_five_never_is(pair: Pair) -> None:
    path = Watched(pair)
    path.unseen(4 * HOUR, 0.03)
    assert path.accused(12 * HOUR, 0.03) < 0.01
    path.unseen(DAY, 0.2)
    assert path.accused(2 * HOUR, 0.2) > 0.8


@pytest.mark.parametrize(
    ("loss", "far", "words"),
    [
        (0.003, True, ""),
        (0.008, False, ""),
        (0.008, True, "get lost, for hours"),
        (0.03, False, "get lost, for hours"),
    ],
)
def test_what_gets_lost_for_hours_is_mentioned_however_usual_and_accuses_nobody(
    pair: Pair, loss: float, words: str, *, far: bool
) -> None:
    path = Watched(pair, every=1.0)
    path.unseen(1.4 * HOUR, loss)
    path.unseen(10 * MINUTE)
    assert judge(path.seen, [], OwnHealth(), Beside(far=far)) == Verdict(Culprit.FINE)
    path.unseen(4 * HOUR, loss)
    path.unseen(10 * MINUTE)
    verdict = judge(path.seen, [], OwnHealth(), Beside(far=far))
    assert verdict.culprit is Culprit.FINE
    assert verdict.why.endswith(words)
    assert bool(verdict.why) is bool(words)


def test_an_outage_of_an_hour_makes_no_loss_usual(pair: Pair) -> None:
    path = Watched(pair)
    path.unseen(DAY)
    path.unseen(HOUR, loss=1.0)
    path.unseen(HOUR)
    assert path.seen.usual_loss == 0
    assert path.seen.usual_rtt == pytest.approx(0.35)


def test_some_bad_minutes_stay_slower_than_usual_though_the_program_has_just_started(pair: Pair) -> None:
    path = Watched(pair, every=1.0)
    path.unseen(20)
    worse = RoundTrip(rtt=0.7, clock=Clock.KERNEL)
    assert {verdict.culprit for verdict in path.lasts(30 * MINUTE, reply=worse)} == {Culprit.NETWORK}


def test_a_new_route_is_accused_for_hours_and_not_for_weeks(pair: Pair) -> None:
    path = Watched(pair, every=60.0)
    path.unseen(30 * DAY)
    longer = RoundTrip(rtt=0.7, clock=Clock.KERNEL)
    assert {verdict.culprit for verdict in path.lasts(2.8 * HOUR, reply=longer)} == {Culprit.NETWORK}
    path.unseen(HOUR, reply=longer)
    assert {verdict.culprit for verdict in path.lasts(HOUR, reply=longer)} == {Culprit.FINE}


def test_a_login_that_failed_is_held_against_the_database_for_six_minutes(tmp_path: Path) -> None:
    """It is probed once a minute: the last 60 results were an hour."""
    login = Watched(Small(tmp_path, SMALL + DATABASE).pair("wf008", "login"), every=60.0)
    well = Login(rtt=0.02, clock=Clock.KERNEL, duration=0.2, round_trips=6, phases={})
    login.unseen(HOUR, reply=well)
    for outcome in (REFUSED, well, REFUSED):
        login.probe(outcome)
    verdicts = [login.probe(well) for _ in range(60)]
    assert verdicts[0] == Verdict(Culprit.DATABASE, "2 of the last 7 failed, at 2 times")
    assert {verdict.culprit for verdict in verdicts[6:]} == {Culprit.FINE}
    assert verdicts[8] == Verdict(Culprit.FINE)


def test_one_window_stands_behind_all_that_is_said_of_failures(pair: Pair) -> None:
    path = Watched(pair)
    path.unseen(HOUR)
    for _ in range(19):
        path.probe(SILENCE)
        path.probe(REFUSED)
        path.probe()
    assert path.probe() == Verdict(
        Culprit.PEER if path.seen.failed > path.seen.lost else Culprit.NETWORK,
        "38 of the last 60 failed, 19 of them without an answer, at 19 times",
    )
    assert (path.seen.bad, path.seen.results) == (38, 60)


def test_of_two_results_no_percentage_is_made(pair: Pair) -> None:
    path = Watched(pair)
    path.probe(SILENCE)
    assert path.probe() == Verdict(Culprit.FINE, "1 of the last 2 failed: too few to judge")


# This host's own queue


QUEUED = RoundTrip(rtt=0.65, clock=Clock.KERNEL, egress_queue=0.3)
THROUGH_THE_QUEUE = Exchange(rtt=0.65, clock=Clock.KERNEL, response=0.9, duration=1.6, phases={Phase.PROCESSING: 0.9})


def test_what_our_own_queue_added_is_not_learnt_as_usual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time()
    monkeypatch.setattr("exporter.recording.recorder.time", time)
    small = Small(tmp_path)

    def seen(probe: str) -> PairNow:
        wanted = small.pair("wf008", probe)
        states = small.recorder.states()
        return next(pair_now(pair, series, time.passed, time.time()) for pair, series in states if pair is wanted)

    small.decide("wf008", "icmp", QUEUED)  # full from the start: nothing is known
    for _ in range(3):
        small.decide("wf008", "tcp", ANSWER)
    assert seen("tcp").usual_rtt is None
    time.passed += 100
    for _ in range(20):
        small.answer_all()
        time.passed += 5
    before = seen("ping").usual_rtt, seen("ping").usual_server, seen("icmp").usual_rtt
    for _ in range(6 * 720):
        small.decide("wf008", "icmp", QUEUED)
        small.decide("wf008", "ping", THROUGH_THE_QUEUE)
        time.passed += 5
    assert (seen("ping").usual_rtt, seen("ping").usual_server, seen("icmp").usual_rtt) == before

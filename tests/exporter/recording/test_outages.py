"""What the log is told of pairs that fail."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from collectors.contract import Facts, ProbeFailed
from collectors.replies import Reply, RoundTrip
from collectors.terms import Clock, Reason
from exporter.fleet import Pair
from exporter.recording.outages import Outages
from exporter.recording.series import PairSeries
from tests.exporter.pages import Small

ANSWER = RoundTrip(rtt=0.02, clock=Clock.KERNEL)
SILENCE = ProbeFailed(Reason.TIMEOUT, "no answer within 4 s")


class Told:
    """Pairs that fail and answer, and the lines that come of it."""

    def __init__(self, pair: Pair, log: pytest.LogCaptureFixture) -> None:
        self.outages, self.pair, self._log = Outages(), pair, log
        self.series: dict[str, PairSeries] = {}

    def probe(self, now: float, outcome: Reply | ProbeFailed, target: str = "wf008") -> None:
        series = self.series.setdefault(target, PairSeries(tuple(Reason)))
        pair = dataclasses.replace(self.pair, target=target)
        series.record(Facts(), outcome, now, 1.7e9 + now)
        if isinstance(outcome, ProbeFailed):
            self.outages.failed(pair, series, now)
        else:
            self.outages.succeeded(pair, now)

    @property
    def lines(self) -> list[str]:
        return [record.getMessage() for record in self._log.records]


@pytest.fixture
def told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Told:
    caplog.set_level(logging.INFO)
    return Told(Small(tmp_path).pair("wf008", "icmp"), caplog)


def test_an_outage_is_two_lines_however_long_it_lasts(told: Told) -> None:
    told.probe(100, ANSWER)
    for now in range(105, 3705, 5):
        told.probe(now, SILENCE)
    told.probe(3705, ANSWER)
    assert told.lines == [
        "outage began: wf008 icmp ipv4 fails for 10 s: no answer within 4 s",
        "outage ended: wf008 icmp ipv4 is well again after 1 h, 720 probes failed",
    ]


def test_a_single_loss_is_no_outage(told: Told) -> None:
    for now in range(100, 1000, 5):
        told.probe(now, SILENCE if now % 25 == 0 else ANSWER)
    assert told.lines == []


def test_the_lines_have_the_pairs_labels_as_fields(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    told.probe(100, SILENCE)
    told.probe(105, SILENCE)
    told.probe(110, ANSWER)
    labels = {"target": "wf008", "probe": "icmp", "protocol": "icmp", "ip_family": "ipv4"}
    assert [vars(record)["fields"] for record in caplog.records] == [
        {**labels, "reason": "timeout"},
        {**labels, "seconds": 10},
    ]


def all_at(told: Told, now: float, outcome: Reply | ProbeFailed, count: int = 300) -> None:
    for number in range(count):
        told.probe(now, outcome, f"host{number}")


@pytest.fixture
def many_down(told: Told) -> Callable[[], None]:
    def fail() -> None:
        for now in (100, 105):
            all_at(told, now, SILENCE)

    return fail


def test_hundreds_at_once_are_ten_lines_and_a_summary(told: Told, many_down: Callable[[], None]) -> None:
    many_down()
    for now in range(105, 160):
        told.outages.summarise(now)
    assert len(told.lines) == 11
    assert told.lines[-1] == "outages: 290 more began (timeout 290): " + ", ".join(
        f"host{number} icmp ipv4" for number in range(10, 15)
    )


def test_there_is_one_summary_a_minute_at_most(told: Told, many_down: Callable[[], None]) -> None:
    many_down()
    told.outages.summarise(107)
    all_at(told, 110, ANSWER)
    for now in range(110, 230):
        told.outages.summarise(now)
    assert [line.partition(": host")[0] for line in told.lines if line.startswith("outages:")] == [
        "outages: 290 more began (timeout 290)",
        "outages: 300 more ended",
    ]


def test_an_hour_of_hundreds_that_flap_is_few_lines(told: Told) -> None:
    for now in range(0, 3600, 5):
        all_at(told, now, SILENCE if now // 10 % 2 else ANSWER, 100)
        told.outages.summarise(now)
    assert len(told.lines) <= 60 * 11


def test_a_pair_that_flaps_for_a_day_is_four_lines(told: Told) -> None:
    for now in range(1000, 1000 + 86400, 5):
        told.probe(now, ANSWER if now % 15 == 0 else SILENCE)
        told.outages.summarise(now)
    for now in range(90_000, 90_100, 5):
        told.probe(now, ANSWER)
        told.outages.summarise(now)
    assert [line.partition(":")[0] for line in told.lines] == [
        "outage began",
        "outage ended",
        "outage goes on",
        "outage ended",
    ]
    assert "well again after 24 h" in told.lines[-1]


def test_a_new_outage_after_a_calm_time_is_one_of_its_own(told: Told) -> None:
    for start in (1000, 2000):
        for now in range(start, start + 50, 5):
            told.probe(now, SILENCE)
        for now in range(start + 50, start + 500, 5):
            told.probe(now, ANSWER)
            told.outages.summarise(now)
    assert [line.partition(":")[0] for line in told.lines] == ["outage began", "outage ended"] * 2


def test_an_outage_of_a_pair_that_a_reload_takes_away_ends_with_it(told: Told) -> None:
    for now in range(1000, 1050, 5):
        told.probe(now, SILENCE)
    told.outages.removed(told.pair.identity, 1050)
    assert told.lines[-1] == "outage ended: wf008 icmp ipv4 is no longer measured after 50 s, 10 probes failed"
    told.outages.removed(("nobody",), 1051)
    assert len(told.lines) == 2


def test_when_nothing_was_left_out_there_is_no_summary(told: Told) -> None:
    told.outages.summarise(100)
    told.probe(100, SILENCE)
    told.probe(105, SILENCE)
    told.outages.summarise(200)
    assert len(told.lines) == 1

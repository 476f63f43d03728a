"""Addresses that change: what the log is told, what is noted with the pairs, and when another one is asked."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from collectors.contract import Facts, ProbeFailed
from collectors.replies import Reply, RoundTrip
from collectors.terms import Clock, IpFamily, Phase, Reason
from exporter.fleet import Pair
from exporter.probing import Move, NameAndFamily
from tests.exporter.pages import Small

NAME = NameAndFamily("wf008.example", IpFamily.IPV4)
ANSWER = RoundTrip(rtt=0.02, clock=Clock.KERNEL)
SILENCE = ProbeFailed(Reason.TIMEOUT, "no answer within 4 s")


class Choice:
    """Notes what it is told of addresses."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def unreached(self, _name: NameAndFamily, address: str) -> None:
        self.calls.append(("unreached", address))

    def reached(self, _name: NameAndFamily, address: str) -> None:
        self.calls.append(("reached", address))


class Stage:
    """A fleet whose wf008 has a name, and whoever chooses among its addresses."""

    def __init__(self, folder: Path) -> None:
        self.choice = Choice()
        self.small = Small(folder, choice=self.choice)
        self.recorder = self.small.recorder

    def pair(self, probe: str) -> Pair:
        return self.small.pair("wf008", probe)

    def probe(self, probe: str, outcome: Reply | ProbeFailed, address: str = "192.0.2.8") -> None:
        self.recorder.probe_ended(self.pair(probe), Facts(phase=Phase.CONNECT, address=address), outcome)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def test_a_change_is_a_line_with_both_addresses_and_is_noted_with_each_pair_of_the_name(
    stage: Stage, lines: pytest.LogCaptureFixture
) -> None:
    stage.recorder.address_moved(Move(NAME, "10.77.0.2", "10.77.0.99"))
    assert lines.messages == ["address of wf008: 10.77.0.2 -> 10.77.0.99"]
    moved = {pair.probe: series.moved for pair, series in stage.recorder.states() if pair.target == "wf008"}
    assert moved.keys() == {"icmp", "tcp", "ping"}
    assert all(
        move and (move.before, move.after, move.why) == ("10.77.0.2", "10.77.0.99", "") for move in moved.values()
    )
    assert [series.moved for pair, series in stage.recorder.states() if pair.target == "grafana"] == [None]


def test_a_change_for_want_of_an_answer_says_so(stage: Stage, lines: pytest.LogCaptureFixture) -> None:
    stage.recorder.address_moved(Move(NAME, "10.77.0.2", "10.77.0.99", "the former does not answer"))
    assert lines.messages == ["address of wf008: 10.77.0.2 -> 10.77.0.99 (the former does not answer)"]


def test_a_resolver_that_gives_another_address_each_time_does_not_fill_the_log(
    stage: Stage, lines: pytest.LogCaptureFixture
) -> None:
    for last in range(100):
        stage.recorder.address_moved(Move(NAME, f"192.0.2.{last}", f"192.0.2.{last + 1}"))
    assert len(lines.messages) == 5
    assert lines.messages[-1].endswith("; it changes often, and is not reported again within the hour")
    assert next(series.moved.after for _, series in stage.recorder.states() if series.moved) == "192.0.2.100"


def test_a_probe_that_went_on_to_the_next_address_itself_is_a_line_and_noted_with_its_pair(
    stage: Stage, lines: pytest.LogCaptureFixture
) -> None:
    facts = Facts(address="192.0.2.9", tried=("192.0.2.8: no answer within 3.3 s",))
    stage.recorder.probe_ended(stage.pair("ping"), facts, ANSWER)
    stage.probe("ping", ANSWER, "192.0.2.9")
    assert lines.messages == ["address of wf008 ping: 192.0.2.8 -> 192.0.2.9 (no answer within 3.3 s)"]
    moved = {pair.probe: series.moved for pair, series in stage.recorder.states() if pair.target == "wf008"}
    assert moved["icmp"] is None
    assert moved["ping"] is not None
    assert moved["ping"][:3] == ("192.0.2.8", "192.0.2.9", "no answer within 3.3 s")


def test_another_address_is_asked_after_three_failures_in_a_row(stage: Stage) -> None:
    for _ in range(3):
        assert stage.choice.calls == []
        stage.probe("icmp", SILENCE)
    assert stage.choice.calls == [("unreached", "192.0.2.8")]
    stage.probe("icmp", ANSWER, "192.0.2.9")
    stage.probe("icmp", ANSWER, "192.0.2.9")
    assert stage.choice.calls[1:] == [("reached", "192.0.2.9")]


def test_an_address_that_another_pair_reaches_stays(stage: Stage) -> None:
    stage.probe("tcp", ANSWER)
    for _ in range(3):
        stage.probe("icmp", SILENCE)
    assert stage.choice.calls == []
    stage.probe("tcp", ANSWER, "192.0.2.9")
    for _ in range(3):
        stage.probe("icmp", SILENCE)
    assert stage.choice.calls == [("unreached", "192.0.2.8")]


def test_what_fails_here_or_in_the_resolver_says_nothing_of_an_address(stage: Stage) -> None:
    for reason in (Reason.LOCAL, Reason.DNS):
        for _ in range(9):
            stage.probe("icmp", ProbeFailed(reason))
    assert stage.choice.calls == []

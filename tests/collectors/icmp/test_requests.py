"""What is remembered of requests, by value and in a time of our own."""

from __future__ import annotations

import pytest

from collectors.contract import Attempt, Outcome, ProbeFailed
from collectors.icmp import echo, requests
from collectors.icmp.requests import AnsweredRequests, SentRequest, SentRequests
from collectors.icmp.target import IcmpTarget
from collectors.kernel import Moment
from collectors.terms import IpFamily, Reason

TARGET = IcmpTarget(address="192.0.2.1", ip_family=IpFamily.IPV4, payload_bytes=56, dscp=0, source_address=None)
BEGIN = 100.0
REMEMBERED = 15.0


def sent(ours: SentRequests, *, given_up: bool = False) -> SentRequest:
    """Send a request, as the pinger does."""
    attempt: Attempt[IcmpTarget] = Attempt(TARGET, _nobody_asks)
    sequence = ours.next_sequence()
    request = SentRequest(attempt, echo.token(bytes(6), sequence), b"", b"", Moment(0.0, 0.0))
    ours.unanswered[sequence] = request
    if given_up:
        attempt.end(ProbeFailed(Reason.TIMEOUT))
    return request


def _nobody_asks(_attempt: Attempt[IcmpTarget], _outcome: Outcome) -> None:
    """Do nothing with an outcome."""


def test_a_request_that_was_given_up_is_known_until_no_reply_can_come_any_more() -> None:
    ours = SentRequests()
    request = sent(ours, given_up=True)
    assert ours.sweep(BEGIN) == [request]
    assert ours.sweep(BEGIN + REMEMBERED - 1) == []  # each is returned once
    assert list(ours.unanswered.values()) == [request]
    ours.sweep(BEGIN + REMEMBERED)
    assert not ours.unanswered


def test_a_request_whose_probe_is_under_way_is_never_forgotten() -> None:
    ours = SentRequests()
    request = sent(ours)
    for now in (BEGIN, BEGIN + REMEMBERED, BEGIN + 10 * REMEMBERED):
        assert ours.sweep(now) == []
    assert list(ours.unanswered.values()) == [request]


def test_nothing_is_swept_twice_in_a_second() -> None:
    ours = SentRequests()
    ours.sweep(BEGIN)
    request = sent(ours, given_up=True)
    assert ours.sweep(BEGIN + 0.9) == []
    assert ours.sweep(BEGIN + 1.0) == [request]


def test_a_sequence_is_used_again_when_its_probe_was_given_up_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "_SEQUENCES", 4)
    ours = SentRequests()
    first, *_ = [sent(ours) for _ in range(4)]
    assert sorted(ours.unanswered) == [0, 1, 2, 3]
    with pytest.raises(ProbeFailed, match="under way") as raised:
        ours.next_sequence()
    assert raised.value.reason is Reason.LOCAL
    first.attempt.end(ProbeFailed(Reason.TIMEOUT))
    assert ours.unanswered[ours.next_sequence()] is first


def test_an_answered_request_is_known_by_its_token_until_a_later_one_takes_its_place() -> None:
    answered, token, other = AnsweredRequests(), echo.token(b"secret", 5), echo.token(b"guess!", 5)
    answered.add(5, TARGET, token)
    assert answered.get(5, token) is TARGET
    assert answered.get(5, other) is None
    answered.add(5 + requests._REMEMBERED_ANSWERS, TARGET, other)
    assert answered.get(5, token) is None

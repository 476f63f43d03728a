"""What one pair's probes add up to."""

from __future__ import annotations

import pytest

from collectors.contract import Facts, ProbeFailed
from collectors.http.target import HttpTarget
from collectors.replies import RoundTrip
from collectors.terms import Clock, Phase, Reason
from exporter.recording.latest import Failing, LastProbe
from exporter.recording.series import PairSeries
from tests.exporter.pages import ANSWERS, TIMEOUT
from tests.exporter.pages import EXCHANGE as ANSWER

BOUNDS = (0.001, 0.1, 1.0)
NOW = (0.0, 0.0)


def new_series() -> PairSeries:
    series = PairSeries(HttpTarget.reasons)
    return series.for_configuration(tuple(Phase), BOUNDS, fresh_for=40.0)


def test_a_success_is_counted_in_every_distribution_and_in_its_phases() -> None:
    series = new_series()
    series.record(Facts(status_code=200), ANSWER, 5.0, 1.7e9)
    assert (series.probes, sum(series.failures.values())) == (1, 0)
    assert series.latest == LastProbe(Facts(status_code=200), ANSWER, at=5.0)
    assert series.last_success == 1.7e9
    assert (series.rtt.total, series.response.total, series.duration.total) == (0.0625, 0.078125, 0.25)
    assert series.phase_row() == (0.03125, 1, 0.0625, 1, 0.0, 0, 0.0, 0, 0.0, 0, 0.078125, 1, 0.015625, 1)


@pytest.mark.parametrize(
    ("kind", "rtt", "response", "duration", "headline", "server"),
    [
        ("icmp", 0.05, 0.0, 0.0, 0.05, None),
        ("tcp", 0.06, 0.0, 0.0, 0.06, None),
        ("http", 0.0625, 0.078125, 0.25, 0.078125, 0.015625),
        ("login", 0.0625, 0.0, 0.5, 0.5, 0.125),
        ("query", 0.0, 0.125, 0.0, 0.125, 0.125),
    ],
)
def test_each_kind_of_reply_counts_what_it_measured_and_its_headline_is_remembered(
    kind: str, rtt: float, response: float, duration: float, headline: float, server: float | None
) -> None:
    series = new_series()
    for second in range(3):
        series.record(Facts(), ANSWERS[kind], float(second), 1.7e9)
    assert [histogram.total for histogram in (series.rtt, series.response, series.duration)] == pytest.approx(
        [3 * rtt, 3 * response, 3 * duration]
    )
    assert series.recent.values() == pytest.approx([headline] * 3)
    assert series.usual_rtt.median() == (rtt or None)
    assert (series.server, series.usual_server.median()) == (server, server)


def test_a_failure_moves_no_distribution_and_no_phase() -> None:
    series = new_series()
    series.record(Facts(), ANSWER, 5.0, 1.7e9)
    before = (series.rtt.row(), series.response.row(), series.duration.row(), series.phase_row())
    series.record(Facts(status_code=503), ProbeFailed(Reason.STATUS), 20.0, 1.7e9 + 15)
    assert (series.rtt.row(), series.response.row(), series.duration.row(), series.phase_row()) == before
    assert (series.probes, series.failures[Reason.STATUS], sum(series.failures.values())) == (2, 1, 1)
    assert series.latest == LastProbe(Facts(status_code=503), None, at=20.0)
    assert series.last_success == 1.7e9


def test_failures_in_a_row_know_their_first_and_the_success_before_them() -> None:
    series = new_series()
    series.record(Facts(), TIMEOUT, 5.0, 1.7e9)
    assert series.failing == Failing(since=5.0, first=5.0, in_a_row=1)
    series.record(Facts(), ANSWER, 20.0, 1.7e9)
    assert series.failing is None
    for now in (35.0, 50.0):
        series.record(Facts(), TIMEOUT, now, 1.7e9)
    assert series.failing == Failing(since=20.0, first=35.0, in_a_row=2)


def test_a_copy_goes_on_to_show_its_moment() -> None:
    series = new_series()
    series.record(Facts(), ANSWER, 5.0, 1.7e9)
    kept = series.copy()
    series.record(Facts(), TIMEOUT, 20.0, 1.7e9)
    assert (kept.latest, kept.failing, kept.probes) == (LastProbe(Facts(), ANSWER, at=5.0), None, 1)


def answered(series: PairSeries, *round_trips: float | None, address: str | None = None) -> None:
    for rtt in round_trips:
        series.record(Facts(address=address), RoundTrip(rtt=rtt, clock=Clock.KERNEL), *NOW)


def test_the_variation_adds_up_how_much_each_round_trip_differs_from_the_one_before_it() -> None:
    series = new_series()
    answered(series, 0.5)
    assert (series.variation, series.variations) == (0.0, 0)
    answered(series, 0.25, 0.25, 0.375)
    assert (series.variation, series.variations) == (0.375, 3)


def test_what_gives_no_round_trip_between_two_answers_is_passed_over() -> None:
    series = new_series()
    answered(series, 0.5)
    series.record(Facts(), TIMEOUT, *NOW)
    answered(series, None)
    assert series.variations == 0
    answered(series, 0.25)
    assert (series.variation, series.variations) == (0.25, 1)


def test_round_trips_to_two_addresses_are_not_compared() -> None:
    series = new_series()
    answered(series, 0.5, 0.5, address="192.0.2.1")
    answered(series, 0.25, address="192.0.2.2")
    assert (series.variation, series.variations) == (0.0, 1)
    answered(series, 0.125, address="192.0.2.2")
    assert (series.variation, series.variations) == (0.125, 2)


def test_the_first_round_trip_to_a_changed_target_has_no_predecessor_and_the_count_goes_on() -> None:
    series = new_series()
    answered(series, 0.5, 0.25)
    series.restart_usual()
    answered(series, 0.5)
    assert (series.variation, series.variations) == (0.25, 1)
    answered(series, 0.75)
    assert (series.variation, series.variations) == (0.5, 2)


def test_a_reload_with_other_buckets_goes_on_with_the_variation() -> None:
    series = new_series()
    answered(series, 0.5, 0.25)
    series = series.for_configuration(tuple(Phase), (0.5,), fresh_for=40.0)
    answered(series, 0.5)
    assert (series.variation, series.variations) == (0.5, 2)


def test_a_retransmitted_handshake_is_counted_whatever_the_probes_end() -> None:
    series = new_series()
    series.record(Facts(retransmitted=True), TIMEOUT, *NOW)
    series.record(Facts(retransmitted=True), ANSWER._replace(rtt=None), *NOW)
    series.record(Facts(), ANSWER, *NOW)
    assert series.retransmitted == 2


def test_without_a_round_trip_there_is_no_share_of_the_server() -> None:
    series = new_series()
    series.record(Facts(retransmitted=True), ANSWER._replace(rtt=None), *NOW)
    assert series.server is None
    assert series.rtt.row() == (0, 0, 0, 0, 0.0, 0)
    assert series.response.row()[-1] == series.duration.row()[-1] == 1


@pytest.mark.parametrize(
    ("rtt", "response", "server"), [(0.0625, 0.078125, 0.015625), (0.05, 0.0499, 0.0), (None, 0.0499, None)]
)
def test_the_servers_share_is_response_minus_round_trip_and_never_negative(
    rtt: float | None, response: float, server: float | None
) -> None:
    series = new_series()
    series.record(Facts(), ANSWER._replace(rtt=rtt, response=response), *NOW)
    assert series.server == server


def test_a_reason_that_its_protocol_does_not_have_counts_as_ours() -> None:
    series = PairSeries((Reason.TIMEOUT, Reason.LOCAL))
    series.record(Facts(), ProbeFailed(Reason.STATUS), *NOW)
    assert series.failures == {Reason.TIMEOUT: 0, Reason.LOCAL: 1}


def test_a_phase_that_its_target_no_longer_has_is_left_out() -> None:
    series = PairSeries((Reason.LOCAL,))
    series = series.for_configuration((Phase.CONNECT,), BOUNDS, fresh_for=40.0)
    series.record(Facts(), ANSWER, *NOW)
    assert series.phases == {Phase.CONNECT: (0.0625, 1)}


def test_the_latest_probe_is_shown_while_it_is_fresh_and_not_before_the_first() -> None:
    series = new_series()
    assert not series.is_fresh(0.0)
    series.record(Facts(), ANSWER, 100.0, 0.0)
    assert series.is_fresh(140.0)
    assert not series.is_fresh(140.1)


def test_an_answer_after_the_timeout_is_a_late_reply_and_a_failure() -> None:
    series = new_series()
    series.record(Facts(answered_late=True), ProbeFailed(Reason.TIMEOUT), *NOW)
    assert (series.late_replies, series.failures[Reason.TIMEOUT]) == (1, 1)

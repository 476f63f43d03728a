"""One probe, explained for people."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from collectors.contract import Facts, ProbeFailed
from collectors.http.target import HttpTarget
from collectors.replies import Exchange, Login, RoundTrip
from collectors.terms import Clock, Phase, Reason
from exporter.overview.timeline import VerdictContext, explain
from exporter.probing.single import ProbeResult
from exporter.recording.own_health import OwnHealth
from exporter.recording.series import PairSeries
from tests.exporter.pages import ANSWERS, DATABASE, SMALL, Small

NOW = 1_700_000_000.0
ROUND_TRIP = 0.35


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(tmp_path)


def exchange(server: float) -> Exchange:
    """Return an answer of which the server took so long."""
    response = ROUND_TRIP + server
    return Exchange(rtt=ROUND_TRIP, clock=Clock.KERNEL, response=response, duration=response, phases={})


def explained(*answers: ProbeResult, usual: float | None = None) -> list[str]:
    """Explain them; ``usual`` is the round trip that the first one's pair has had so far."""
    states = []
    if usual is not None:
        series = PairSeries(tuple(Reason))
        for _ in range(9):
            series.record(Facts(), RoundTrip(rtt=usual, clock=Clock.KERNEL), 50.0, NOW - 50)
        states.append((answers[0].pair, series))
    return "".join(explain(answers, VerdictContext(states, OwnHealth(), 100.0, NOW))).splitlines()


def test_a_certificate_that_is_not_valid_yet_is_told_with_its_beginning(small: Small) -> None:
    facts = Facts(certificate_not_before=NOW + 3600, certificate_expiry=NOW + 86400)
    (*_, begins, ends, _) = explained(ProbeResult(small.pair("grafana", "http"), facts, ANSWERS["http"], 0.26))
    assert begins == "  certificate valid from 2023-11-14 23:13 UTC on: it is new, or a clock is wrong"
    assert ends == "  certificate until 2023-11-15, 24 h left"


def test_a_number_by_the_programs_own_clock_says_so(small: Small) -> None:
    reply = RoundTrip(rtt=0.0348, clock=Clock.USER)
    _, measured, clock, _ = explained(ProbeResult(small.pair("wf008", "icmp"), Facts(), reply, 0.04))
    assert measured == "  34.8 ms, own clock"
    assert clock == "  timed by this program's own clock instead of the kernel's: its own delays are in it"


def test_a_login_by_a_driver_is_not_split_into_distance_and_server(tmp_path: Path) -> None:
    pair = Small(tmp_path, SMALL + DATABASE).pair("wf008", "login")
    reply = Login(rtt=0.0348, clock=Clock.USER, duration=0.25, round_trips=None, phases={})
    _, measured, *_ = explained(ProbeResult(pair, Facts(), reply, 0.25))
    assert measured == "  250 ms, round trip 34.8 ms, own clock"


def test_a_request_is_drawn_phase_by_phase(small: Small) -> None:
    facts = Facts(status_code=200, certificate_expiry=NOW + 34 * 86400, peer_processing=0.0002)
    assert explained(ProbeResult(small.pair("grafana", "http"), facts, ANSWERS["http"], 0.26)) == [
        "grafana http: GET https://grafana.example/api/health over ipv4",
        "  dns          31.2 ms  |#######                                 |",
        "  connect      62.5 ms  |       #############                    |",
        "  processing   78.1 ms  |                    #################   |",
        "  transfer     15.6 ms  |                                     ###|",
        "  in all        188 ms",
        "  78.1 ms = network 62.5 + server 15.6",
        "  status 200",
        "  the peer says that 200 µs were its own program's",
        "  certificate until 2023-12-18, 34 days left",
        "  verdict: fine",
    ]


def test_an_echo_tells_the_round_trip_what_is_usual_and_the_queue(small: Small) -> None:
    answer = ProbeResult(small.pair("wf008", "icmp"), Facts(hop_limit=54), ANSWERS["icmp"], 0.1)
    assert explained(answer, usual=0.02) == [
        "wf008 icmp: echo to wf008.example over ipv4",
        "  50 ms (usual 20)",
        "  2 µs of it in this host's own egress queue",
        "  hop limit 54 left",
        "  verdict: network: its round trip is 30 ms longer than usual",
    ]


def test_a_failure_tells_how_far_it_came_and_the_others_are_its_witnesses(small: Small) -> None:
    silent = ProbeResult(
        small.pair("wf008", "tcp"),
        Facts(phase=Phase.CONNECT),
        ProbeFailed(Reason.TIMEOUT, "no answer within 10 s"),
        10.0,
    )
    well = ProbeResult(small.pair("wf008", "icmp"), Facts(), ANSWERS["icmp"], 0.1)
    assert explained(silent, well)[:3] == [
        "wf008 tcp: handshake with wf008.example port 9102 over ipv4",
        "  failed during connect, after 10 s: timeout: no answer within 10 s",
        "  verdict: network: no answer; icmp answers: the host is up, a firewall drops this port, or its queue is full",
    ]


def test_a_lost_syn_and_an_expired_certificate_are_said(small: Small) -> None:
    facts = Facts(retransmitted=True, certificate_expiry=NOW - 86400, redirect="/login", status_code=302)
    failed = ProbeFailed(Reason.STATUS, "status 302, which points to /login", misconfigured=True)
    lines = explained(ProbeResult(small.pair("grafana", "http"), facts, failed, 1.2))
    assert "  the first SYN got lost and was sent again: no round trip was measured" in lines
    assert "  certificate expired 24 h ago, on 2023-11-13" in lines
    assert "  status 302" in lines
    assert lines[-1] == "  verdict: configuration: status 302, which points to /login; look at it in the fleet file"


def test_a_certificate_that_is_too_near_its_end_is_beside_the_verdict_too(small: Small) -> None:
    facts = Facts(certificate_not_before=NOW - 182 * 86400, certificate_expiry=NOW + 18 * 86400)
    (*_, ends, verdict) = explained(ProbeResult(small.pair("grafana", "http"), facts, ANSWERS["http"], 0.26))
    assert ends == "  certificate until 2023-12-02, 18 days left"
    assert verdict == "  verdict: fine: its certificate ends in 18 days"


def test_the_last_hours_of_a_certificate_are_no_days(small: Small) -> None:
    facts = Facts(status_code=200, certificate_expiry=NOW + 7 * 3600)
    assert "  certificate until 2023-11-15, 7 h left" in explained(
        ProbeResult(small.pair("grafana", "http"), facts, ANSWERS["http"], 0.3)
    )


def test_the_address_of_a_name_is_said_and_those_before_it(small: Small) -> None:
    facts = Facts(address="192.0.2.9", tried=("192.0.2.8: no answer within 3.3 s",))
    lines = explained(ProbeResult(small.pair("wf008", "ping"), facts, ANSWERS["http"], 0.3))
    at = lines.index("  address 192.0.2.9")
    assert lines[at + 1] == "  before it, 192.0.2.8: no answer within 3.3 s"


def test_neither_a_querys_token_nor_what_a_peer_says_reaches_the_terminal_raw(small: Small) -> None:
    pair = small.pair("grafana", "http")
    assert isinstance(pair.aim, HttpTarget)
    pair = dataclasses.replace(pair, aim=dataclasses.replace(pair.aim, url="https://grafana.example/x?token=s3cret"))
    lines = explained(ProbeResult(pair, Facts(), ProbeFailed(Reason.PROTOCOL, "bad \x1b[31m line\n"), 1.0))
    assert lines[0] == "grafana http: GET https://grafana.example/x?... over ipv4"
    assert lines[1] == "  failed, after 1 s: protocol: bad \\x1b[31m line\\n"
    assert "s3cret" not in "".join(lines)


def test_a_reply_without_a_round_trip_is_not_given_one(small: Small) -> None:
    answer = ProbeResult(
        small.pair("wf008", "tcp"), Facts(retransmitted=True), RoundTrip(rtt=None, clock=Clock.KERNEL), 1.1
    )
    assert "  answered, not measured" in explained(answer)


@pytest.mark.parametrize(
    ("before", "verdict"),
    [
        ((0.005, 0.005, 0.005, 0.005), "fine: this answer was late: a lost packet can do that"),
        ((0.41, 0.005, 0.005, 0.005), "peer: its program is slow, the network is not"),
        ((0.41, 0.005, 0.005, 0.005, 0.005), "fine: this answer was late: a lost packet can do that"),
    ],
)
def test_a_late_answer_is_compared_with_the_four_results_before(
    small: Small, before: tuple[float, ...], verdict: str
) -> None:
    pair = small.pair("grafana", "http")
    series = PairSeries(tuple(Reason))
    for server in (0.005,) * 9 + before:
        series.record(Facts(), exchange(server), 50.0, NOW - 50)
    context = VerdictContext([(pair, series)], OwnHealth(), 100.0, NOW)
    (text,) = explain([ProbeResult(pair, Facts(), exchange(0.41), 0.76)], context)
    assert text.splitlines()[-1] == f"  verdict: {verdict}"

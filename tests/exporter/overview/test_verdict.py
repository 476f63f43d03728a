"""One look -> whose fault it is, and why."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from collectors.http.target import HttpTarget
from collectors.icmp.target import IcmpTarget
from collectors.replies import Query
from collectors.target import Gives
from collectors.tcp import TcpTarget
from collectors.terms import Clock, Gap, Phase, Reason
from exporter.overview.beside import Beside
from exporter.overview.pair_now import PairNow
from exporter.overview.verdict import FINE, UNKNOWN, Culprit, Verdict, judge, judge_host
from exporter.recording.own_health import OwnHealth

WELL = OwnHealth()
FULL = OwnHealth(egress_queue=0.3)
"""With a queue that nothing gets through in time."""


icmp = partial(PairNow, probe="icmp", gives=IcmpTarget.gives, age=1.0, rtt=0.35, usual_rtt=0.35, results=60)
tcp = partial(icmp, probe="tcp", gives=TcpTarget.gives)
ping = partial(icmp, probe="ping", gives=HttpTarget.gives, response=0.355, server=0.005, usual_server=0.005)


login = partial(
    icmp,
    probe="login",
    gives=frozenset({Gives.LOGIN, Gives.ROUND_TRIP, Gives.HANDSHAKE}),
    login=2.11,
    round_trips=6,
    rtt=0.351,
    usual_rtt=0.351,
    server=0.008,
    usual_server=0.008,
)
query = partial(
    icmp,
    probe="query",
    gives=frozenset({Gives.QUERY}),
    reply=Query(response=0.352, clock=Clock.KERNEL),
    rtt=None,
    usual_rtt=None,
    response=0.352,
    server=0.352,
    usual_server=0.352,
)


def failed(make: Callable[..., PairNow], reason: Reason, **seen: Any) -> PairNow:
    """Let it fail for 42 s; its first failure was decided 40 s ago."""
    connected = seen.get("phase") in {Phase.TLS, Phase.AUTH, Phase.QUERY, Phase.PROCESSING, Phase.TRANSFER}
    seen = {
        "failing_for": 42.0,
        "silent": reason in {Reason.TIMEOUT, Reason.UNREACHABLE} and not connected,
        "first_failure": 40.0,
    } | seen
    return make(reason=reason, reply=None, rtt=None, response=None, server=None, **seen)


SILENT = failed(icmp, Reason.TIMEOUT)
CASES: dict[str, tuple[PairNow, list[PairNow], OwnHealth, Culprit, str]] = {
    "all as usual": (ping(), [], WELL, Culprit.FINE, ""),
    "the very first answer": (icmp(usual_rtt=None), [], WELL, Culprit.FINE, ""),
    "no longer measured": (icmp(age=130.0, stale=True), [], WELL, Culprit.THIS_HOST, "not measured for 2 min"),
    "no permission": (
        failed(icmp, Reason.LOCAL, detail="no permission to open an ICMP socket"),
        [],
        WELL,
        Culprit.THIS_HOST,
        "no permission to open an ICMP socket",
    ),
    "an unknown name": (
        failed(tcp, Reason.DNS, detail="wf80: not found", misconfigured=True),
        [],
        WELL,
        Culprit.CONFIGURATION,
        "wf80: not found; look at it in the fleet file",
    ),
    "a dead name server": (
        failed(ping, Reason.DNS, detail="wf008: Timeout", phase=Phase.DNS),
        [icmp()],
        WELL,
        Culprit.NETWORK,
        "the name can't be looked up: wf008: Timeout; icmp still reaches the host",
    ),
    "a dead name server from the start": (
        failed(ping, Reason.DNS, detail="wf008: Timeout"),
        [failed(icmp, Reason.DNS)],
        WELL,
        Culprit.NETWORK,
        "the name can't be looked up: wf008: Timeout",
    ),
    "silence": (
        SILENT,
        [failed(tcp, Reason.TIMEOUT, phase=Phase.CONNECT)],
        WELL,
        Culprit.NETWORK,
        "no answer: network or host down",
    ),
    "what was heard before the silence is no witness": (
        SILENT,
        [tcp(age=41.0), ping(age=3600.0)],
        WELL,
        Culprit.NETWORK,
        "no answer: network or host down",
    ),
    "silence of a host that asks us": (
        failed(icmp, Reason.TIMEOUT, target="wf008"),
        [],
        OwnHealth(asked_by={"wf008": 3.0}),
        Culprit.NETWORK,
        "no answer, but it asked this host 3 s ago: it is alive; a wrong address, or a firewall",
    ),
    "silence of a host that asked us before": (
        failed(icmp, Reason.TIMEOUT, target="wf008"),
        [],
        OwnHealth(asked_by={"wf008": 41.0}),
        Culprit.NETWORK,
        "no answer: network or host down",
    ),
    "a name that moved to where nobody answers": (
        failed(icmp, Reason.TIMEOUT, failing_for=240.0, moved_ago=239.0, moved="192.0.2.8 -> 192.0.2.99"),
        [],
        WELL,
        Culprit.NETWORK,
        "no answer: network or host down; its address changed 4 min ago: 192.0.2.8 -> 192.0.2.99",
    ),
    "a name that moved long before the silence": (
        failed(icmp, Reason.TIMEOUT, moved_ago=86400.0, moved="192.0.2.8 -> 192.0.2.99"),
        [],
        WELL,
        Culprit.NETWORK,
        "no answer: network or host down",
    ),
    "a name that moved to where another program answers": (
        failed(
            ping,
            Reason.STATUS,
            detail="status 404",
            ever_succeeded=True,
            moved_ago=40.0,
            moved="192.0.2.8 -> 192.0.2.99",
        ),
        [],
        WELL,
        Culprit.PEER,
        "status 404; its address changed 40 s ago: 192.0.2.8 -> 192.0.2.99",
    ),
    "a name that moved farther away": (
        icmp(rtt=0.6, moved_ago=3600.0, moved="192.0.2.8 -> 192.0.2.99"),
        [],
        WELL,
        Culprit.NETWORK,
        "its round trip is 250 ms longer than usual; its address changed 1 h ago: 192.0.2.8 -> 192.0.2.99",
    ),
    "a name that moved, and all is well": (
        icmp(moved_ago=60.0, moved="192.0.2.8 -> 192.0.2.99"),
        [],
        WELL,
        Culprit.FINE,
        "",
    ),
    "only one family is silent": (
        SILENT,
        [icmp(ip_family="ipv6")],
        WELL,
        Culprit.NETWORK,
        "no answer; over ipv6 the host answers: look at the path of ipv4",
    ),
    "a witness of the same family comes first": (
        failed(icmp, Reason.TIMEOUT, ip_family="ipv6"),
        [tcp(), tcp(ip_family="ipv6")],
        WELL,
        Culprit.NETWORK,
        "no answer; tcp (ipv6) answers: the host is up, only ICMP gets lost",
    ),
    "losses after connecting": (
        failed(ping, Reason.TIMEOUT, phase=Phase.PROCESSING),
        [icmp(lost=12, bursts=9)],
        WELL,
        Culprit.NETWORK,
        "it connects, and then packets get lost (icmp loses some, too)",
    ),
    "a status that was well before": (
        failed(ping, Reason.STATUS, detail="status 404", misconfigured=True, ever_succeeded=True),
        [],
        WELL,
        Culprit.PEER,
        "status 404; it was well until 42 s ago",
    ),
    "a name that was known before": (
        failed(ping, Reason.DNS, detail="wf008: not found", misconfigured=True, ever_succeeded=True),
        [],
        WELL,
        Culprit.NETWORK,
        "the name can't be looked up: wf008: not found",
    ),
    "a slow look-up": (ping(lookup=2.02), [], WELL, Culprit.NETWORK, "its name took 2.02 s to look up"),
    "a server that fails now and then": (
        ping(failed=5, bursts=5, results=21),
        [],
        WELL,
        Culprit.PEER,
        "5 of the last 21 failed, at 5 times",
    ),
    "only ICMP is silent": (
        SILENT,
        [failed(tcp, Reason.REFUSED, phase=Phase.CONNECT)],
        WELL,
        Culprit.NETWORK,
        "no answer; tcp refused: the host is up, only ICMP gets lost",
    ),
    "only one port is silent": (
        failed(tcp, Reason.TIMEOUT, phase=Phase.CONNECT),
        [icmp()],
        WELL,
        Culprit.NETWORK,
        "no answer; icmp answers: the host is up, a firewall drops this port, or its queue is full",
    ),
    "no route": (failed(icmp, Reason.UNREACHABLE), [], WELL, Culprit.NETWORK, "no way there: network or host down"),
    "an answer that gets lost": (
        failed(ping, Reason.TIMEOUT, phase=Phase.PROCESSING, gap=Gap.ANSWER),
        [],
        WELL,
        Culprit.NETWORK,
        "it answers, and a large packet of the answer gets lost each time (look at the path's MTU)",
    ),
    "a request that gets lost": (
        failed(login, Reason.TIMEOUT, phase=Phase.AUTH, gap=Gap.REQUEST),
        [],
        WELL,
        Culprit.NETWORK,
        "it connects, and then what we send gets lost (large packets alone? look at the path's MTU)",
    ),
    "a firewall that says no": (
        failed(tcp, Reason.REFUSED, phase=Phase.CONNECT, detail="10.0.0.1 says that the port cannot be reached"),
        [],
        WELL,
        Culprit.PEER,
        "10.0.0.1 says that the port cannot be reached",
    ),
    "large echoes get lost": (
        SILENT,
        [icmp(probe="small")],
        WELL,
        Culprit.NETWORK,
        "no answer; small answers: the host is up, only echoes of this size or class get lost: look at the path's MTU",
    ),
    "a router that says no": (
        failed(icmp, Reason.UNREACHABLE, silent=True, detail="10.0.0.1 says that the host cannot be reached"),
        [],
        WELL,
        Culprit.NETWORK,
        "no way there (10.0.0.1 says that the host cannot be reached): network or host down",
    ),
    "the host's own firewall": (
        failed(icmp, Reason.UNREACHABLE, detail="10.0.0.3 says that it is prohibited", asked="10.0.0.3"),
        [],
        WELL,
        Culprit.PEER,
        "no way there (10.0.0.3 says that it is prohibited): the host is up, its firewall prohibits it",
    ),
    "the host's own firewall, by the last of its addresses": (
        failed(
            tcp,
            Reason.UNREACHABLE,
            phase=Phase.CONNECT,
            detail="fd00::3: fd00::3 says that the host cannot be reached (before it: fd00::2: no answer)",
            asked="fd00::3",
        ),
        [],
        WELL,
        Culprit.PEER,
        "no way there (fd00::3: fd00::3 says that the host cannot be reached (before it: fd00::2: no answer)): "
        "the host is up, its firewall refuses it, or it passes it on",
    ),
    "a firewall on the way": (
        failed(icmp, Reason.UNREACHABLE, detail="10.0.0.1 says that it is prohibited", asked="10.0.0.3"),
        [],
        WELL,
        Culprit.NETWORK,
        "no way there (10.0.0.1 says that it is prohibited): network or host down",
    ),
    "a closed port": (
        failed(tcp, Reason.REFUSED),
        [icmp()],
        WELL,
        Culprit.PEER,
        "the host is up, and nothing listens on this port, or a firewall refuses it",
    ),
    "a frozen program": (
        failed(ping, Reason.TIMEOUT, phase=Phase.PROCESSING),
        [icmp()],
        WELL,
        Culprit.PEER,
        "it connects, and then its program does not answer (processing)",
    ),
    "a broken connection": (
        failed(ping, Reason.RESET, detail="Connection reset by peer"),
        [],
        WELL,
        Culprit.PEER,
        "Connection reset by peer",
    ),
    "an expired certificate": (
        failed(ping, Reason.TLS, detail="certificate has expired"),
        [],
        WELL,
        Culprit.PEER,
        "certificate has expired",
    ),
    "a server's error": (failed(ping, Reason.STATUS, detail="status 503"), [], WELL, Culprit.PEER, "status 503"),
    "a login that is refused": (
        failed(ping, Reason.STATUS, detail="status 401", misconfigured=True),
        [],
        WELL,
        Culprit.CONFIGURATION,
        "status 401; look at it in the fleet file",
    ),
    "a failure without a detail": (failed(ping, Reason.BODY), [], WELL, Culprit.PEER, "body"),
    "a slower network": (icmp(rtt=0.6), [], WELL, Culprit.NETWORK, "its round trip is 250 ms longer than usual"),
    "a network as slow as ever": (icmp(rtt=0.442, usual_rtt=0.349), [], WELL, Culprit.FINE, ""),
    "noise on loopback": (icmp(rtt=0.002, usual_rtt=0.0001), [], WELL, Culprit.FINE, ""),
    "a slower server": (ping(server=0.4), [], WELL, Culprit.PEER, "its program is slow, the network is not"),
    "a server that was always slow": (
        ping(server=2.4, usual_server=2.4),
        [],
        WELL,
        Culprit.PEER,
        "its program is slow, the network is not",
    ),
    "both slower, the server more": (
        ping(rtt=0.6, server=0.9),
        [],
        WELL,
        Culprit.PEER,
        "its program is slow, and the network is slower than usual",
    ),
    "both slower, the network more": (
        ping(rtt=1.6, server=0.4),
        [],
        WELL,
        Culprit.NETWORK,
        "its round trip is 1.25 s longer than usual",
    ),
    "our own queue": (
        icmp(rtt=0.39, usual_rtt=0.001),
        [],
        OwnHealth(egress_queue=0.38),
        Culprit.THIS_HOST,
        "up to 380 ms of it are its own egress queue",
    ),
    "a queue that explains nothing": (
        icmp(rtt=0.6),
        [],
        OwnHealth(egress_queue=0.02),
        Culprit.NETWORK,
        "its round trip is 250 ms longer than usual",
    ),
    "a lost SYN": (
        tcp(rtt=None, retransmitted=True),
        [],
        WELL,
        Culprit.NETWORK,
        "the first SYN got lost and was sent again",
    ),
    "losses": (
        icmp(lost=4, bursts=3),
        [],
        WELL,
        Culprit.NETWORK,
        "4 of the last 60 got lost, at 3 times",
    ),
    "an outage that is over": (
        icmp(lost=40, bursts=1, longest=40),
        [],
        WELL,
        Culprit.FINE,
        "well again; 40 of the last 60 got lost, in a row",
    ),
    "an outage that is over, and a single loss": (
        icmp(lost=11, bursts=2, longest=10),
        [],
        WELL,
        Culprit.FINE,
        "well again; 11 of the last 60 got lost, at 2 times",
    ),
    "two losses of a healthy path": (icmp(lost=2, bursts=2), [], WELL, Culprit.FINE, ""),
    "losses that are usual": (icmp(lost=5, bursts=5, usual_loss=0.03), [], WELL, Culprit.FINE, ""),
    "more losses than usual": (
        icmp(lost=9, bursts=8, usual_loss=0.03),
        [],
        WELL,
        Culprit.NETWORK,
        "9 of the last 60 got lost, at 8 times; usually 3 %",
    ),
    "losses that are too many, however usual": (
        icmp(lost=12, bursts=10, usual_loss=0.2),
        [],
        WELL,
        Culprit.NETWORK,
        "12 of the last 60 got lost, at 10 times; usually 20 %",
    ),
    "handshakes that were sent again": (
        tcp(resent=7, bursts=7),
        [],
        WELL,
        Culprit.NETWORK,
        "7 of the last 60 lost their first SYN, at 7 times",
    ),
    "losses, and handshakes that were sent again": (
        ping(lost=2, resent=3, bursts=5),
        [],
        WELL,
        Culprit.NETWORK,
        "2 of the last 60 got lost, and 3 lost their first SYN, at 5 times",
    ),
    "losses and failures": (
        ping(lost=19, failed=22, bursts=12),
        [],
        WELL,
        Culprit.PEER,
        "41 of the last 60 failed, 19 of them without an answer, at 12 times",
    ),
    "an answer that came late where packets get lost": (
        ping(response=0.56, server=0.21),
        [icmp(lost=12, bursts=9)],
        WELL,
        Culprit.NETWORK,
        "its answer was late: packets get lost (icmp loses some), or its program is slow, too",
    ),
    "a single late answer: one packet of it may have been lost": (
        ping(response=0.76, server=0.41, before=(0.355, 0.36, 0.355, 0.351)),
        [],
        WELL,
        Culprit.FINE,
        "this answer was late: a lost packet can do that",
    ),
    "a second late answer": (
        ping(response=0.76, server=0.41, before=(0.355, 0.36, 0.355, 0.75)),
        [],
        WELL,
        Culprit.PEER,
        "its program is slow, the network is not",
    ),
    "one of several servers behind a name is slow": (
        ping(response=0.76, server=0.41, before=(0.355, 0.76, 0.355, 0.355)),
        [],
        WELL,
        Culprit.PEER,
        "its program is slow, the network is not",
    ),
    "a second late answer, where something got lost": (
        ping(response=0.76, server=0.41, before=(0.355, 0.76, 0.355, 0.355)),
        [icmp(lost=1, bursts=1, results=20)],
        WELL,
        Culprit.FINE,
        "this answer was late: a lost packet can do that",
    ),
    "a single answer so late that no lost packet explains it": (
        ping(rtt=0.02, usual_rtt=0.02, response=1.8, server=1.78, before=(0.025, 0.025)),
        [],
        WELL,
        Culprit.PEER,
        "its program is slow, the network is not",
    ),
    "an answer that came so late that no loss explains it": (
        ping(response=4.4, server=4.0),
        [icmp(lost=12, bursts=9)],
        WELL,
        Culprit.PEER,
        "its program is slow, the network is not",
    ),
    "a frozen program whose host is never answered by ICMP": (
        failed(ping, Reason.TIMEOUT, phase=Phase.PROCESSING),
        [failed(icmp, Reason.TIMEOUT, lost=60)],
        WELL,
        Culprit.PEER,
        "it connects, and then its program does not answer (processing)",
    ),
    "a distant login": (login(), [], WELL, Culprit.FINE, "the distance, not the database"),
    "a slow login": (
        login(login=4.1, server=2.0),
        [],
        WELL,
        Culprit.DATABASE,
        "its program is slow, the network is not",
    ),
    "a slow query": (
        query(response=0.9, server=0.9),
        [login()],
        WELL,
        Culprit.DATABASE,
        "its program is slow, the network is not",
    ),
    "a query over a slower network": (
        query(response=0.75, server=0.75),
        [login(rtt=0.75)],
        WELL,
        Culprit.NETWORK,
        "its round trip is 399 ms longer than usual",
    ),
    "a database at its limit": (
        failed(login, Reason.LIMIT, detail="53300: too many"),
        [],
        WELL,
        Culprit.DATABASE,
        "at its limit: 53300: too many",
    ),
    "a frozen database": (
        failed(query, Reason.TIMEOUT, phase=Phase.QUERY),
        [],
        WELL,
        Culprit.DATABASE,
        "it connects, and then its program does not answer (query)",
    ),
    "a wrong password": (
        failed(login, Reason.AUTH, detail="28P01: no", misconfigured=True),
        [],
        WELL,
        Culprit.CONFIGURATION,
        "28P01: no; look at it in the fleet file",
    ),
    "a database that is down": (
        failed(login, Reason.REFUSED, detail="Connection refused"),
        [],
        WELL,
        Culprit.DATABASE,
        "Connection refused",
    ),
    "a server's share that our own queue explains": (
        ping(rtt=0.36, response=0.9, server=0.54),
        [],
        FULL,
        Culprit.THIS_HOST,
        "up to 300 ms of it are its own egress queue",
    ),
    "an answer that our own queue lost a packet of": (
        ping(rtt=0.65, response=1.85, server=1.2, before=(0.9, 0.355, 2.1, 2.1)),
        [],
        FULL,
        Culprit.THIS_HOST,
        "its own egress queue is full and loses packets: they are sent again",
    ),
    "a slow server behind our own queue": (
        ping(rtt=0.65, response=1.85, server=1.2, before=(0.9, 2.1, 2.1, 2.1)),
        [icmp(lost=6, bursts=6)],
        FULL,
        Culprit.PEER,
        "its program is slow, by far more than this host's own egress queue",
    ),
    "a server's share far above our own queue": (
        ping(rtt=0.65, response=3.05, server=2.4),
        [],
        FULL,
        Culprit.PEER,
        "its program is slow, by far more than this host's own egress queue",
    ),
    "a login's share that our own queue explains, flight by flight": (
        login(login=3.4, server=1.3),
        [],
        FULL,
        Culprit.THIS_HOST,
        "up to 300 ms of it are its own egress queue",
    ),
    "silence behind our own queue": (
        failed(icmp, Reason.TIMEOUT, in_a_row=2),
        [],
        FULL,
        Culprit.THIS_HOST,
        "no answer, and its own egress queue is full and loses packets",
    ),
    "a request that got lost in our own queue": (
        failed(ping, Reason.TIMEOUT, phase=Phase.PROCESSING, in_a_row=1),
        [icmp()],
        FULL,
        Culprit.THIS_HOST,
        "no answer, and its own egress queue is full and loses packets",
    ),
    "a name that does not exist, behind our own queue": (
        failed(ping, Reason.DNS, in_a_row=1, misconfigured=True, detail="no such name"),
        [],
        FULL,
        Culprit.CONFIGURATION,
        "no such name; look at it in the fleet file",
    ),
    "a resolver's silence behind our own queue": (
        failed(ping, Reason.DNS, in_a_row=1, detail="no answer of the resolver"),
        [],
        FULL,
        Culprit.THIS_HOST,
        "no answer, and its own egress queue is full and loses packets",
    ),
    "silence that no queue explains": (
        failed(icmp, Reason.TIMEOUT, in_a_row=12),
        [],
        FULL,
        Culprit.NETWORK,
        "no answer: network or host down",
    ),
    "a frozen program behind our own queue": (
        failed(ping, Reason.TIMEOUT, phase=Phase.PROCESSING, in_a_row=5),
        [icmp(lost=6, bursts=6)],
        FULL,
        Culprit.PEER,
        "it connects, and then its program does not answer (processing)",
    ),
    "a closed port behind our own queue": (
        failed(tcp, Reason.REFUSED, in_a_row=1),
        [],
        FULL,
        Culprit.PEER,
        "the host is up, and nothing listens on this port, or a firewall refuses it",
    ),
    "losses in our own queue": (
        icmp(lost=9, bursts=7),
        [],
        FULL,
        Culprit.THIS_HOST,
        "9 of the last 60 got lost, at 7 times; its own egress queue is full and loses packets",
    ),
    "a single loss": (icmp(lost=1, bursts=1, results=30), [], WELL, Culprit.FINE, ""),
    "a single loss of few": (
        icmp(lost=1, bursts=1, results=8),
        [],
        WELL,
        Culprit.FINE,
        "1 of the last 8 failed: too few to judge",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_fault_has_its_word_and_its_half_sentence(case: str) -> None:
    seen, beside, own, culprit, why = CASES[case]
    assert judge(seen, beside, own) == Verdict(culprit, why)


def test_silence_of_everybody_is_looked_for_here() -> None:
    verdict = judge(SILENT, [], WELL, Beside(nobody_answers=True))
    assert verdict == Verdict(Culprit.NETWORK, "no answer, from nobody at all: look at this host's own link first")


UNTIL = "until 2026-12-01 06:00 UTC"


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (icmp(maintenance=""), ""),
        (icmp(maintenance=UNTIL), UNTIL),
        (icmp(maintenance=UNTIL, age=None), f"{UNTIL}; no result yet"),
        (
            failed(icmp, Reason.TIMEOUT, maintenance=UNTIL),
            f"{UNTIL}; network: no answer: network or host down",
        ),
        (failed(icmp, Reason.TIMEOUT, maintenance=""), "network: no answer: network or host down"),
    ],
)
def test_what_is_wrong_with_a_host_in_maintenance_is_no_trouble(seen: PairNow, why: str) -> None:
    assert judge(seen, [], WELL) == Verdict(Culprit.MAINTENANCE, why)


def test_what_is_this_hosts_own_fault_is_so_toward_a_host_in_maintenance_too() -> None:
    seen = icmp(age=130.0, stale=True, maintenance=UNTIL)
    assert judge(seen, [], WELL) == Verdict(Culprit.THIS_HOST, "not measured for 2 min")


def test_before_the_first_result_nobody_is_blamed() -> None:
    assert judge(icmp(age=None), [], WELL) == UNKNOWN
    assert str(UNKNOWN) == "-: no result yet"


def test_a_verdict_reads_as_the_word_and_then_the_reason() -> None:
    assert str(FINE) == "fine"
    assert str(Verdict(Culprit.PEER, "status 503")) == "peer: status 503"


@pytest.mark.parametrize(
    ("own", "verdict"),
    [
        (OwnHealth(), FINE),
        (OwnHealth(lateness=0.02, egress_queue=1e-5), FINE),
        (OwnHealth(lateness=0.12), Verdict(Culprit.THIS_HOST, "do not trust the other lines")),
        (OwnHealth(egress_queue=0.038), Verdict(Culprit.THIS_HOST, "do not trust the other lines")),
        (OwnHealth(skipped=1), Verdict(Culprit.THIS_HOST, "do not trust the other lines")),
        (OwnHealth(overflows=1), Verdict(Culprit.THIS_HOST, "do not trust the other lines")),
        (
            OwnHealth(no_icmp="no permission for ICMP"),
            Verdict(Culprit.THIS_HOST, "no permission for ICMP"),
        ),
        (
            OwnHealth(not_reloaded="fleet.yml:3: x"),
            Verdict(Culprit.CONFIGURATION, "not reloaded, the one before is in force: fleet.yml:3: x"),
        ),
    ],
)
def test_this_host_has_a_verdict_of_its_own(own: OwnHealth, verdict: Verdict) -> None:
    assert judge_host(own) == verdict


@pytest.mark.parametrize(
    ("seen", "reached"),
    [
        (icmp(), True),
        (failed(tcp, Reason.REFUSED), True),
        (failed(ping, Reason.TIMEOUT, phase=Phase.PROCESSING), True),
        (failed(ping, Reason.STATUS, misconfigured=True), True),
        (SILENT, False),
        (failed(icmp, Reason.UNREACHABLE), False),
        (failed(icmp, Reason.LOCAL), None),
        (failed(icmp, Reason.DNS), None),
        (icmp(age=None), None),
        (icmp(stale=True), None),
    ],
)
def test_some_failures_show_that_the_host_is_there_and_some_show_nothing(seen: PairNow, reached: bool | None) -> None:
    assert seen.reached is reached

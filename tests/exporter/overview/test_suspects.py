"""Faults of whole fleets as the page of one host shows them: the head of the page, and what a line says first."""

from __future__ import annotations

import dataclasses
import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from collectors.contract import Facts, ProbeFailed
from collectors.replies import Reply, RoundTrip
from collectors.terms import Clock, Phase, Reason
from exporter.overview import Overview, PageFormat
from exporter.overview.pair_now import pair_now
from exporter.overview.paths import path_of
from exporter.overview.suspects import Suspects
from exporter.overview.timeline import VerdictContext, explain
from exporter.probing import ProbeResult
from exporter.recording.series import PairSeries
from tests.exporter.overview.test_verdict import failed, icmp, query, tcp
from tests.exporter.pages import ANSWERS, Small, Time

FLEET = """\
hosts:
  - {name: a1, address: 192.0.2.1, datacenter: a}
  - {name: a2, address: 192.0.2.2, datacenter: a}
  - {name: a3, address: 192.0.2.3, datacenter: a}
  - {name: b1, address: 192.0.2.11, datacenter: b}
  - {name: b2, address: 192.0.2.12, datacenter: b}
  - {name: b3, address: 192.0.2.13, datacenter: b}
  - {name: c1, address: 192.0.2.21, datacenter: c}
probes:
  icmp: {protocol: icmp, interval: 5s, timeout: 4s}
  tcp: {protocol: tcp, port: 9102, interval: 5s, timeout: 4s}
  ping: {protocol: http, url: "http://{address}:9102/ping", interval: 5s, timeout: 4s}
"""
SILENCE = ProbeFailed(Reason.TIMEOUT, "no answer within 4 s")
REFUSED = ProbeFailed(Reason.REFUSED, "Connection refused")
FARTHER = RoundTrip(rtt=0.2, clock=Clock.KERNEL)
SENT_AGAIN = RoundTrip(rtt=None, clock=Clock.KERNEL)

Fault = Callable[[str, str, int], Reply | ProbeFailed | None]
"""What a target answers to a probe in the round of this number; None: what it always does."""


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    for module in ("exporter.recording.recorder", "exporter.clock", "exporter.overview.overview"):
        monkeypatch.setattr(f"{module}.time", time)
    return time


@dataclasses.dataclass
class View:
    """What one host sees, round by round."""

    small: Small
    time: Time

    def rounds(self, number: int, fault: Fault = lambda *_: None) -> None:
        for count in range(number):
            self.time.passed += 5
            for pair in self.small.pairs:
                usual = ANSWERS[pair.probe if pair.database else pair.protocol]
                outcome = fault(pair.target, pair.probe, count) or usual
                facts = Facts(phase=Phase.CONNECT, retransmitted=outcome is SENT_AGAIN)
                self.small.recorder.probe_ended(pair, facts, outcome)

    def page(self, shape: PageFormat = "text") -> str:
        overview = Overview(lambda: self.small.host.name, self.small.recorder.states, self.small.recorder.own_health)
        return b"".join(overview.pieces(shape, {}, 1)).decode()

    @property
    def head(self) -> str:
        """What the first line says behind the counts."""
        return self.page().splitlines()[0].partition("; ")[2]

    def line(self, target: str, probe: str) -> str:
        """Return the verdict of a pair."""
        (line,) = (line for line in self.page().splitlines() if re.match(rf"{target} +{probe} ", line))
        return re.split("  +", line)[-1]


@pytest.fixture
def view(time: Time, tmp_path: Path) -> View:
    """A calm that is known as usual."""
    view = View(Small(tmp_path, FLEET, "a1"), time)
    view.rounds(20)
    return view


def on(*names: str, probe: str = "", outcome: Reply | ProbeFailed = SILENCE, every: int = 1) -> Fault:
    """Let this come of the probes toward targets whose names begin so."""

    def fault(target: str, asked: str, count: int) -> Reply | ProbeFailed | None:
        hit = target.startswith(names) and probe in {"", asked} and count % every == 0
        return outcome if hit else None

    return fault


FIREWALL = "this host's firewall or proxy, or that program everywhere"
UNEVEN = "handshakes get lost, ICMP does not: one of several parallel paths, or something that drops handshakes"
SITUATIONS: dict[str, tuple[Fault, str, tuple[str, str], str]] = {
    "a host is silent, and others of its datacenter answer": (
        on("b2"),
        "b2, its firewall or the path to it: no answer by any probe",
        ("b2", "icmp"),
        "network: b2, its firewall or the path to it: no answer; 2 other hosts of datacenter b answer",
    ),
    "a host of the own datacenter is silent": (
        on("a3"),
        "a3, its firewall or the path to it: no answer by any probe",
        ("a3", "tcp"),
        "network: a3, its firewall or the path to it: no answer; 1 other host of datacenter a answers",
    ),
    "a host that is alone in its datacenter is silent": (
        on("c1"),
        "c1 or its only link: no answer by any probe",
        ("c1", "icmp"),
        "network: c1 or its only link: no answer; no other host of datacenter c is measured",
    ),
    "a datacenter is silent": (
        on("b"),
        "the path to datacenter b: none of its 3 hosts answers",
        ("b1", "tcp"),
        "network: the path to datacenter b: no answer; none of its 3 hosts answers",
    ),
    "most of a datacenter is silent": (
        on("b1", "b2"),
        "the path to datacenter b: 2 of its 3 hosts do not answer",
        ("b1", "tcp"),
        "network: the path to datacenter b: no answer; 2 of its 3 hosts do not answer",
    ),
    "all others of the own datacenter are silent": (
        on("a"),
        "the network within datacenter a: none of its 2 other hosts answers",
        ("a2", "icmp"),
        "network: the network within datacenter a: no answer; none of its 2 other hosts answers",
    ),
    "two hosts of unlike datacenters are silent": (
        on("a3", "b2"),
        "a3, b2: no answer by any probe",
        ("b2", "icmp"),
        "network: b2, its firewall or the path to it: no answer; 2 other hosts of datacenter b answer",
    ),
    "nobody answers": (
        on("a", "b", "c"),
        "this host's own link: nobody at all answers",
        ("b2", "icmp"),
        "network: no answer, from nobody at all: look at this host's own link first",
    ),
    "nearly nobody answers": (
        on("a", "b1", "b2", "c"),
        "this host's own link: 5 of the 6 hosts do not answer",
        ("b2", "icmp"),
        "network: this host's own link: no answer; 5 of the 6 hosts do not answer",
    ),
    "a datacenter is farther than usual": (
        on("b", outcome=FARTHER),
        "the path to datacenter b: all its 3 hosts are slower than usual",
        ("b2", "icmp"),
        "network: the path to datacenter b: its round trip is 150 ms longer than usual; "
        "all its 3 hosts are slower than usual",
    ),
    "everybody is farther than usual": (
        on("a", "b", "c", outcome=FARTHER),
        "this host's own link: all the 6 hosts are slower than usual",
        ("b2", "icmp"),
        "network: this host's own link: its round trip is 150 ms longer than usual; "
        "all the 6 hosts are slower than usual",
    ),
    "one host is farther than usual": (
        on("b2", outcome=FARTHER),
        "",
        ("b2", "icmp"),
        "network: b2 or the path to it: its round trip is 150 ms longer than usual; "
        "2 other hosts of datacenter b are well",
    ),
    "a datacenter loses packets": (
        on("b", every=3),
        "the path to datacenter b: packets to all its 3 hosts get lost",
        ("b2", "icmp"),
        "network: the path to datacenter b: 4 of the last 32 got lost, at 4 times; packets to all its 3 hosts get lost",
    ),
    "everybody loses packets": (
        on("a", "b", "c", every=3),
        "this host's own link: packets to all the 6 hosts get lost",
        ("c1", "icmp"),
        "network: this host's own link: 4 of the last 32 got lost, at 4 times; packets to all the 6 hosts get lost",
    ),
    "handshakes with one host get lost": (
        on("b2", probe="tcp", outcome=SENT_AGAIN, every=3),
        f"b2: {UNEVEN}",
        ("b2", "tcp"),
        f"network: {UNEVEN}; 4 of the last 32 lost their first SYN, at 4 times",
    ),
    "handshakes with a datacenter get lost": (
        on("b", probe="tcp", outcome=SENT_AGAIN, every=3),
        f"datacenter b: {UNEVEN}",
        ("b3", "tcp"),
        f"network: {UNEVEN}; 4 of the last 32 lost their first SYN, at 4 times",
    ),
    "one probe is refused by all": (
        on("a", "b", "c", probe="ping", outcome=REFUSED),
        f"ping (refused): fails alike toward all 6 hosts: {FIREWALL}",
        ("b3", "ping"),
        "peer: the host is up, and nothing listens on this port, or a firewall refuses it; "
        f"ping fails alike toward all 6 hosts: {FIREWALL}",
    ),
    "one port is silent nearly everywhere": (
        on("a", "b", probe="tcp"),
        f"tcp (no answer): fails alike toward 5 of 6 hosts: {FIREWALL}",
        ("b3", "tcp"),
        f"network: no answer; icmp answers: the host is up, and tcp fails alike toward 5 of 6 hosts: {FIREWALL}",
    ),
    "ICMP is silent everywhere": (
        on("a", "b", "c", probe="icmp"),
        "icmp (no answer): fails alike toward all 6 hosts: this host's firewall",
        ("b3", "icmp"),
        "network: no answer; tcp answers: the host is up, "
        "and icmp fails alike toward all 6 hosts: this host's firewall",
    ),
    "one probe is refused by two of six": (
        on("b1", "c1", probe="ping", outcome=REFUSED),
        "",
        ("c1", "ping"),
        "peer: the host is up, and nothing listens on this port, or a firewall refuses it",
    ),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_each_fault_is_named_in_the_head_of_the_page_and_first_in_its_line(view: View, situation: str) -> None:
    fault, head, (target, probe), line = SITUATIONS[situation]
    view.rounds(11, fault)
    view.rounds(1, fault if " lose" not in situation and " lost" not in situation else lambda *_: None)
    assert view.head == head
    assert view.line(target, probe) == line
    assert head in view.page("html").replace("&#x27;", "'")
    assert [f"{suspect['who']}: {suspect['why']}" for suspect in json.loads(view.page("json"))["suspects"]] == (
        [head] if head else []
    )


SAMPLED = FLEET.replace("{protocol:", "{sample: {within: 1, across: 2}, protocol:")
IN_A_SAMPLE = {
    "of a sample, a datacenter is silent": (
        on("b"),
        "the path to datacenter b: none of its 2 hosts in the sample answers",
        "network: the path to datacenter b: no answer; none of its 2 hosts in the sample answers",
    ),
    "of a sample, the only host of a datacenter is silent": (
        on("c1"),
        "c1 or its only link: no answer by any probe",
        "network: c1 or its only link: no answer; no other host of datacenter c is measured",
    ),
    "of a sample, the only one that is probed of the own datacenter is silent": (
        on("a"),
        "{} or the path to datacenter a: no answer by any probe",
        "network: {} or the path to datacenter a: no answer; the sample has no other host there",
    ),
}


@pytest.mark.parametrize("situation", IN_A_SAMPLE)
def test_of_a_sample_nobody_is_taken_for_all_that_there_is(time: Time, tmp_path: Path, situation: str) -> None:
    fault, head, line = IN_A_SAMPLE[situation]
    view = View(Small(tmp_path, SAMPLED, "a1"), time)
    view.rounds(20)
    view.rounds(3, fault)
    target = next(pair.target for pair in view.small.pairs if fault(pair.target, "icmp", 0))
    assert (view.head, view.line(target, "icmp")) == (head.format(target), line.format(target))


def test_while_all_is_well_nobody_is_suspected(view: View) -> None:
    assert view.head == ""
    assert view.page().count("  fine") == 19


def test_it_is_known_within_the_second_failure_and_not_said_of_a_single_one_of_one_host(view: View) -> None:
    view.rounds(1, on("b2", probe="icmp"))
    assert view.head == ""
    view.rounds(1, on("b"))
    assert view.head == "the path to datacenter b: none of its 3 hosts answers"


def test_who_was_heard_before_the_silence_is_no_witness_against_the_host(view: View) -> None:
    """Of all hosts of the datacenter only one has been asked since the fault."""
    view.time.passed += 5
    for probe in ("icmp", "tcp", "ping"):
        view.small.decide("b2", probe, SILENCE, Facts(phase=Phase.CONNECT))
    view.time.passed += 1
    assert view.line("b2", "icmp") == "network: no answer: network or host down"
    view.small.decide("b1", "icmp", ANSWERS["icmp"])
    assert view.line("b2", "icmp").startswith("network: b2, its firewall or the path to it: no answer; 1 other host ")


def test_hosts_in_maintenance_blame_nobody_and_show_that_they_live(view: View) -> None:
    resting = "datacenter: b, state: maintenance}"
    view.small.reload(
        FLEET.replace("2.11, datacenter: b}", f"2.11, {resting}").replace("2.12, datacenter: b}", f"2.12, {resting}")
    )
    view.rounds(3, on("b1", "b2"))
    assert view.head == ""
    assert view.line("b1", "icmp").startswith(
        "in maintenance: network: b1, its firewall or the path to it: no answer; "
    )
    view.rounds(3, on("b1", "b3"))
    assert view.head == "b3, its firewall or the path to it: no answer by any probe"
    assert view.line("b3", "icmp").endswith("no answer; 1 other host of datacenter b answers")


def test_when_all_others_are_in_maintenance_nobody_looks_at_this_host(view: View) -> None:
    view.small.reload(re.sub(r"(a[23]|b.|c.)(, address: \S+ datacenter: .)}", r"\1\2, state: maintenance}", FLEET))
    view.rounds(3, on("a", "b", "c"))
    assert view.head == ""
    assert "own link" not in view.page()


def test_what_was_never_well_is_the_configuration_and_not_everybodys_program(view: View) -> None:
    view.small.reload(FLEET.replace("/ping", "/pong"))
    view.rounds(
        3, on("a", "b", "c", probe="ping", outcome=ProbeFailed(Reason.STATUS, "status 404", misconfigured=True))
    )
    assert view.head == ""
    assert view.line("b1", "ping") == "configuration: status 404; look at it in the fleet file"


def test_of_hundreds_of_hosts_others_have_their_turn_after_each_fifty(time: Time, tmp_path: Path) -> None:
    names = [f"h{number}" for number in range(250)]
    hosts = "".join(f"  - {{name: {name}, address: {name}.example, datacenter: d}}\n" for name in names)
    small = Small(tmp_path, f"hosts:\n{hosts}probes:\n  icmp: {{protocol: icmp}}\n", "h0")
    states = small.recorder.states()
    places = {pair.place: [(pair, pair_now(pair, series, time.passed, time.time()))] for pair, series in states}
    assert len(list(Suspects(small.recorder.own_health(time.passed)).add_all(places))) == 249 // 50 + 1


def test_hosts_without_a_datacenter_are_in_none(view: View) -> None:
    view.small.reload(re.sub(r", datacenter: b", "", FLEET))
    view.rounds(3, on("b"))
    assert view.head == "b1, b2, b3: no answer by any probe"
    assert view.line("b1", "icmp") == "network: no answer: network or host down"


def test_a_database_and_an_endpoint_are_hosts_of_their_datacenters(view: View) -> None:
    more = """\
endpoints:
  - {name: shop, datacenter: d, probe: {protocol: http, url: "http://192.0.2.31/"}}
databases:
  - {name: orders, type: postgresql, host: 192.0.2.32, datacenter: d, user: u, dbname: d, tls: require}
"""
    view.small.reload(FLEET + more)
    view.rounds(3, on("shop", "192.0.2.32", "orders"))
    assert view.head == "the path to datacenter d: none of its 2 hosts answers"


def test_a_database_on_this_host_itself_is_no_witness_of_the_network(view: View) -> None:
    view.small.reload(
        FLEET + "databases:\n  - {name: n8n, type: postgresql, host: a1, user: u, dbname: d, tls: require}\n"
    )
    view.rounds(3, on("a2", "a3", "b", "c"))
    assert view.head == "this host's own link: nobody at all answers"


def test_a_family_is_named_where_there_are_two(view: View) -> None:
    both = FLEET.replace("192.0.2.", "h").replace("icmp: {", "icmp: {ip_families: [ipv4, ipv6], ")
    view.small.reload("defaults: {ip_families: [ipv4]}\n" + both)
    view.rounds(3)
    view.time.passed += 5
    for pair in view.small.pairs:
        lost = pair.target_datacenter == "b" and pair.ip_family == "ipv6"
        view.small.recorder.probe_ended(pair, Facts(), SILENCE if lost else ANSWERS[pair.protocol])
    assert view.head == "the path to datacenter b over ipv6: none of its 3 hosts answers"
    assert view.line("b1", r"icmp \(ipv6\)") == (
        "network: the path to datacenter b over ipv6: no answer; over ipv4 the host answers: look at the path of ipv6; "
        "none of its 3 hosts answers"
    )


def test_one_probe_that_is_asked_for_is_judged_by_what_all_pairs_say(view: View) -> None:
    view.rounds(3, on("b1", "b3"))
    view.time.passed += 2
    recorder, now = view.small.recorder, view.time.passed
    asked = ProbeResult(view.small.pair("b2", "icmp"), Facts(), SILENCE, 4.0)
    beside = ProbeResult(view.small.pair("b2", "tcp"), Facts(phase=Phase.CONNECT), SILENCE, 4.0)
    context = VerdictContext(recorder.states(), recorder.own_health(now), now, view.time.time())
    text, _ = explain([asked, beside], context)
    assert text.endswith("verdict: network: the path to datacenter b: no answer; none of its 3 hosts answers\n")


def test_a_port_that_is_dropped_and_an_outage_of_its_program_are_no_uneven_loss(view: View) -> None:
    """At no time: tcp and ping ask the same port."""

    def dropped(target: str, probe: str, _count: int) -> ProbeFailed | None:
        return SILENCE if target == "b2" and probe != "icmp" else None

    for _ in range(8):
        view.rounds(1, dropped)
        assert "handshakes get lost" not in view.page()
    assert "a firewall drops this port" in view.line("b2", "tcp")
    view.rounds(1)
    assert "handshakes get lost" not in view.page()


@pytest.mark.parametrize(("loss", "most"), [(0.01, 0.002), (0.1, 0.03)])
def test_what_gets_lost_by_any_protocol_alike_is_hardly_ever_called_uneven(
    view: View, loss: float, most: float
) -> None:
    chance, uneven = random.Random(1), 0
    pairs = [view.small.pair("b2", probe) for probe in ("icmp", "tcp", "ping")]
    series = [PairSeries(tuple(Reason)) for _ in pairs]
    for count in range(3000):
        for pair, of in zip(pairs, series, strict=True):
            outcome = SILENCE if pair.probe == "icmp" else SENT_AGAIN
            lost = chance.random() < loss
            facts = Facts(phase=Phase.CONNECT, retransmitted=lost and outcome is SENT_AGAIN)
            of.record(facts, outcome if lost else ANSWERS[pair.protocol], 5.0 * count, 5.0 * count)
        seen = [pair_now(pair, of, 5.0 * count, 5.0 * count) for pair, of in zip(pairs, series, strict=True)]
        path = path_of("b2", "b", seen, queue=False)
        uneven += path is not None and path.uneven
    assert uneven < 3000 * most


def test_a_query_that_times_out_on_a_kept_connection_is_no_sign_of_life() -> None:
    """A host went down 14 s ago; the query to its database is given up just now."""
    echo = failed(icmp, Reason.TIMEOUT, first_failure=5.0, in_a_row=2)
    asked = failed(query, Reason.TIMEOUT, phase=Phase.QUERY, first_failure=0.5, age=0.5)
    path = path_of("b3", "b", [echo, tcp(age=15.0), asked], queue=False)
    assert path is not None
    assert path.fault == "silent"
    answered = path_of("b3", "b", [echo, tcp(age=15.0), query(age=0.5)], queue=False)
    assert answered is not None
    assert answered.fault is None


def test_where_a_firewall_eats_icmp_handshakes_decide(time: Time, tmp_path: Path) -> None:
    view = View(Small(tmp_path, FLEET, "a1"), time)
    no_icmp = on("b", probe="icmp")
    view.rounds(60, no_icmp)
    lossy = on("b", outcome=SENT_AGAIN, every=3)
    view.rounds(11, lambda target, probe, count: no_icmp(target, probe, count) or lossy(target, probe, count))
    assert "the path to datacenter b: packets to all its 3 hosts get lost" in view.head


def test_our_own_full_queue_makes_nobody_a_suspect(view: View) -> None:
    for pair in view.small.pairs:
        outcome = RoundTrip(rtt=0.4, clock=Clock.KERNEL, egress_queue=0.3)
        view.small.recorder.probe_ended(pair, Facts(), outcome if pair.probe == "icmp" else FARTHER)
    assert view.head == "this host: do not trust the other lines"


def test_programs_get_the_suspects_and_how_each_path_is_judged(view: View) -> None:
    view.rounds(3, on("b"))
    page = json.loads(view.page("json"))
    assert (page["this_host"]["host"], page["this_host"]["datacenter"]) == ("a1", "a")
    assert page["suspects"] == [
        {"kind": "datacenter", "who": "the path to datacenter b", "why": "none of its 3 hosts answers"}
    ]
    paths = {(pair["target"], pair["probe"]): pair["path"] for pair in page["pairs"]}
    assert paths["b1", "tcp"] == {"fault": "silent", "uneven": False, "heard_ago": None, "answers": False}
    assert paths["a2", "tcp"] == {"fault": None, "uneven": False, "heard_ago": 0.0, "answers": True}

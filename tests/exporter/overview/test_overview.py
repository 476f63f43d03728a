"""The overview in its three formats: what stands there, in which order, and that nothing in a name can break it."""

from __future__ import annotations

import errno
import gc
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from collectors.contract import Facts, ProbeFailed, SocketOpened
from collectors.replies import Exchange, RoundTrip
from collectors.terms import Clock, IpFamily, Phase, Reason
from exporter.fleet import Pair
from exporter.overview import Overview, PageFormat
from exporter.overview.html_text import ROWS
from exporter.probing import Move, NameAndFamily
from tests.exporter.pages import ANSWERS, SMALL, TIMEOUT, Small, Time
from tests.exporter.samples import Samples

LINKS = {"metrics": "/metrics", "as JSON": "/?format=json"}


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr("exporter.recording.recorder.time", time)
    monkeypatch.setattr("exporter.clock.time", time)
    monkeypatch.setattr("exporter.overview.overview.time", time)
    return time


@pytest.fixture
def small(time: Time, tmp_path: Path) -> Small:
    return Small(tmp_path)


def written(small: Small, shape: PageFormat, page: int = 1) -> str:
    overview = Overview(lambda: small.host.name, small.recorder.states, small.recorder.own_health)
    return b"".join(overview.pieces(shape, LINKS, page)).decode()


def let_three_fail(small: Small, time: Time) -> None:
    """Let a day be calm, and then three of four pairs be in trouble."""
    for _ in range(20):
        small.answer_all()
        time.passed += 5
    for _ in range(3):
        time.passed += 5
        small.decide("wf008", "icmp", TIMEOUT)
    small.decide("wf008", "tcp", ProbeFailed(Reason.REFUSED, "Connection refused"), Facts(phase=Phase.CONNECT))
    slow = Exchange(rtt=0.0625, response=2.0625, duration=2.2, clock=Clock.KERNEL, phases={})
    small.decide("wf008", "ping", slow, Facts(status_code=200))
    small.decide("grafana", "http", ANSWERS["http"])


def test_every_format_says_which_numbers_are_by_the_programs_own_clock(small: Small, time: Time) -> None:
    small.answer_all()
    assert "own clock" not in written(small, "text") + written(small, "html")
    small.decide("wf008", "icmp", RoundTrip(rtt=0.0348, clock=Clock.USER))
    assert written(small, "text").count(", own clock") == 1
    assert written(small, "html").count("own clock") == 1
    own = {pair["probe"] for pair in json.loads(written(small, "json"))["pairs"] if pair["own_clock"]}
    assert own == {"icmp"}


def test_a_terminal_gets_one_aligned_line_per_pair_the_worst_first_and_this_host_last(small: Small, time: Time) -> None:
    let_three_fail(small, time)
    small.recorder.started_late(0.002, 1)
    title, blank, *lines = written(small, "text").splitlines()
    assert title.endswith(" on wf001, 2023-11-14T22:31:55Z: 4 pairs, 1 fine, 1 network, 2 peer")
    assert blank == ""
    assert lines == [
        "wf008        icmp  no answer for 20 s (timeout)                           loss 13 %  "
        "network: no answer; tcp refused: the host is up, only ICMP gets lost",
        "wf008        tcp   failing for 20 s (refused)                             loss 5 %   "
        "peer: the host is up, and nothing listens on this port, or a firewall refuses it",
        "wf008        ping  2.06 s = network 62.5 ms + server 2 s (usual 78.1 ms)  loss 0 %   "
        "peer: its program is slow, the network is not",
        "grafana      http  78.1 ms = network 62.5 + server 15.6 (usual 78.1)      loss 0 %   fine",
        "(this host)        egress queue 2 µs, probes late by 2 ms                            fine",
    ]


@pytest.mark.parametrize("late", [0.002, 2.0], ids=["by the list alone", "this host itself is in doubt"])
def test_why_hosts_are_not_known_stands_behind_all_columns_and_shifts_none(
    small: Small, time: Time, late: float
) -> None:
    let_three_fail(small, time)
    small.recorder.started_late(late, 1)
    *before, this_host = written(small, "text").splitlines()[2:]
    missing = "hosts_from[0] (http_sd http://inventory.example/<x>): it answers with status 503"
    small.recorder.watch_lists(lambda: missing)
    *after, last = written(small, "text").splitlines()[2:]
    assert after == before
    assert last == re.sub("fine$", "configuration: not all hosts may be known", this_host) + f"; {missing}"
    assert f"; {missing.replace('<x>', '&lt;x&gt;')}</p>" in written(small, "html")


def test_a_host_in_maintenance_is_said_to_be_and_is_no_trouble_until_its_date(small: Small, time: Time) -> None:
    small.reload(SMALL.replace("country: BR", "country: BR, state: maintenance, until: 2023-11-14T23:00Z"))
    let_three_fail(small, time)
    small.decide("grafana", "http", ProbeFailed(Reason.STATUS, "status 503"), Facts(phase=Phase.TRANSFER))
    title, _, *lines = written(small, "text").splitlines()
    assert title.endswith(": 4 pairs, 1 peer, 3 in maintenance")
    until = "in maintenance: until 2023-11-14 23:00 UTC"
    assert [line.rpartition("  ")[2] for line in lines] == [
        "peer: status 503",
        f"{until}; network: no answer; tcp refused: the host is up, only ICMP gets lost",
        f"{until}; peer: the host is up, and nothing listens on this port, or a firewall refuses it",
        f"{until}; peer: its program is slow, the network is not",
        "fine",
    ]
    words = {pair["probe"]: pair["verdict"]["word"] for pair in json.loads(written(small, "json"))["pairs"]}
    assert words == {"icmp": "in maintenance", "tcp": "in maintenance", "ping": "in maintenance", "http": "peer"}
    assert '<tr class="in-maintenance"><td><b>in maintenance</b>: until 2023-11-14 23:00 UTC; ' in written(
        small, "html"
    )
    time.passed += 3600
    let_three_fail(small, time)
    assert "maintenance" not in written(small, "text")


def test_a_host_says_that_it_is_in_maintenance_itself_until_its_date(small: Small, time: Time) -> None:
    small.reload(SMALL.replace("country: US", "country: US, state: maintenance, until: 2023-11-14T23:00Z"))
    small.answer_all()
    words = "in maintenance until 2023-11-14 23:00 UTC"
    title, *_, last = written(small, "text").splitlines()
    assert title.endswith(f": 4 pairs, 4 fine; this host is {words}")
    assert re.split("  +", last) == ["(this host)", f"{words}, egress queue 2 µs", "fine"]
    assert f"This host: {words}, egress queue 2 µs. <b>fine</b>" in written(small, "html")
    assert json.loads(written(small, "json"))["this_host"]["maintenance"] == "until 2023-11-14 23:00 UTC"
    time.passed += 3600
    small.answer_all()
    assert "maintenance" not in written(small, "text") + written(small, "html").partition("</style>")[2]
    assert json.loads(written(small, "json"))["this_host"]["maintenance"] is None


def test_a_maintenance_of_this_host_that_has_no_end_is_said_without_one(small: Small) -> None:
    small.reload(SMALL.replace("country: US", "country: US, state: maintenance"))
    small.answer_all()
    assert written(small, "text").splitlines()[0].endswith(": 4 pairs, 4 fine; this host is in maintenance")
    assert json.loads(written(small, "json"))["this_host"]["maintenance"] == ""


def test_before_the_first_results_nothing_is_claimed(small: Small) -> None:
    lines = written(small, "text").splitlines()[2:-1]
    assert {line.rpartition("  ")[2] for line in lines} == {"-: no result yet"}
    assert all("loss -" in line for line in lines)
    assert written(small, "text").splitlines()[0].endswith(": 4 pairs, 4 without a result yet")
    assert {pair["verdict"]["word"] for pair in json.loads(written(small, "json"))["pairs"]} == {None}


def test_what_is_no_longer_measured_is_not_shown_as_the_present(small: Small, time: Time) -> None:
    small.answer_all()
    time.passed += 3600
    lines = written(small, "text").splitlines()[2:-1]
    assert {tuple(re.split("  +", line)[2:]) for line in lines} == {
        ("no result for 1 h", "loss -", "this host: not measured for 1 h")
    }


def test_when_nobody_answers_the_own_link_is_suspected_first(small: Small) -> None:
    for target, probe in (("wf008", "icmp"), ("wf008", "tcp"), ("wf008", "ping"), ("grafana", "http")):
        small.decide(target, probe, TIMEOUT, Facts(phase=Phase.CONNECT))
    assert (
        written(small, "text").count("network: no answer, from nobody at all: look at this host's own link first") == 4
    )


def test_this_host_tells_what_it_lacks(small: Small, time: Time) -> None:
    small.answer_all()
    small.recorder.notice(SocketOpened(IpFamily.IPV4, "none", error=errno.EPERM))
    assert (
        written(small, "text")
        .splitlines()[0]
        .endswith("4 fine; this host: no permission for ICMP: grant CAP_NET_RAW, or open net.ipv4.ping_group_range")
    )
    small.recorder.skipped(7)
    assert "egress queue 2 µs, 7 skipped" in written(small, "text")
    small.recorder.notice(SocketOpened(IpFamily.IPV4, "raw"))
    time.passed += 100
    small.recorder.reload_failed("fleet.yml:3: hosts[1].adress: unknown key")
    assert "configuration: not reloaded, the one before is in force: fleet.yml:3: hosts" in written(small, "text")
    small.reload(SMALL)
    assert "not reloaded" not in written(small, "text")


def test_both_families_of_a_probe_can_be_told_apart(small: Small) -> None:
    small.reload(SMALL.replace("icmp: {protocol: icmp,", "icmp: {protocol: icmp, ip_families: [ipv4, ipv6],"))
    assert {"icmp", "icmp (ipv6)"} <= {line[13:26].strip() for line in written(small, "text").splitlines()[2:]}


def test_a_name_can_neither_command_a_terminal_nor_leave_its_cell_nor_break_the_json(small: Small) -> None:
    name = '"a\\"b<script>alert(1)</script>&amp;\\u202e"'
    small.reload(SMALL.replace("name: grafana", f"name: {name}"))
    assert written(small, "text").replace("\n", "").isprintable()
    html = written(small, "html")
    assert "<script" not in html
    assert "a&quot;b&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;" in html
    assert {pair["target"] for pair in json.loads(written(small, "json"))["pairs"]} == {"wf008", json.loads(name)}


# For programs


def test_json_has_what_the_metrics_have_in_seconds(small: Small, time: Time) -> None:
    let_three_fail(small, time)
    samples, page = small.samples(), json.loads(written(small, "json"))
    pairs = {(pair["target"], pair["probe"]): pair for pair in page["pairs"]}
    assert pairs["wf008", "ping"]["response"] == 2.0625
    assert pairs["wf008", "icmp"]["verdict"]["word"] == "network"
    assert pairs["wf008", "icmp"]["success"] is False
    assert pairs["wf008", "icmp"]["reason"] == "timeout"
    assert pairs["wf008", "icmp"]["recent"][-4:] == [pytest.approx(0.05), "lost", "lost", "lost"]
    for (target, probe), pair in pairs.items():
        assert pair["rtt"] == value_of(samples, "network_latency_rtt_seconds", target, probe)
        assert pair["server"] == value_of(samples, "network_latency_http_server_seconds", target, probe)
        assert pair["success"] == value_of(samples, "network_latency_probe_success", target, probe)
    assert page["this_host"]["verdict"] == {"word": "fine", "why": ""}
    assert page["this_host"]["egress_queue"] == 2e-6


def value_of(samples: Samples, name: str, target: str, probe: str) -> float | None:
    return samples.get(name, target=target, probe=probe)


# For browsers


class Cells(HTMLParser):
    """The rows of the page's table as their cells' text, and every tag with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(page)
        assert self._open == [], "every tag is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
        if tag not in {"meta", "link"}:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data

    def values(self, tag: str, attribute: str) -> list[str | None]:
        return [attributes[attribute] for name, attributes in self.tags if name == tag and attribute in attributes]


def test_a_browser_gets_the_same_in_a_table(small: Small, time: Time) -> None:
    let_three_fail(small, time)
    page = Cells(written(small, "html"))
    head, *rows = page.rows
    assert head == ["Verdict", "Target", "Probe", "Now", "Loss", "Recent results", "Age", "Last failure", "Look closer"]
    assert [row[:5] for row in rows][:2] == [
        [
            "network: no answer; tcp refused: the host is up, only ICMP gets lost",
            "wf008",
            "icmp",
            "no answer for 20 s (timeout)",
            "13 %",
        ],
        [
            "peer: the host is up, and nothing listens on this port, or a firewall refuses it",
            "wf008",
            "tcp",
            "failing for 20 s (refused)",
            "5 %",
        ],
    ]
    assert rows[0][6:8] == ["0 µs", "timeout, 0 µs ago"]
    assert rows[3][7] == "none"
    assert page.values("data", "value") == ["2.0625", "0.078125"]
    assert "the last 23 results: 3 failed, between 50 ms and 50 ms" in page.values("svg", "aria-label")


def test_it_asks_for_nothing_else_and_every_link_is_relative(small: Small, time: Time) -> None:
    let_three_fail(small, time)
    page = Cells(written(small, "html"))
    links = [link for link in page.values("a", "href") if link]
    assert links[0] == "probe?target=wf008&probe=icmp"
    assert {"metrics", "?format=json"} <= set(links)
    assert not any(link.startswith(("/", "http:", "https:", "//")) for link in links)
    assert page.values("img", "src") == page.values("script", "src") == []
    assert [tag for tag, _ in page.tags if tag in {"script", "iframe", "img", "form"}] == []
    assert page.values("link", "href") == ["data:,"]


def test_a_thousand_pairs_are_shown_a_hundred_at_a_time(small: Small) -> None:
    hosts = "".join(f"  - {{name: h{number}, address: 192.0.2.{number % 250 + 1}}}\n" for number in range(250))
    small.reload(f"hosts:\n  - {{name: wf001, address: 192.0.2.1}}\n{hosts}probes:\n  icmp: {{protocol: icmp}}\n")
    first, last, beyond = (Cells(written(small, "html", page)) for page in (1, 3, 4))
    assert (len(first.rows), len(last.rows), len(beyond.rows)) == (1 + ROWS, 1 + 50, 1 + 50)
    assert [link for link in first.values("a", "href") if link and link.startswith("?page")] == ["?page=2"]
    assert [link for link in last.values("a", "href") if link and link.startswith("?page")] == ["?page=2"]
    assert [link for link in beyond.values("a", "href") if link and link.startswith("?page")] == ["?page=2"]
    assert len(written(small, "text").splitlines()) == 250 + 3


def test_gaps_in_a_sparkline_are_losses(small: Small, time: Time) -> None:
    for outcome in (ANSWERS["icmp"], ANSWERS["icmp"], TIMEOUT, TIMEOUT, ANSWERS["icmp"]):
        small.decide("wf008", "icmp", outcome)
    page = Cells(written(small, "html"))
    classes = [attributes.get("class") for tag, attributes in page.tags if tag == "path"]
    assert classes == [None, "lost", "lost", None]


def test_somebody_who_was_only_heard_before_the_silence_does_not_speak_against_it(small: Small, time: Time) -> None:
    """The endpoint is asked seldom; its last answer is older than the silence of the others."""
    more = "  - {name: other, probe: {protocol: http, url: 'https://other.example/'}}\n"
    small.reload(SMALL + more)
    small.answer_all()
    time.passed += 10
    for target, probe in (("wf008", "icmp"), ("wf008", "tcp"), ("wf008", "ping"), ("grafana", "http")):
        small.decide(target, probe, TIMEOUT, Facts(phase=Phase.CONNECT))
    time.passed += 1
    assert "look at this host's own link first" in written(small, "text")
    small.decide("other", "http", ANSWERS["http"])
    assert "look at this host's own link first" not in written(small, "text")


def test_failures_that_are_not_silence_do_not_blame_the_network(small: Small, time: Time) -> None:
    for number in range(20):
        time.passed += 5
        failed = ProbeFailed(Reason.STATUS, "status 500")
        small.decide("grafana", "http", failed if number % 4 == 1 else ANSWERS["http"])
    assert "peer: 5 of the last 20 failed, at 5 times" in written(small, "text")


def test_an_address_that_was_changed_has_no_usual_yet(small: Small, time: Time) -> None:
    for _ in range(20):
        small.answer_all()
        time.passed += 5
    small.reload(SMALL.replace("wf008.example", "192.0.2.99"))
    small.decide("wf008", "icmp", RoundTrip(rtt=0.5, clock=Clock.KERNEL))
    (line,) = [line for line in written(small, "text").splitlines() if line.startswith("wf008        icmp")]
    assert "500 ms (no usual yet)" in line
    assert line.endswith("fine")


def test_what_a_reload_broke_is_the_configuration_as_at_the_start(small: Small, time: Time) -> None:
    unknown = ProbeFailed(Reason.DNS, "grafana.exmaple: not found", misconfigured=True)
    small.answer_all()
    time.passed += 5
    small.decide("grafana", "http", unknown)
    assert "network: the name can't be looked up" in written(small, "text")
    small.reload(SMALL.replace("grafana.example", "grafana.exmaple"))
    time.passed += 5
    small.decide("grafana", "http", unknown)
    assert "configuration: grafana.exmaple: not found; look at it in the fleet file" in written(small, "text")
    small.reload(SMALL.replace("grafana.example", "grafana.exmaple").replace("port: 9102", "port: 9103"))
    small.decide("wf008", "tcp", ProbeFailed(Reason.DNS, "wf008.example: not found", misconfigured=True))
    assert "configuration: wf008.example: not found; look at it in the fleet file" in written(small, "text")


def test_a_host_whose_name_moved_is_said_to_have_another_address(small: Small, time: Time) -> None:
    small.answer_all()
    time.passed += 5
    small.recorder.address_moved(Move(NameAndFamily("wf008.example", IpFamily.IPV4), "192.0.2.8", "192.0.2.99"))
    time.passed += 5
    small.decide("wf008", "icmp", TIMEOUT)
    changed = "its address changed 5 s ago: 192.0.2.8 -> 192.0.2.99"
    assert f"network: no answer: network or host down; {changed}" in written(small, "text")
    (pair,) = [pair for pair in json.loads(written(small, "json"))["pairs"] if pair["probe"] == "icmp"]
    assert (pair["address_changed_ago"], pair["address_change"]) == (5, "192.0.2.8 -> 192.0.2.99")
    small.recorder.ping_received("wf008")
    time.passed += 2
    alive = "no answer, but it asked this host 2 s ago: it is alive; a wrong address, or a firewall"
    assert f"network: {alive}; its address changed 7 s ago" in written(small, "text")
    small.answer_all()
    time.passed += 1
    assert "changed" not in written(small, "text")


def test_the_line_of_a_name_that_is_not_well_ends_with_its_address(small: Small) -> None:
    small.answer_all()
    small.decide("wf008", "icmp", TIMEOUT, Facts(address="192.0.2.8"))
    small.decide("wf008", "tcp", ANSWERS["tcp"], Facts(address="192.0.2.8"))
    ill, *well = written(small, "text").splitlines()[2:]
    assert ill.endswith("; measured at 192.0.2.8")
    assert "192.0.2" not in " ".join(well)


def test_wide_letters_keep_the_columns_straight(small: Small) -> None:
    small.reload(SMALL.replace("name: grafana", "name: 名前"))
    lines = [line for line in written(small, "text").splitlines() if line.endswith("-: no result yet")]
    assert len({len(line) + line.count("名") + line.count("前") for line in lines}) == 1


def test_one_snapshot_serves_all_who_ask_within_a_second(small: Small, time: Time) -> None:
    overview = Overview(lambda: small.host.name, small.recorder.states, small.recorder.own_health)
    first = b"".join(overview.pieces("text", LINKS, 1))
    small.decide("wf008", "icmp", TIMEOUT)
    assert b"".join(overview.pieces("text", LINKS, 1)) == first
    time.passed += 1
    assert b"timeout" in b"".join(overview.pieces("text", LINKS, 1))


def test_a_snapshot_from_before_a_reload_is_forgotten_with_its_pairs(small: Small) -> None:
    small.reload(SMALL.replace("  tcp:", "  soon_gone:"))
    overview = Overview(lambda: small.host.name, small.recorder.states, small.recorder.own_health)
    assert b" soon_gone " in b"".join(overview.pieces("text", LINKS, 1))
    small.reload(SMALL)
    overview.forget()
    gc.collect()
    assert not [pair for pair in gc.get_objects() if isinstance(pair, Pair) and pair.probe == "soon_gone"]
    assert b" soon_gone " not in b"".join(overview.pieces("text", LINKS, 1))

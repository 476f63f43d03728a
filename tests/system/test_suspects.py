"""Six hosts in two datacenters, seen from one of them: within seconds the first line of its page names the culprit."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netlab import Host, Lab, Link, requires_root, wait_until
from tests.system.running import Exporter
from tests.system.verdict_lines import all_fine, eventually, lines_of, says

pytestmark = requires_root

OTHERS = ("a2", "a3", "b1", "b2", "b3")
NEAR = 0.004
SOON = 6.0
"""Two intervals and a timeout, on a machine that has other things to do."""
FLEET = """\
defaults: {interval: 500ms, timeout: 400ms, ip_families: [ipv4]}
hosts:
""" + "".join(f"  - {{name: {name}, address: {name}, datacenter: {name[0]}}}\n" for name in ("a1", *OTHERS))
FLEET += """\
probes:
  icmp: {protocol: icmp}
  tcp: {protocol: tcp, port: 9102}
  ping: {protocol: http, url: "http://{address}:9102/ping"}
"""
SERVER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", 9102), Handler).serve_forever()
"""


class Stage:
    """One host that measures, and a link of its own to each other."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.here = lab.host("a1")
        self.others: dict[str, Host] = {name: lab.host(name) for name in OTHERS}
        self.links: dict[str, Link] = {
            name: lab.link(self.here, host, delay=NEAR) for name, host in self.others.items()
        }
        for host in self.others.values():
            host.sysctl("net.ipv4.icmp_ratelimit", "0")
            host.popen([sys.executable, "-c", SERVER])
        self.fleet_file = folder / "fleet.yml"
        self.fleet_file.write_text(FLEET)
        self.exporter = Exporter(self.here, self.fleet_file).ready()

    def calm(self) -> None:
        """Begin anew, so that nothing of the fault before is known."""
        self.exporter.program.stop()
        self.exporter = Exporter(self.here, self.fleet_file).ready()
        probes = "network_latency_probes_total"
        wait_until(lambda: min(self.exporter.page().values(probes)) >= 3, "what is usual", 10)
        eventually(lambda: all_fine(lines_of(self.exporter)), "all is fine", self.exporter, 10)

    def head_says(self, words: str, within: float = SOON) -> None:
        """Wait for words at the end of the page's first line."""
        eventually(lambda: self.exporter.get("/").partition("\n")[0].endswith(words), words, self.exporter, within)


@pytest.fixture(scope="module")
def six_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Lab() as lab:
        yield Stage(lab, tmp_path_factory.mktemp("suspects"))


@pytest.fixture
def stage(six_hosts: Stage) -> Iterator[Stage]:
    six_hosts.calm()
    yield six_hosts
    for link in six_hosts.links.values():
        link.restore()
        link.change(delay=NEAR)
    for host in (six_hosts.here, *six_hosts.others.values()):
        host.flush_firewall()


def test_a_cut_between_two_datacenters_is_the_path_between_them(stage: Stage) -> None:
    for name in ("b1", "b2", "b3"):
        stage.links[name].blackhole()
    stage.head_says("; the path to datacenter b: none of its 3 hosts answers")
    for probe in ("icmp", "tcp", "ping"):
        says(stage.exporter, "b2", probe, "network", "the path to datacenter b: no answer; none of its 3 hosts answers")
    says(stage.exporter, "a2", "icmp", "fine")


def test_a_host_that_is_dead_is_named(stage: Stage) -> None:
    stage.links["b2"].blackhole()
    stage.head_says("; b2, its firewall or the path to it: no answer by any probe")
    says(stage.exporter, "b2", "tcp", "network", "no answer; 2 other hosts of datacenter b answer")


def test_a_host_out_of_which_nothing_comes_is_named(stage: Stage) -> None:
    stage.others["a3"].drop("-o", "to-a1", chain="OUTPUT")
    stage.head_says("; a3, its firewall or the path to it: no answer by any probe")


def test_a_host_into_which_no_answer_comes_suspects_itself(stage: Stage) -> None:
    stage.here.drop("-i", "to-+")
    stage.head_says("; this host's own link: nobody at all answers")


def test_a_port_that_this_hosts_own_firewall_drops_is_the_same_everywhere(stage: Stage) -> None:
    stage.here.drop("-o", "to-+", "-p", "tcp", "--dport", "9102", chain="OUTPUT")
    alike = "fails alike toward all 5 hosts: this host's firewall or proxy, or that program everywhere"
    stage.head_says(f"; tcp (no answer): {alike}; ping (no answer): {alike}")
    says(stage.exporter, "b1", "tcp", "network", f"no answer; icmp answers: the host is up, and tcp {alike}")


def test_handshakes_that_get_lost_while_icmp_does_not_are_one_of_several_paths(stage: Stage) -> None:
    stage.others["b1"].drop_every(3, "-p", "tcp", "--syn", "--dport", "9102")
    uneven = "handshakes get lost, ICMP does not: one of several parallel paths, or something that drops handshakes"
    stage.head_says(f"; b1: {uneven}", within=15)
    says(stage.exporter, "b1", "tcp", "network", uneven, within=5)
    says(stage.exporter, "b1", "icmp", "fine")


def test_a_datacenter_that_is_farther_away_than_usual_is_the_path_to_it(stage: Stage) -> None:
    for name in ("b1", "b2", "b3"):
        stage.links[name].change(delay=0.104)
    stage.head_says("; the path to datacenter b: all its 3 hosts are slower than usual")


def test_one_probe_from_the_running_program_names_the_culprit_too(stage: Stage) -> None:
    for name in ("b1", "b2", "b3"):
        stage.links[name].blackhole()
    stage.head_says("; the path to datacenter b: none of its 3 hosts answers")
    text = stage.exporter.get("/probe?target=b1&probe=icmp")
    assert text.endswith("  verdict: network: the path to datacenter b: no answer; none of its 3 hosts answers\n"), text

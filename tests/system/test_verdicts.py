"""``curl HOST:9102/`` at 3 a.m.: within two intervals of a fault, the line that matters has the right word."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.netlab import Lab, Link, requires_root, wait_until
from tests.system.fleets import TWO_HOSTS
from tests.system.flood import Flood
from tests.system.running import Exporter
from tests.system.slow_server import SLOW_SERVER
from tests.system.verdict_lines import INTERVAL, SLACK, TIMEOUT, all_fine, eventually, lines_of, says

pytestmark = requires_root

CALM = 3
"""Rounds after which it is known what is usual."""

FLEET = "defaults: {interval: 500ms, timeout: 400ms, resolve_interval: 1s}" + TWO_HOSTS
FLEET += """\
endpoints:
  - {name: api, probe: {protocol: http, url: "http://wf008:8080/"}}
  - {name: gone, probe: {protocol: http, url: "http://wf008:8080/gone", expect_status: [404]}}
"""
KNOWS_NOBODY = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("", 53))
while True:
    asked, sender = server.recvfrom(512)
    question = asked[12 : asked.index(0, 12) + 5]
    server.sendto(asked[:2] + b"\\x81\\x83\\0\\1\\0\\0\\0\\0\\0\\0" + question, sender)
"""
KNOWS_ONE_ADDRESS = """
import pathlib, socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("", 53))
while True:
    asked, sender = server.recvfrom(512)
    question = asked[12 : asked.index(0, 12) + 5]
    address = socket.inet_aton(pathlib.Path(sys.argv[1]).read_text())
    answer = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\0\\0\\4" + address
    server.sendto(asked[:2] + b"\\x81\\x80\\0\\1\\0\\1\\0\\0\\0\\0" + question + answer, sender)
"""


class Stage:
    """Two hosts, one of which measures the other and is asked what is wrong."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.here, self.there = lab.host("wf001"), lab.host("wf008")
        self.link: Link = lab.link(self.here, self.there, delay=0.020)
        self.there.sysctl("net.ipv4.icmp_ratelimit", "0")
        self.fleet_file, self.delay = folder / "fleet.yml", folder / "delay"
        self.fleet_file.write_text(FLEET)
        self.delay.write_text("0.004")
        self.there.popen([sys.executable, "-c", SLOW_SERVER, str(self.delay)])
        self.peer = Exporter(self.there, self.fleet_file).ready()
        self.measuring = self.peer

    def lines(self) -> dict[tuple[str, str], str]:
        """Target and probe -> the rest of its line, as ``curl`` gets it."""
        return lines_of(self.measuring)

    def measure(self) -> None:
        """Start the program that is asked, and wait until it knows what is usual."""
        self.measuring = Exporter(self.here, self.fleet_file).ready()
        probes = "network_latency_probes_total"
        wait_until(lambda: min(self.measuring.page().values(probes)) >= CALM, "what is usual", 10)
        eventually(lambda: all_fine(self.lines()), "all is fine", self.measuring, 10)

    def says(self, target: str, probe: str, word: str, why: str = "", within: float = 0) -> None:
        """Wait for the verdict, two intervals and a timeout at most."""
        says(self.measuring, target, probe, word, why, within)


@pytest.fixture(scope="module")
def lab_of_two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Lab() as lab:
        yield Stage(lab, tmp_path_factory.mktemp("verdicts"))


@pytest.fixture
def stage(lab_of_two: Stage) -> Iterator[Stage]:
    """Each fault comes upon a program that has seen nothing but calm."""
    lab_of_two.measure()
    yield lab_of_two
    lab_of_two.measuring.program.stop()


def test_all_is_well_and_said_in_one_look(stage: Stage) -> None:
    times = r"2\d(\.\d)? ms = network 2\d(\.\d)?( ms)? \+ server \S+( µs)? \(usual 2[^)]*\)"

    def is_well() -> bool:
        text = stage.measuring.get("/")
        title, *lines = text.splitlines()
        ping = rf"wf008 +ping  +{times} +loss \d+ %  fine"
        return (
            re.search(r"on wf001, \S+: 5 pairs, 5 fine", title) is not None
            and any(re.fullmatch(ping, line) for line in lines)
            and "skipped" not in text
        )

    eventually(is_well, "all is well", stage.measuring, 10)


def test_a_cut_link_is_the_network(stage: Stage) -> None:
    stage.link.blackhole()
    try:
        for probe in ("icmp", "tcp", "ping"):
            stage.says("wf008", probe, "network", "no answer")
        assert "no answer for" in stage.lines()["wf008", "icmp"]
        assert "(timeout)" in stage.lines()["wf008", "icmp"]
    finally:
        stage.link.restore()


def test_losses_are_the_network_also_after_a_probe_that_came_through(stage: Stage) -> None:
    rule = stage.there.drop_every(2, "-p", "icmp", "--icmp-type", "echo-request")
    try:
        stage.says("wf008", "icmp", "network")
        stage.says("wf008", "icmp", "network", "got lost", within=4)
        stage.says("wf008", "tcp", "fine")
    finally:
        rule.remove()


def test_an_added_delay_is_the_network(stage: Stage) -> None:
    stage.link.change(delay=0.120)
    try:
        for probe in ("icmp", "tcp", "ping"):
            stage.says("wf008", probe, "network", "its round trip is")
    finally:
        stage.link.change(delay=0.020)


def test_a_slow_program_of_the_peer_is_the_peer(stage: Stage) -> None:
    stage.delay.write_text("0.3")
    try:
        stage.says("api", "http", "peer", "its program is slow, the network is not", within=5)
        eventually(
            lambda: re.match(r"3\d\d ms = network 2\d(\.\d)? \+ server 3\d\d ", stage.lines()["api", "http"]),
            "it is told by how much",
            stage.measuring,
            5,
        )
        stage.says("wf008", "icmp", "fine")
    finally:
        stage.delay.write_text("0.004")


def test_a_frozen_program_of_the_peer_is_the_peer(stage: Stage) -> None:
    os.kill(stage.peer.program.pid, signal.SIGSTOP)
    try:
        stage.says("wf008", "ping", "peer", "it connects, and then its program does not answer (processing)")
        stage.says("wf008", "tcp", "fine")
    finally:
        os.kill(stage.peer.program.pid, signal.SIGCONT)


def test_a_closed_port_is_the_peer(stage: Stage) -> None:
    stage.peer.program.stop()
    try:
        for probe in ("tcp", "ping"):
            stage.says("wf008", probe, "peer", "the host is up, and nothing listens on this port")
    finally:
        stage.peer = Exporter(stage.there, stage.fleet_file).ready()


def test_a_firewall_that_drops_a_port_is_the_network_and_the_host_is_up(stage: Stage) -> None:
    rule = stage.there.drop("-p", "tcp", "--dport", "9102")
    try:
        stage.says("wf008", "tcp", "network", "icmp answers: the host is up, a firewall drops this port")
    finally:
        rule.remove()


def test_lost_icmp_alone_is_the_network_and_the_host_is_up(stage: Stage) -> None:
    rule = stage.there.drop("-p", "icmp")
    try:
        stage.says("wf008", "icmp", "network", "tcp answers: the host is up, only ICMP gets lost")
    finally:
        rule.remove()


def test_a_status_that_says_no_is_the_configuration(stage: Stage, other: Callable[[str], Exporter]) -> None:
    exporter = other(FLEET.replace(", expect_status: [404]", ""))
    says(exporter, "gone", "http", "configuration", "status 404; look at it in the fleet file", within=5)


@pytest.fixture
def other(stage: Stage, tmp_path: Path) -> Iterator[Callable[[str], Exporter]]:
    """Start a second program on the same host, with another fleet."""
    started: list[Exporter] = []

    def start(fleet: str) -> Exporter:
        file = tmp_path / "fleet.yml"
        file.write_text(fleet)
        started.append(Exporter(stage.here, file, "--web.listen-address=:9103", port=9103).ready())
        return started[-1]

    yield start
    for exporter in started:
        exporter.program.stop()


DNS = (
    FLEET
    + "  - {name: dead, probe: {protocol: http, url: 'http://dead.example/'}}\n"
    + ("  - {name: dead-too, address: dead.example, probe: icmp}\n")
)


def test_a_dead_name_server_is_the_network(stage: Stage, other: Callable[[str], Exporter]) -> None:
    stage.lab.name_server(stage.here, stage.there.address)
    silent = stage.there.drop("-p", "udp")
    try:
        exporter = other(DNS)
        says(exporter, "dead", "http", "network", "the name can't be looked up", within=6)
        says(exporter, "dead-too", "icmp", "network", "the name can't be looked up", within=8)
        says(exporter, "wf008", "icmp", "fine")
    finally:
        silent.remove()


def test_a_name_that_does_not_exist_is_the_configuration(stage: Stage, other: Callable[[str], Exporter]) -> None:
    server = stage.there.popen([sys.executable, "-c", KNOWS_NOBODY])
    stage.lab.name_server(stage.here, stage.there.address)
    try:
        exporter = other(DNS)
        says(exporter, "dead", "http", "configuration", "dead.example", within=6)
        says(exporter, "dead-too", "icmp", "configuration", "dead.example", within=6)
    finally:
        server.stop()


def test_a_name_that_moves_to_where_nobody_answers_is_said_to_have_another_address(
    stage: Stage, other: Callable[[str], Exporter], tmp_path: Path
) -> None:
    address = tmp_path / "address"
    address.write_text(stage.there.address)
    server = stage.there.popen([sys.executable, "-c", KNOWS_ONE_ADDRESS, str(address)])
    stage.lab.name_server(stage.here, stage.there.address)
    try:
        moving = ("icmp", "{protocol: icmp}"), ("tcp", "{protocol: tcp, port: 9102}")
        exporter = other(
            FLEET + "".join(f"  - {{name: moves-{n}, address: moves.example, probe: {p}}}\n" for n, p in moving)
        )
        for name, _ in moving:
            says(exporter, f"moves-{name}", name, "fine", within=6)
        address.write_text("10.255.255.1")
        for name, _ in moving:
            why = f"ago: {stage.there.address} -> 10.255.255.1"
            says(exporter, f"moves-{name}", name, "network", why, within=8)
        says(exporter, "wf008", "icmp", "fine")
    finally:
        server.stop()


def test_a_fleet_file_that_cannot_be_read_is_the_configuration_and_the_old_one_goes_on(stage: Stage) -> None:
    stage.fleet_file.write_text(FLEET.replace("address: wf008", "adress: wf008"))
    os.kill(stage.measuring.program.pid, signal.SIGHUP)
    try:
        wait_until(lambda: "unknown key; did you mean 'address'?" in stage.measuring.get("/"), "the problem")
        assert "configuration: not reloaded" in stage.measuring.get("/")
        stage.says("wf008", "icmp", "fine")
    finally:
        stage.fleet_file.write_text(FLEET)
        os.kill(stage.measuring.program.pid, signal.SIGHUP)
    wait_until(lambda: "not reloaded" not in stage.measuring.get("/"), "it is read well again")


def test_a_full_egress_queue_is_this_host(stage: Stage) -> None:
    flood = Flood(stage.here, stage.link.device_of(stage.here), stage.there.address)
    try:
        stage.says("wf008", "icmp", "this host", "its own egress queue")
        stage.says("(this host)", "", "this host", "do not trust the other lines")
        eventually(
            lambda: bool(re.match(r"egress queue [2-9]\d(\.\d)? ms", stage.lines()["(this host)", ""])),
            "the queue is as long as the flood makes it",
            stage.measuring,
            2 * INTERVAL + TIMEOUT + SLACK,
        )
    finally:
        flood.stop()


def test_a_process_that_gets_no_time_is_this_host(stage: Stage) -> None:
    pid = stage.measuring.program.pid
    os.kill(pid, signal.SIGSTOP)
    stopped = time.monotonic()
    wait_until(lambda: time.monotonic() - stopped > 1.5, "some time", 5)
    os.kill(pid, signal.SIGCONT)
    stage.says("(this host)", "", "this host", "do not trust the other lines")
    eventually(
        lambda: "skipped" in stage.lines()["(this host)", ""], "it is said what was skipped", stage.measuring, SLACK
    )


def test_probe_explains_a_pair_now_and_no_metric_knows_of_it(stage: Stage) -> None:
    before, began = stage.measuring.page(), time.monotonic()
    explained = re.compile(
        r"^  connect +2\d(\.\d)? ms  \| *#+ +\|$.*^  processing +2\d(\.\d)? ms  \| +#+ *\|$.*^  verdict: fine\n\Z",
        re.MULTILINE | re.DOTALL,
    )
    eventually(
        lambda: explained.search(stage.measuring.get("/probe?target=wf008&probe=ping")),
        "what took how long",
        stage.measuring,
        10,
    )
    assert "at most once in 1 s" in stage.measuring.get("/probe?target=wf008")
    assert "did you mean 'wf008'?" in stage.measuring.get("/probe?target=wf007")
    after = stage.measuring.page()
    probes = "network_latency_probes_total"
    added = (after.value(probes, target="wf008", probe="ping") or 0) - (
        before.value(probes, target="wf008", probe="ping") or 0
    )
    assert added <= 1 + (time.monotonic() - began) // INTERVAL


def test_the_probe_command_says_the_same_and_walks_the_route(stage: Stage) -> None:
    command = [sys.executable, "-m", "exporter", "probe", f"--config.file={stage.fleet_file}", "--host=wf001"]
    told = stage.here.run([*command, "wf008", "--route"], check=False)
    assert (told.returncode, told.stderr) == (0, "")
    assert [line for line in told.stdout.splitlines() if not line.startswith(" ") and line] == [
        "wf008 icmp: echo to wf008 over ipv4",
        "wf008 tcp: handshake with wf008 port 9102 over ipv4",
        "wf008 ping: GET http://wf008:9102/ping over ipv4",
        "route to wf008 over ipv4",
    ]
    assert told.stdout.count("verdict: fine") == 3
    hop = rf"^  1 +{re.escape(stage.there.address)} +[2-9]\d(\.\d)? ms$"
    assert re.search(hop, told.stdout, re.MULTILINE), told.stdout


def test_the_probe_command_of_what_fails_is_exit_1_and_names_the_culprit(stage: Stage) -> None:
    command = [sys.executable, "-m", "exporter", "probe", f"--config.file={stage.fleet_file}", "--host=wf001"]
    rule = stage.there.drop("-p", "tcp", "--dport", "9102")
    try:
        told = stage.here.run([*command, "wf008"], check=False)
    finally:
        rule.remove()
    assert told.returncode == 1
    assert re.search(r"^  failed during connect, after [3-9]\d\d ms: timeout", told.stdout, re.MULTILINE), told.stdout
    assert "verdict: network: no answer; icmp answers: the host is up, a firewall drops this port" in told.stdout

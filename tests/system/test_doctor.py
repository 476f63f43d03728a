"""The doctor asks a real Prometheus, VictoriaMetrics and Pushgateway: all is well, then one thing at a time is broken.

Each time the table has to point at exactly that, in less than ten seconds. Grafana and Loki cannot be had; small
programs speak like them.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import http.client
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.authority import Authority
from tests.netlab import Host, Lab, Program, requires_root, wait_until
from tests.system.running import REPOSITORY, Exporter
from tests.system.servers import alertmanager

pytestmark = [requires_root, pytest.mark.servers]

BOUND = 10.0
"""Seconds that the doctor may take, whatever is broken."""
BUSY = 5.0
"""As many more as a busy machine may need to start it."""
FAR = 0.365
RULES = [REPOSITORY / "prometheus/rules" / name for name in ("recording.yml", "alerts.yml")]
PUBLIC = "loki.example"
LATER, BEFORE = (dt.datetime.now(dt.UTC) + dt.timedelta(days=days) for days in (57, -3))
"""When certificates end."""

FLEET = """
defaults: {{interval: 1s, timeout: 900ms}}
hosts:
  - {{name: wf001, address: wf001, location: wf001_usa, datacenter: wf001, country: US}}
  - {{name: wf008, address: wf008, location: wf008_brazil, datacenter: wf008, country: BR}}
  - {{name: wfdb01, address: wfdb01, location: wfdb01_usa, exporter: false}}
probes:
  icmp: {{protocol: icmp}}
  tcp: {{protocol: tcp, port: 9102}}
  ping: {{protocol: http, url: "http://{{address}}:9102/ping"}}
scrape: {{interval: 1s, timeout: 900ms}}
stack:
  prometheus: {{url: "http://wfdb01:9090"}}
  alertmanager: {{url: "http://127.0.0.1:9093", internal: true}}
  victoriametrics: {{url: "http://wfdb01:8428"}}
  grafana: {{url: "http://wfdb01:3000", user: viewer, password_file: {password}}}
  loki: {{url: "https://{public}", ca_file: {ca}}}
  pushgateway: {{url: "http://wfdb01:9091"}}
  public_names: {{{public}: wfdb01}}
"""
ALERTING = 'alerting: {alertmanagers: [{static_configs: [{targets: ["127.0.0.1:9093"]}]}]}\n'
BY_HAND = """
  - job_name: latency
    scrape_interval: 1s
    scrape_timeout: 900ms
    static_configs: [{targets: ["wf001:9102", "wf008:9102"]}]
"""
PUSHED = """
# TYPE network_latency_rtt_seconds gauge
network_latency_rtt_seconds{source_location="wf008_brazil",target_location="wf001_usa"} 0.4
"""
PUSHED_GROUP = "/metrics/job/collector/instance/wf008"
GRAFANA = """
import http.server, json
class Grafana(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        health = {"database": "ok", "version": "12.3.0"}
        boards = [{"uid": "latency-exporter-mesh", "title": "Mesh", "tags": []}]
        self.wfile.write(json.dumps(health if self.path == "/api/health" else boards).encode())
http.server.ThreadingHTTPServer(("", 3000), Grafana).serve_forever()
"""
LOKI = """
import http.server, ssl, sys
class Loki(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ready\\n")
server = http.server.ThreadingHTTPServer(("", 443), Loki)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


class Answer:
    """What the doctor said."""

    def __init__(self, done: subprocess.CompletedProcess[str], took: float) -> None:
        self.code, self.stdout, self.stderr, self.took = done.returncode, done.stdout, done.stderr, took
        assert took < BOUND + BUSY
        assert done.stderr == ""

    def lines(self, *statuses: str) -> dict[str, str]:
        """What -> finding, of the lines with one of these statuses."""
        findings = json.loads(self.stdout)["findings"]
        return {each["what"]: each["finding"] for each in findings if each["status"] in statuses}

    @property
    def broken(self) -> dict[str, str]:
        return self.lines("broken")


class World:
    """Everything that runs."""

    def __init__(self, lab: Lab, folder: Path, authority: Authority) -> None:
        self.lab, self.folder, self.authority = lab, folder, authority
        self.home, self.far = lab.hosts["wfdb01"], lab.hosts["far"]
        self.fleet_file = folder / "fleet.yml"
        self.exporters = {name: Exporter(lab.hosts[name], self.fleet_file).ready() for name in ("wf001", "wf008")}
        command = [sys.executable, "-m", "exporter", "scrape-configs", f"--config.file={self.fleet_file}"]
        subprocess.run([*command, f"--output-dir={folder}/sd"], check=True, cwd=REPOSITORY, capture_output=True)
        self.stanzas = (folder / "sd/jobs.yml").read_text()
        # Debian's keeps what it was pushed where a service of this machine would look for it.
        self.pushgateway = self.home.popen(
            ["prometheus-pushgateway", "--web.listen-address=:9091", "--persistence.file=", "--log.level=warn"]
        )
        alertmanager(self.home, folder, REPOSITORY / "prometheus/alertmanager.yml")
        self.grafana = self.home.popen([sys.executable, "-c", GRAFANA])
        self.loki = self.start_loki(authority.file(PUBLIC, until=LATER))
        self.prometheus = self.start_prometheus(self.stanzas)
        self.victoria = self.home.popen(
            [
                "victoria-metrics",
                f"-promscrape.config={self.configuration(self.stanzas)}",
                f"-storageDataPath={folder}/victoria-metrics",
                "-httpListenAddr=:8428",
                "-search.latencyOffset=0s",
                "-loggerLevel=WARN",
            ]
        )
        for port in (9090, 8428, 9091, 3000):
            wait_until(functools.partial(self.answers, port), f"port {port} answers", 30)

    def start_loki(self, certificate: Path) -> Program:
        return self.home.popen([sys.executable, "-c", LOKI, str(certificate)])

    def start_prometheus(
        self, stanzas: str, *flags: str, rules: Sequence[Path] = (), alerting: str = ALERTING
    ) -> Program:
        """Start it with an empty store, so that it knows only what it is told now."""
        store = self.folder / f"prometheus-{time.monotonic_ns()}"
        return self.home.popen(
            [
                "prometheus",
                f"--config.file={self.configuration(stanzas, [*RULES, *rules], alerting)}",
                f"--storage.tsdb.path={store}",
                "--web.listen-address=0.0.0.0:9090",
                "--log.level=warn",
                "--rules.alert.resend-delay=1s",
                *flags,
            ]
        )

    def configuration(self, stanzas: str, rules: Sequence[Path] = (), alerting: str = "") -> Path:
        text = f"scrape_configs:\n{stanzas}"
        if rules:  # VictoriaMetrics has none
            text += f"global: {{evaluation_interval: 1s}}\nrule_files: {json.dumps(list(map(str, rules)))}\n"
            text += alerting
        file = self.folder / f"configuration-{time.monotonic_ns()}.yml"
        file.write_text(text)
        return file

    @contextlib.contextmanager
    def other_prometheus(
        self, stanzas: str, *flags: str, prefix: str = "", rules: Sequence[Path] = (), alerting: str = ALERTING
    ) -> Iterator[None]:
        """Have another one for a while."""
        self.prometheus.stop()
        self.prometheus = self.start_prometheus(stanzas, *flags, rules=rules, alerting=alerting)
        wait_until(lambda: self.answers(9090, f"{prefix}/-/ready"), "Prometheus is ready", 30)
        try:
            yield
        finally:
            self.prometheus.stop()
            self.prometheus = self.start_prometheus(self.stanzas)
            wait_until(lambda: self.answers(9090, "/-/ready"), "Prometheus is ready", 30)

    @contextlib.contextmanager
    def other_exporter(self, name: str, fleet_file: Path | None) -> Iterator[None]:
        """Have another one on a host for a while, or none."""
        self.exporters[name].program.stop()
        other = Exporter(self.lab.hosts[name], fleet_file).ready() if fleet_file else None
        try:
            yield
        finally:
            if other:
                other.program.stop()
            self.exporters[name] = Exporter(self.lab.hosts[name], self.fleet_file).ready()

    @contextlib.contextmanager
    def other_loki(self, certificate: Path) -> Iterator[None]:
        """Have one with another certificate for a while."""
        self.loki.stop()
        self.loki = self.start_loki(certificate)
        try:
            yield
        finally:
            self.loki.stop()
            self.loki = self.start_loki(self.authority.file(PUBLIC, until=LATER))

    def answers(self, port: int, path: str = "/") -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.request("GET", port, path) != http.client.NOT_FOUND or path == "/"
        return False

    def request(self, method: str, port: int, path: str, body: str = "") -> int:
        """Ask a server at home, and return its status."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            with self.home.entered():
                connection.connect()
            connection.request(method, path, body)
            return connection.getresponse().status

    def doctor(self, host: Host | None = None, *flags: str) -> Answer:
        """Run it on a host, at home unless another is said."""
        command = [sys.executable, "-m", "exporter", "doctor", f"--config.file={self.fleet_file}", "--json", *flags]
        began = time.monotonic()
        done = (host or self.home).run(command, check=False)
        return Answer(done, time.monotonic() - began)

    def until(self, condition: Callable[[Answer], bool]) -> Answer:
        """Ask again and again: a scrape or a fresh start takes its time."""
        last: list[Answer] = []

        def seen() -> Answer | None:
            last[:] = [self.doctor()]
            return last[0] if condition(last[0]) else None

        with contextlib.suppress(TimeoutError):
            wait_until(seen, "the doctor says so", 25)
        assert condition(last[0]), last[0].stdout
        return last[0]

    def well(self) -> Answer:
        return self.until(lambda answer: not answer.lines("broken", "warning"))


@contextlib.contextmanager
def frozen(program: Program) -> Iterator[None]:
    """Let a program hang; the kernel goes on accepting its connections."""
    program.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        program.send_signal(signal.SIGCONT)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("doctor")
    (folder / "certificates").mkdir()
    authority = Authority(folder / "certificates")
    (folder / "password").write_text("viewers-secret")
    (folder / "password").chmod(0o600)
    text = FLEET.format(ca=authority.ca_file, password=folder / "password", public=PUBLIC)
    (folder / "fleet.yml").write_text(text)
    with Lab() as lab:
        usa, brazil, home, far = (lab.host(name) for name in ("wf001", "wf008", "wfdb01", "far"))
        lab.name(PUBLIC, home)
        lab.veth(usa, brazil)
        lab.link(far, home, delay=FAR)
        lab.attach(home)
        yield World(lab, folder, authority)


def test_of_a_healthy_stack_the_doctor_says_so_and_exits_with_0(world: World) -> None:
    answer = world.well()
    assert answer.code == 0
    lines = answer.lines("ok")
    for server in ("prometheus", "victoriametrics"):
        for host in ("wf001", "wf008"):
            assert lines[f"{host} in {server}"].endswith("all 4 pairs there")
    assert "healthy and ready" in lines["prometheus"]
    assert "the certificate" in lines["loki"]
    assert "which is wfdb01" in lines[PUBLIC]
    assert lines["dashboards"] == "1 of ours: Mesh"
    assert "15 alerts" in lines["rules"]
    assert json.loads(answer.stdout)["verdict"] == "well"


def test_over_a_path_as_long_as_to_brazil_it_says_the_same(world: World) -> None:
    world.well()
    answer = world.doctor(world.far)
    assert answer.code == 0, answer.stdout
    assert answer.lines("ok").keys() == world.doctor().lines("ok").keys() - {"alertmanager"}
    assert answer.lines("not visible") == {"alertmanager": "internal, and out of reach from here: 127.0.0.1:9093"}
    assert json.loads(answer.stdout)["verdict"].startswith("nothing is broken as far as can be seen from here")


def test_of_a_prometheus_that_is_down_it_says_how_to_reach_it(world: World) -> None:
    world.well()
    world.prometheus.stop()
    answer = world.doctor()
    assert answer.code == 1
    assert answer.broken == {
        "prometheus": "nothing listens on wfdb01:9090, or a firewall refuses it; start it, or correct "
        "stack.prometheus.url"
    }
    world.prometheus = world.start_prometheus(world.stanzas)


def test_a_prometheus_that_hangs_costs_its_timeout_and_nobody_else_is_delayed(world: World) -> None:
    world.well()
    with frozen(world.prometheus):
        answer = world.doctor(None, "--timeout=2s")
    hangs = "wfdb01:9090 takes the connection and then hangs, for 2 s; look at its log, restart it"
    assert answer.broken == {"prometheus": hangs}
    assert "wf001 in victoriametrics" in answer.lines("ok")


def test_a_hanging_grafana_is_the_only_one_that_is_broken(world: World) -> None:
    world.well()
    with frozen(world.grafana):
        answer = world.doctor(world.far)
    assert answer.broken.keys() == {"grafana"}
    assert "wfdb01:3000 takes the connection and then hangs, for 5 s" in answer.broken["grafana"]
    assert answer.code == 1


def test_a_path_that_answers_404_is_told_with_the_prefix_that_is_missing(world: World) -> None:
    prefixed = ("--web.external-url=http://wfdb01:9090/prom", "--web.route-prefix=/prom")
    with world.other_prometheus(world.stanzas, *prefixed, prefix="/prom"):
        answer = world.doctor()
    assert answer.broken == {
        "prometheus": "404 at /-/healthy, its documented path; stack.prometheus.url has to be where its paths begin, "
        "with the path prefix that it may have"
    }


def test_a_scrape_configuration_that_was_written_by_hand_has_wrong_labels(world: World) -> None:
    with world.other_prometheus(BY_HAND):
        answer = world.until(lambda answer: answer.broken.keys() == {"wf001 in prometheus", "wf008 in prometheus"})
    for host in ("wf001", "wf008"):
        text = answer.broken[f"{host} in prometheus"]
        assert f'with wrong labels: source=nothing instead of "{host}", instance="{host}:9102" instead of' in text
        assert "nobody finds its 4 pairs" in text


def test_a_scrape_configuration_that_is_not_loaded_is_one_line(world: World) -> None:
    other = BY_HAND.replace("latency", "other").replace("9102", "9999")
    with world.other_prometheus(other):
        answer = world.until(lambda answer: answer.broken.keys() == {"job latency in prometheus"})
    assert "the scrape configuration is not loaded" in answer.broken["job latency in prometheus"]


def test_one_host_that_is_not_scraped_is_named_with_its_pairs(world: World) -> None:
    lists = json.loads((world.folder / "sd/latency.json").read_text())
    (world.folder / "short.json").write_text(json.dumps(lists[:1]))
    with world.other_prometheus(world.stanzas.replace("sd/latency.json", "short.json")):
        answer = world.until(lambda answer: answer.broken.keys() == {"wf008 in prometheus"})
    assert answer.broken == {
        "wf008 in prometheus": "not scraped: it is no target of job latency; run `latency-exporter scrape-configs` "
        "again where prometheus reads its lists; so 4 of 4 pairs are missing: icmp wf001, ping wf001, tcp wf001, "
        "icmp wfdb01"
    }


def test_a_host_whose_exporter_is_stopped_is_down(world: World) -> None:
    world.well()
    told = "nothing listens at wf008:9102: start latency-exporter there"
    wanted = {
        "wf008 in prometheus",
        "wf008 in victoriametrics",
    }  # which at first tells of the connection that broke off
    with world.other_exporter("wf008", None):
        world.until(
            lambda answer: answer.broken.keys() == wanted and all(told in text for text in answer.broken.values())
        )


def test_an_old_fleet_file_on_one_host_is_told_by_the_pair_that_is_missing(world: World) -> None:
    old = world.folder / "old.yml"
    old.write_text(world.fleet_file.read_text().replace("  tcp: {protocol: tcp, port: 9102}\n", ""))
    with world.other_exporter("wf008", old):
        answer = world.until(lambda answer: all("; 1 of 4 pairs missing" in text for text in answer.broken.values()))
    assert answer.broken.keys() == {"wf008 in prometheus", "wf008 in victoriametrics"}
    for text in answer.broken.values():
        assert "1 of 4 pairs missing: tcp wf001; it runs another fleet file than this one; copy this one" in text
    assert answer.code == 1


def test_an_expired_certificate_is_told_for_the_server_and_the_public_name(world: World) -> None:
    world.well()
    with world.other_loki(world.authority.file(PUBLIC, until=BEFORE)):
        answer = world.until(lambda answer: PUBLIC in answer.broken)
    assert answer.broken == {
        "loki": "TLS: certificate has expired; renew it",
        PUBLIC: "the certificate served there has expired; renew it",
    }


def test_leftovers_in_the_pushgateway_are_told_with_how_they_are_removed(world: World) -> None:
    world.well()
    assert world.request("POST", 9091, PUSHED_GROUP, PUSHED) == http.client.OK
    scraped = world.stanzas + (
        "\n  - job_name: pushgateway\n    scrape_interval: 1s\n    scrape_timeout: 900ms\n"
        '    static_configs: [{targets: ["127.0.0.1:9091"]}]\n'
    )
    try:
        with world.other_prometheus(scraped):
            answer = world.until(
                lambda answer: (
                    answer.lines("warning").keys() == {"leftovers in pushgateway", "leftovers in prometheus"}
                    and "network_latency_rtt_seconds in prometheus" in answer.lines("note")
                )
            )
    finally:
        assert world.request("DELETE", 9091, PUSHED_GROUP) == http.client.ACCEPTED
    lines = answer.lines("warning")
    removal = f"curl -X DELETE 'http://wfdb01:9091{PUSHED_GROUP}'"
    assert removal in lines["leftovers in pushgateway"]
    assert "job pushgateway brings network_latency_rtt_seconds beside ours" in lines["leftovers in prometheus"]
    compared = answer.lines("note")["network_latency_rtt_seconds in prometheus"]
    assert re.fullmatch(
        r"wf008_brazil to wf001_usa: pushed 400 ms, measured [\d.]+ µs; the difference, 400 ms, is the ping service's",
        compared,
    )
    assert answer.code == 0
    world.well()


def test_an_alert_that_is_firing_is_named_with_its_labels(world: World) -> None:
    rules = world.folder / "always.yml"
    rules.write_text('groups: [{name: mine, rules: [{alert: Always, expr: "vector(1)", labels: {severity: none}}]}]')
    with world.other_prometheus(world.stanzas, rules=[rules]):
        answer = world.until(lambda answer: "alerts" in answer.lines("warning") and not answer.broken)
    assert answer.lines("warning")["alerts"] == 'Always{severity="none"} is firing, says Alertmanager'
    assert answer.code == 0


def test_alerts_that_reach_nobody_are_broken(world: World) -> None:
    world.well()
    with world.other_prometheus(world.stanzas, alerting=""):
        answer = world.until(lambda answer: answer.broken.keys() == {"alerts"})
    assert answer.broken["alerts"].startswith("Prometheus sends its alerts to nobody")


def test_a_firewall_before_one_host_is_suspected(world: World) -> None:
    world.well()  # for the last time: connections that are kept take their time to recover
    for family, address in (("ipv4", world.home.address), ("ipv6", world.home.address6)):
        world.lab.hosts["wf008"].drop("-p", "tcp", "--dport", "9102", "-s", address, ip_family=family)
    suspected = {f"wf008 in {server}": f"drops the packets of {server}" for server in ("prometheus", "victoriametrics")}
    # The first scrape to fail may say that its connection was cut, which had been kept.
    world.until(
        lambda answer: (
            answer.broken.keys() == suspected.keys()
            and all(suspected[what] in text for what, text in answer.broken.items())
        )
    )

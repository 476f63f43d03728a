"""The generated files in the servers that they are made for."""

import base64
import contextlib
import json
import subprocess
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from exporter.fleet import load
from exporter.scrape_configs import STANZAS, changes, dry_run, files, targets_of, write
from tests.ports import free_port

pytestmark = pytest.mark.servers

PATIENCE = 40
"""Prometheus takes up changes of targets every 5 s."""
ODD = 'a "q" \\ %{HOME} ${HOME} \n é 😀 \u2028 \ufeff'
PAGE = b'# TYPE network_latency_rtt_seconds gauge\nnetwork_latency_rtt_seconds{target="t",probe="icmp"} 0.1\n'


AGENT = Path(__file__).parents[3] / "prometheus/agent.yml"
NEWER = Path(__file__).parents[3] / ".cache/newer/usr/bin"
GENERATIONS = ["Debian 12", *(["newest"] if NEWER.exists() else [])]
"""Of both servers; the newest ones are what `tests/servers.sh sid` could get."""


def program(name, generation):
    return str(NEWER / name) if generation == "newest" else name


class FakeExporter(BaseHTTPRequestHandler):
    lists: ClassVar[dict[str, str]] = {}

    def do_GET(self):
        if self.path.startswith("/sd/"):
            self.send_targets()
            return
        wanted = f"Basic {base64.b64encode(b'me:secret').decode()}" if self.path == "/protected" else None
        page = PAGE if self.headers["Authorization"] == wanted else b""
        self.send_response(200 if page else 401)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def send_targets(self):
        text = self.lists[parse_qs(urlsplit(self.path).query)["job"][0]].encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@pytest.fixture
def exporter_port():
    with ThreadingHTTPServer(("127.0.0.1", 0), FakeExporter) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def generated(tmp_path):
    """Writes a fleet's files, and the two servers' own that take them in as docs/prometheus.md has it."""

    def generate(sections):
        (tmp_path / "fleet.yml").write_text(yaml.safe_dump(sections))
        write(changes(load(tmp_path / "fleet.yml"), tmp_path / "sd", None), force=True)
        stanzas = (tmp_path / "sd" / STANZAS).read_text()
        (tmp_path / "prometheus.yml").write_text(f"scrape_configs:\n  - job_name: theirs\n{stanzas}")
        (tmp_path / "victoria.yml").write_text(f"scrape_config_files: [{tmp_path}/sd/{STANZAS}]\n")
        return tmp_path

    return generate


def a_fleet(port, *more_hosts):
    login = {"user": "me", "password_file": "secret", "path": "/protected"}
    hosts = [
        {"name": "west", "location": "oslo", "datacenter": "dc1", "country": "NO"},
        {"name": ODD, "location": ODD},
        {"name": "protected", "scrape": {"latency": login}},
        {"name": "tls", "scrape": {"node": {"scheme": "https", "path": "/other"}}},
        {"name": "databases", "exporter": "false", "country": "BR"},
        *more_hosts,
    ]
    return {
        "hosts": [{"address": "127.0.0.1"} | host for host in hosts],
        "scrape": {
            "interval": "1s",
            "timeout": "1s",
            "jobs": {
                "latency": {"port": str(port)},
                "node": {"port": str(port)},
                ODD: {"port": str(port), "keep_instance": "true"},
            },
        },
    }


@pytest.mark.parametrize("generation", GENERATIONS)
def test_both_servers_find_the_configuration_good(generated, generation):
    folder = generated(a_fleet(9102))
    (folder / "secret").write_text("secret")
    for command in (
        ["promtool", "check", "config", folder / "prometheus.yml"],
        ["victoria-metrics", "-dryRun", f"-promscrape.config={folder}/victoria.yml"],
        ["victoria-metrics", "-dryRun", f"-promscrape.config={folder}/prometheus.yml"],
    ):
        command[0] = program(command[0], generation)
        checked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr


@contextlib.contextmanager
def running(log, *command):
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            yield
        finally:
            process.terminate()


@pytest.fixture
def servers(tmp_path):
    """Starts both on generated files; gives their addresses."""

    @contextlib.contextmanager
    def start(folder, generation="Debian 12"):
        ours, theirs = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        prometheus = (
            program("prometheus", generation),
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={tmp_path}/prometheus",
            f"--web.listen-address={ours}",
        )
        victoria = (
            program("victoria-metrics", generation),
            f"-promscrape.config={folder}/victoria.yml",
            f"-storageDataPath={tmp_path}/victoria",
            f"-httpListenAddr={theirs}",
            "-promscrape.fileSDCheckInterval=1s",
            "-promscrape.httpSDCheckInterval=1s",
        )
        with running(tmp_path / "prometheus.log", *prometheus), running(tmp_path / "victoria.log", *victoria):
            yield ours, theirs

    return start


def asked(server, path):
    with urllib.request.urlopen(f"http://{server}/api/v1/{path}", timeout=5) as answer:
        return json.load(answer)["data"]


def targets(server):
    targets = asked(server, "targets")["activeTargets"]
    return {(each["scrapeUrl"], frozenset(each["labels"].items()), each["health"]) for each in targets}


def series(server):
    return {frozenset(each.items()) for each in asked(server, "series?match[]=network_latency_rtt_seconds")}


def assert_eventually(look, server, wanted):
    deadline = time.monotonic() + PATIENCE
    result = None
    while result != wanted and time.monotonic() < deadline:
        time.sleep(0.2)
        with contextlib.suppress(OSError):  # it does not listen yet
            result = look(server)
    assert result == wanted


def expected_targets(fleet):
    """Says in the servers' words what a fleet's hosts are scraped as."""
    jobs = fleet["scrape"]["jobs"]
    for host in fleet["hosts"]:
        name, address = host["name"], f"127.0.0.1:{jobs['latency']['port']}"
        places = {key: host[key] for key in ("location", "datacenter", "country") if key in host}
        page = f"http://{address}/metrics"
        if ODD in jobs:
            yield page, {"job": ODD, "host": name, "instance": address} | places, "up"
        if "node" in jobs:
            at, health = (f"https://{address}/other", "down") if name == "tls" else (page, "up")
            yield at, {"job": "node", "host": name, "instance": name} | places, health
        if "exporter" not in host:
            at = f"http://{address}/protected" if name == "protected" else page
            source = {f"source_{key}": value for key, value in places.items()}
            yield at, {"job": "latency", "host": name, "instance": name, "source": name} | source, "up"


def comparable(expected):
    return {(url, frozenset(labels.items()), health) for url, labels, health in expected}


def expected_series(fleet):
    own = {"__name__": "network_latency_rtt_seconds", "target": "t", "probe": "icmp"}
    return {frozenset((labels | own).items()) for _, labels, health in expected_targets(fleet) if health == "up"}


@pytest.mark.parametrize("generation", GENERATIONS)
def test_labels_are_equal_in_both_servers_and_hosts_and_jobs_come_and_go_without_a_restart(
    generated, servers, exporter_port, tmp_path, generation
):
    (tmp_path / "secret").write_text("secret")
    fleet = a_fleet(exporter_port)
    with servers(generated(fleet), generation) as both:
        for server in both:
            assert_eventually(targets, server, comparable(expected_targets(fleet)))
            assert_eventually(series, server, expected_series(fleet))

        fleet = a_fleet(exporter_port, {"name": "new", "country": "US"})
        generated(fleet)
        for server in both:
            assert_eventually(targets, server, comparable(expected_targets(fleet)))

        del fleet["scrape"]["jobs"][ODD]
        generated(fleet)
        for server in both:
            assert_eventually(targets, server, comparable(expected_targets(fleet)))


def test_a_real_node_exporter_is_scraped_as_the_host_that_it_runs_on(generated, servers, tmp_path):
    port = free_port()
    fleet = {
        "hosts": [{"name": "wf001", "address": "127.0.0.1", "location": "wf001_usa", "country": "US"}],
        "scrape": {"interval": "1s", "timeout": "1s", "jobs": {"node": {"port": str(port)}}},
    }

    def labels(server):
        return asked(server, "series?match[]=node_time_seconds")

    host = {"job": "node", "host": "wf001", "instance": "wf001", "location": "wf001_usa", "country": "US"}
    node_exporter = ("prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}")
    with running(tmp_path / "node.log", *node_exporter), servers(generated(fleet)) as both:
        for server in both:
            assert_eventually(labels, server, [host | {"__name__": "node_time_seconds"}])


@pytest.mark.parametrize("generation", GENERATIONS)
def test_targets_that_an_exporter_serves_have_the_same_labels(
    servers, exporter_port, tmp_path, monkeypatch, generation
):
    fleet = a_fleet(exporter_port)
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "fleet.yml").write_text(yaml.safe_dump(fleet))
    read = load(tmp_path / "fleet.yml")
    monkeypatch.setattr(FakeExporter, "lists", targets_of(read))
    stanzas = files(read, f"http://127.0.0.1:{exporter_port}", "http-sd")[STANZAS]
    for name in ("prometheus.yml", "victoria.yml"):
        (tmp_path / name).write_text(f"scrape_configs:\n{stanzas}")
    with servers(tmp_path, generation) as both:
        for server in both:
            assert_eventually(targets, server, comparable(expected_targets(fleet)))


@pytest.mark.skipif(len(GENERATIONS) == 1, reason="2.42 has no scrape_config_files, and sid could not be had")
def test_the_newest_prometheus_includes_the_file_that_is_made_for_that(servers, exporter_port, tmp_path):
    fleet = a_fleet(exporter_port)
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "fleet.yml").write_text(yaml.safe_dump(fleet))
    out = tmp_path / "sd"
    write(changes(load(tmp_path / "fleet.yml"), out, None, "prometheus-include"))
    # What an included file names relatively is sought beside it.
    (out / "secret").write_text("secret")
    (tmp_path / "prometheus.yml").write_text(f"scrape_config_files: [{out}/{STANZAS}]\n")
    (tmp_path / "victoria.yml").write_text("scrape_configs: []\n")
    with servers(tmp_path, "newest") as (prometheus, _):
        assert_eventually(targets, prometheus, comparable(expected_targets(fleet)))


def prometheus_agent(folder, generation, receiver, at):
    example = yaml.safe_load(AGENT.read_text())
    example["remote_write"] = [{"url": receiver}]
    example["scrape_configs"] = yaml.safe_load((folder / "sd" / STANZAS).read_text())
    (folder / "agent.yml").write_text(yaml.safe_dump(example))
    return (
        program("prometheus", generation),
        "--agent" if generation == "newest" else "--enable-feature=agent",
        f"--config.file={folder}/agent.yml",
        f"--storage.agent.path={folder}/agent",
        f"--web.listen-address={at}",
    )


def vmagent(folder, generation, receiver, at):
    return (
        program("vmagent", generation),
        f"-promscrape.config={folder}/victoria.yml",
        f"-remoteWrite.url={receiver}",
        f"-remoteWrite.tmpDataPath={folder}/agent",
        f"-httpListenAddr={at}",
    )


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("agent", [prometheus_agent, vmagent])
def test_a_program_that_keeps_nothing_passes_on_what_it_scrapes_with_all_labels(
    generated, exporter_port, tmp_path, agent, generation
):
    (tmp_path / "secret").write_text("secret")
    fleet = a_fleet(exporter_port)
    folder = generated(fleet)
    at, receiver = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    victoria = (
        program("victoria-metrics", generation),
        f"-storageDataPath={tmp_path}/victoria",
        f"-httpListenAddr={receiver}",
    )
    pushing = agent(folder, generation, f"http://{receiver}/api/v1/write", at)
    with running(tmp_path / "victoria.log", *victoria), running(tmp_path / "agent.log", *pushing):
        assert_eventually(targets, at, comparable(expected_targets(fleet)))
        assert_eventually(series, receiver, expected_series(fleet))


@pytest.mark.parametrize("how", ["paste", "victoriametrics", "prometheus-include", "http-sd"])
def test_each_format_is_checked_by_the_servers_own_programs(tmp_path, how):
    fleet = a_fleet(9102)
    elsewhere = dict.fromkeys(("ca_file", "cert_file", "key_file"), "/where/the/server/is.pem")
    fleet["scrape"]["jobs"]["node"] |= {"scheme": "https", **elsewhere}
    (tmp_path / "fleet.yml").write_text(yaml.safe_dump(fleet))
    texts = files(load(tmp_path / "fleet.yml"), "http://h:1" if how == "http-sd" else "/sd", how)
    asked = dict(dry_run.complaints(texts[STANZAS], how))
    if how == "prometheus-include":  # of a version that Debian 12 has not
        assert asked == {"promtool": None}
    else:
        assert asked == {"promtool": None, "victoria-metrics": None}
    broken = texts[STANZAS].replace("scrape_timeout: 1s", "scrape_timeout: often")
    assert all(dict(dry_run.complaints(broken, how)).values())

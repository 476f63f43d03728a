"""From an alert to its dashboard: what arrives is a link that Grafana reads back to the very names."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml

from exporter.commands.alert_links import with_links
from exporter.fleet import load
from tests.grafana.boards import FILES, variables
from tests.grafana.boards import load as board
from tests.grafana.servers import GENERATIONS, free_address, program, running, victoria_metrics
from tests.netlab import wait_until
from tests.prometheus.test_rules import TESTS, alerts
from tests.yaml_files import content

GRAFANA = "https://grafana.example/ops"
BOARDS = {each["uid"]: {variable["name"] for variable in variables(each)} for each in map(board, FILES)}
"""The names of the variables of each dashboard."""
FILLED_BY = {"datacenter": ("source_datacenter", "target_datacenter"), "workflow": ("workflow_id",)}
"""The labels whose values a variable gets; those that are not here get that of the label of their own name."""
OF_ALL = {"LatencyNoData", "ConfigurationInDoubt"}
"""Alerts that are understood only by a look at all exporters."""
OF_A_PAIR = {"source", "ip_family"}
"""What links ask Prometheus for, where the alert is of several pairs."""
ASKED = ("pair:network_latency_faults:ratio_rate2m", "pair:network_latency_http_server_seconds:median10m")
"""The series that they ask."""


class Lead(NamedTuple):
    """What Grafana makes of a link: a dashboard, and what its variables are set to."""

    uid: str
    chosen: dict[str, list[str]]


def read(link: str) -> Lead:
    """Read a link as Grafana does: ``+`` is a space, and a variable that comes again has several values."""
    parts = urlsplit(link)
    uid = parts.path.removeprefix("/d/")
    chosen: dict[str, list[str]] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)):
        chosen.setdefault(name.removeprefix("var-"), []).append(value)
    assert (parts.fragment, uid in BOARDS, chosen.keys() - BOARDS.get(uid, set())) == ("", True, set()), link
    return Lead(uid, chosen)


def labels_of(variable: str) -> tuple[str, ...]:
    return FILLED_BY.get(variable, (variable,))


def test_every_alert_has_a_link_that_can_be_written_anew() -> None:
    for rule in alerts():
        assert re.fullmatch(r'/d/latency-exporter-[^"\\]+', rule["annotations"]["dashboard_url"]), rule["alert"]


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_the_links_of_tested_alerts_choose_what_the_alerts_are_about(file: Path) -> None:
    for test in content(file)["tests"]:
        series = str([series["series"] for series in test["input_series"]])
        for check in test.get("alert_rule_test", []):
            for alert in check["exp_alerts"]:
                lead = read(alert["exp_annotations"]["dashboard_url"])
                assert bool(lead.chosen) == (check["alertname"] not in OF_ALL)
                for variable, values in lead.chosen.items():
                    if variable in OF_A_PAIR - alert["exp_labels"].keys():
                        assert set(values) <= set(re.findall(rf'\b{variable}="([^"]+)"', series))
                    else:
                        assert values == [alert["exp_labels"][label] for label in labels_of(variable)]


def odd(label: str) -> str:
    """Return a value that is hard to write into a url."""
    return f'{label} "1" & 50% + #ü/ä?a=b\\;'


def vector(labels: set[str]) -> str:
    """Write a vector of one series with odd values of labels."""
    expression = "vector(1)"
    for label in sorted(labels):
        expression = f'label_replace({expression}, "{label}", {json.dumps(odd(label), ensure_ascii=False)}, "", "")'
    return expression


def always_firing() -> list[dict[str, Any]]:
    """Return rules that fire with the shipped links; twice where a link depends on whether there is a source."""
    rules: list[dict[str, Any]] = [{"record": name, "expr": vector({*OF_A_PAIR, "target", "probe"})} for name in ASKED]
    for rule in alerts():
        link = rule["annotations"]["dashboard_url"]
        labels = set(re.findall(r"\$labels\.(\w+)", link))
        for some in [labels, labels - {"source", "target"}] if "if $labels.source" in link else [labels]:
            about = {"number": str(len(rules)), "alert": rule["alert"]}
            annotations = {"dashboard_url": link}
            rules.append({"alert": "A", "expr": vector(some), "labels": about, "annotations": annotations})
    return rules


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of rules, written as of a fleet file that names Grafana."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "fleet.yml").write_text(
        "hosts: [{name: a, address: 192.0.2.1}]\nprobes: {icmp: {protocol: icmp}}\n"
        f"stack: {{grafana: {{url: '{GRAFANA}'}}}}\n"
    )
    group = {"name": "links", "interval": "1s", "rules": always_firing()}
    text = yaml.safe_dump({"groups": [group]}, width=10_000, allow_unicode=True)
    path = folder / "rules.yml"
    path.write_text(with_links(text, load(folder / "fleet.yml")))
    return path


class Notified(ThreadingHTTPServer):
    """What Alertmanager is sent: the links by the numbers of their alerts."""

    def __init__(self) -> None:
        self.links: dict[str, tuple[str, str]] = {}
        super().__init__(("127.0.0.1", 0), _Notification)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def has(self, count: int) -> bool:
        """Return whether that many are there, and what they ask for has been recorded."""
        links = list(self.links.values())
        return len(links) == count and all("var-source=" in link for name, link in links if name.startswith("Peer"))


class _Notification(BaseHTTPRequestHandler):
    server: Notified

    def do_POST(self) -> None:
        for alert in json.loads(self.rfile.read(int(self.headers["Content-Length"]))):
            labels, annotations = alert["labels"], alert["annotations"]
            self.server.links[labels["number"]] = (labels["alert"], annotations["dashboard_url"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def notified() -> Iterator[Notified]:
    with Notified() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@contextlib.contextmanager
def prometheus(folder: Path, generation: str, rules: Path, notified: str) -> Iterator[None]:
    address = free_address()
    targets = {"alertmanagers": [{"static_configs": [{"targets": [notified]}]}]}
    (folder / "prometheus.yml").write_text(yaml.safe_dump({"rule_files": [str(rules)], "alerting": targets}))
    command = [
        program("prometheus", generation),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        "--rules.alert.resend-delay=1s",
        f"--web.listen-address={address}",
    ]
    with running(folder / "prometheus.log", command, address):
        yield


@contextlib.contextmanager
def vmalert(folder: Path, generation: str, rules: Path, notified: str) -> Iterator[None]:
    address = free_address()
    with victoria_metrics(folder, generation) as store:
        command = [
            program("vmalert", generation),
            f"-rule={rules}",
            f"-datasource.url={store.url}",
            f"-remoteWrite.url={store.url}",
            "-remoteWrite.flushInterval=100ms",
            f"-notifier.url=http://{notified}",
            f"-httpListenAddr={address}",
        ]
        with running(folder / "vmalert.log", command, address):
            yield


@pytest.mark.servers
@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("evaluator", [prometheus, vmalert])
def test_odd_names_arrive_at_alertmanager_as_links_that_choose_them(
    tmp_path: Path, rules: Path, notified: Notified, evaluator: Any, generation: str
) -> None:
    count = sum("alert" in rule for rule in always_firing())
    with evaluator(tmp_path, generation, rules, notified.address):
        wait_until(lambda: notified.has(count), "all alerts have arrived", 60)
    leads = []
    for name, link in notified.links.values():
        assert link.startswith(f"{GRAFANA}/d/")
        lead = read(link.removeprefix(GRAFANA))
        assert bool(lead.chosen) == (name not in OF_ALL)
        assert lead.chosen == {variable: list(map(odd, labels_of(variable))) for variable in lead.chosen}
        leads.append(lead)
    assert {lead.uid for lead in leads} == BOARDS.keys()

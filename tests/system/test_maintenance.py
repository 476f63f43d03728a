"""A dead host that is in maintenance, end to end: the rules have no alert of it until its date.

The rules are as fast as tests.system.alerting makes them.
"""

from __future__ import annotations

import itertools
import json
import signal
import sys
import urllib.parse
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.netlab import Lab, requires_root, wait_until
from tests.system.alerting import EXAMPLE, PATIENCE, asked, start_watching
from tests.system.running import Exporter

pytestmark = [requires_root, pytest.mark.servers]

PROMETHEUS = 9090
NAMES = ("wf001", "wf008", "asleep", "dead")
FLEET = """
defaults: {{interval: 1s, timeout: 900ms}}
hosts:
  - {{name: wf001, address: wf001}}
  - {{name: wf008, address: wf008}}
  - {{name: asleep, address: asleep, {state}}}
  - {{name: dead, address: dead}}
probes:
  icmp: {{protocol: icmp}}
  tcp: {{protocol: tcp, port: 9102}}
scrape: {{interval: 1s, timeout: 1s}}
"""
RECEIVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        with open(sys.argv[1], "ab") as file:
            file.write(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
"""


class World:
    """Four hosts, and who watches them."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.watcher = lab, lab.hosts["watcher"]
        self._notified, self._fleet_file = folder / "notified", folder / "fleet.yml"
        self._notified.touch()
        self.watcher.popen([sys.executable, "-c", RECEIVER, str(self._notified)])
        self._write("state: maintenance")
        self.exporters = {name: Exporter(lab.hosts[name], self._fleet_file) for name in NAMES}
        for exporter in self.exporters.values():
            exporter.ready()
        alerting = EXAMPLE.read_text().replace("# webhook_configs", "webhook_configs")
        for slow, fast in (("group_wait: 30s", "group_wait: 1s"), ("group_interval: 5m", "group_interval: 1s")):
            assert slow in alerting
            alerting = alerting.replace(slow, fast)
        (folder / "alertmanager.yml").write_text(alerting)
        start_watching(self.watcher, folder, self._fleet_file, folder / "alertmanager.yml")

    def _write(self, state: str) -> None:
        self._fleet_file.write_text(FLEET.format(state=state))

    def reload(self, state: str) -> None:
        self._write(state)
        for exporter in self.exporters.values():
            exporter.program.send_signal(signal.SIGHUP)

    def alerts(self) -> list[dict[str, str]]:
        """Return the labels of each alert that Prometheus itself has, pending or firing."""
        answer = json.loads(asked(self.watcher, PROMETHEUS, "/api/v1/alerts"))
        return [one["labels"] for one in answer["data"]["alerts"]]

    def holds(self, query: str) -> bool:
        """Return whether a query has any result."""
        answer = asked(self.watcher, PROMETHEUS, f"/api/v1/query?{urllib.parse.urlencode({'query': query})}")
        return bool(json.loads(answer)["data"]["result"])

    def notified(self) -> list[dict[str, str]]:
        """Return the labels of each alert that the receiver was ever notified of."""
        complete, _, _ = self._notified.read_text().rpartition("\n")
        return [alert["labels"] for line in complete.splitlines() for alert in json.loads(line)["alerts"]]

    def is_notified_of(self, name: str, target: str) -> None:
        wanted = {"alertname": name, "target": target}.items()
        wait_until(lambda: any(wanted <= labels.items() for labels in self.notified()), f"{name} of {target}", PATIENCE)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Lab() as lab:
        for one, other in itertools.combinations([lab.host(name) for name in NAMES], 2):
            lab.veth(one, other)
        lab.attach(lab.host("watcher"))
        yield World(lab, tmp_path)


def test_a_dead_host_in_maintenance_notifies_nobody_until_its_date_and_another_one_does(world: World) -> None:
    wait_until(
        lambda: world.holds('host:network_latency_maintenance:bool{target="asleep"} == 1'), "it is known", PATIENCE
    )
    for name in ("asleep", "dead"):
        for ip_family in ("ipv4", "ipv6"):
            world.lab.hosts[name].drop(ip_family=ip_family)
    world.is_notified_of("HostUnreachable", "dead")
    wait_until(lambda: world.holds('max_over_time(up{host="asleep"}[10s]) == 0'), "it is not scraped", PATIENCE)
    assert not [labels for labels in world.alerts() if "asleep" in labels.values()]
    assert not [labels for labels in world.notified() if "asleep" in labels.values()]
    lines = world.exporters["wf001"].get("/").splitlines()
    assert all("in maintenance: network" in line for line in lines if line.startswith("asleep "))

    labels = {"target": "asleep", "probe": "icmp"}
    before = world.exporters["wf001"].page().failures(**labels)["timeout"]
    until = datetime.now(UTC) + timedelta(seconds=20)
    world.reload(f"state: maintenance, until: {until:%Y-%m-%dT%H:%M:%SZ}")
    world.is_notified_of("HostUnreachable", "asleep")
    assert datetime.now(UTC) > until
    assert world.exporters["wf001"].page().failures(**labels)["timeout"] > before

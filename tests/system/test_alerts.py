"""Each default alert, end to end: its fault in the lab, the shipped rules in Prometheus, what reaches Alertmanager.

A fleet's faults all come at once, as they do. The rules are those that are shipped, with every duration in them a
thirtieth of itself, because a test does not wait for ten minutes.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.authority import Authority
from tests.netlab import Lab, Link, Program, requires_root, wait_until
from tests.system.alerting import ALERTMANAGER, PATIENCE, asked, start_watching
from tests.system.database_server import Server
from tests.system.databases import PASSWORD, requires_databases, started
from tests.system.flood import Flood
from tests.system.running import Exporter
from tests.system.slow_server import SLOW_SERVER

pytestmark = [requires_root, requires_databases, pytest.mark.servers]

FLEET = """
defaults: {{interval: 1s, timeout: 900ms, ip_families: [ipv4]}}
hosts:
  - {{name: wf001, address: wf001, location: wf001_usa, datacenter: wf001, country: US}}
  - {{name: wf008, address: wf008, location: wf008_brazil, datacenter: wf008, country: BR}}
  - {{name: dead, address: dead}}
  - {{name: hung, address: hung}}
  - {{name: busy, address: busy}}
  - {{name: old, address: old}}
  - {{name: wfdb02, address: wfdb02, exporter: false}}
probes:
  icmp: {{protocol: icmp, from: [wf001, wf008], to: [wf001, wf008, dead, hung, wfdb02]}}
  tcp: {{protocol: tcp, port: 9102, from: [wf001, wf008], to: [wf001, wf008, dead, hung]}}
  ping: {{protocol: http, url: "http://{{address}}:9102/ping", from: [wf001, wf008], to: [hung]}}
  busy: {{protocol: icmp, from: [busy, old], to: [busy, old]}}
endpoints:
  - {{name: slow, from: [wf001], probe: {{protocol: http, url: "http://wfdb02:8080/", interval: 3s, timeout: 2900ms}}}}
  - {{name: site, from: [wf001], probe: {{protocol: http, url: "https://wfdb02:9443/", tls_ca_file: {ca}}}}}
  - {{name: closed, from: [wf001], address: wfdb02, probe: {{protocol: tcp, port: 9999}}}}
databases:
  - {{name: frozen-db, type: postgresql, port: {frozen}, {login}, interval: 1s, cold_interval: 1s}}
  - {{name: full-db, type: mysql, port: {full}, {login}, interval: 1s, cold_interval: 1s}}
  - {{name: slow-db, type: postgresql, port: {slow}, {login}, timeout: 2900ms, interval: 3s, cold_interval: 3s,
     query: "SELECT pg_sleep(seconds) FROM pace"}}
scrape: {{interval: 1s, timeout: 1s}}
"""
LOGIN = "host: wfdb02, user: monitor, dbname: n8n, tls: disable, password_file: {password}, from: [wf001, wf008]"
LISTEN = "import socket; server = socket.create_server(('', 9999)); [server.accept()[0].close() for _ in iter(int, 1)]"

Alert = tuple[str, str]
"""Its name and whom it names."""


class World:
    """Everything that runs, and how it is broken and mended."""

    def __init__(self, lab: Lab, folder: Path, databases: dict[str, Server], path: Link) -> None:
        self.lab, self.folder, self.databases, self.path = lab, folder, databases, path
        self.watcher, self.store = lab.hosts["watcher"], lab.hosts["wfdb02"]
        self.delay, self.fleet_file = folder / "delay", folder / "fleet.yml"
        self.exporters: dict[str, Exporter] = {}
        self.listener = self.listen()

    def listen(self) -> Program:
        return self.store.popen([sys.executable, "-c", LISTEN])

    def start_exporters(self, *names: str, flags: Sequence[str] = ()) -> None:
        for name in names:
            self.exporters[name] = Exporter(self.lab.hosts[name], self.fleet_file, *flags)
        for name in names:
            self.exporters[name].ready()

    def break_everything(self) -> None:
        dead, busy, old = (self.lab.hosts[name] for name in ("dead", "busy", "old"))
        self.cut = [dead.drop(), dead.drop(ip_family="ipv6")]
        self.exporters["hung"].program.send_signal(signal.SIGSTOP)
        self.flood = Flood(busy, "to-old", old.address)
        self.exporters["old"].program.stop()
        before, after = self.fleet_file.read_text(), "# as it was\n"
        self.fleet_file.write_text(before + after)
        self.start_exporters("old")
        self.fleet_file.write_text(before)
        self.path.change(loss=0.5)
        self.listener.stop()
        self.delay.write_text("1.4")
        self.databases["frozen"].freeze()
        self.databases["slow"].admin("\\c n8n\nUPDATE pace SET seconds = 1.3")
        self.databases["full"].admin("ALTER USER monitor@'%' WITH MAX_CONNECTIONS_PER_HOUR 1")

    def mend_everything(self) -> None:
        for rule in self.cut:
            rule.remove()
        self.flood.stop()
        self.exporters["old"].program.stop()
        self.start_exporters("old")
        self.exporters["hung"].program.send_signal(signal.SIGCONT)
        self.path.change(loss=0.0)
        self.listener = self.listen()
        self.delay.write_text("0.001")
        self.databases["frozen"].thaw()
        self.databases["slow"].admin("\\c n8n\nUPDATE pace SET seconds = 0")
        self.databases["full"].admin("ALTER USER monitor@'%' WITH MAX_CONNECTIONS_PER_HOUR 0")

    def alerts(self) -> dict[Alert, str]:
        """Name and culprit -> active or suppressed, as Alertmanager has it."""
        states = {}
        for alert in json.loads(asked(self.watcher, ALERTMANAGER, "/api/v2/alerts")):
            labels, notes = alert["labels"], alert["annotations"]
            whom = culprit(labels)
            assert all(name in notes["summary"] + notes["description"] for name in whom.split(" to ")), alert
            states[labels["alertname"], whom] = alert["status"]["state"]
        return states

    def active(self) -> set[Alert]:
        return {alert for alert, state in self.alerts().items() if state == "active"}


def culprit(labels: dict[str, str]) -> str:
    """Whom an alert is about, as its summary names him."""
    if "database" in labels:
        return labels["database"]
    if labels["alertname"] == "PathDegraded" and "source" in labels:
        return f"{labels['source']} to {labels['target']}"
    return labels.get("target") or labels.get("source") or labels.get("instance") or labels.get("job", "")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("alerts")
    (folder / "certificates").mkdir()
    authority = Authority(folder / "certificates")
    site = authority.file("wfdb02", until=dt.datetime.now(dt.UTC) + dt.timedelta(days=1))
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(Lab())
        usa, brazil, dead, hung, busy, old, store = (
            lab.host(name) for name in ("wf001", "wf008", "dead", "hung", "busy", "old", "wfdb02")
        )
        path = lab.link(usa, brazil, delay=0.020)
        for source, other in itertools.product((usa, brazil), (dead, hung, store)):
            lab.veth(source, other)
        lab.veth(busy, old)
        watcher = lab.host("watcher")
        lab.attach(watcher)

        inside = ("ip", "netns", "exec", store.namespace.name)
        kinds = {"frozen": "postgresql", "slow": "postgresql", "full": "mysql"}
        databases = {
            name: stack.enter_context(started(kind, address="0.0.0.0", through=inside)) for name, kind in kinds.items()
        }
        databases["slow"].admin("\\c n8n\nCREATE TABLE pace AS SELECT 0 AS seconds; GRANT SELECT ON pace TO monitor")
        (folder / "delay").write_text("0.001")
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o600)
        store.popen([sys.executable, "-c", SLOW_SERVER, str(folder / "delay")])
        store.popen([sys.executable, str(Path(__file__).with_name("tls_server.py")), "9443", str(site)])
        ports = {name: server.port for name, server in databases.items()}
        login = LOGIN.format(password=folder / "password")
        (folder / "fleet.yml").write_text(FLEET.format(ca=authority.ca_file, login=login, **ports))

        world = World(lab, folder, databases, path)
        world.start_exporters(*(name for name in lab.hosts if name not in {"wfdb02", "watcher"}))
        start_watching(watcher, folder, world.fleet_file)
        yield world


ALWAYS = {("CertificateExpiring", "site")}
"""Its certificate has one day left of ten."""
FAULTS = {
    ("HostUnreachable", "dead"),
    ("LatencyExporterDown", "hung"),
    ("MeasurementInDoubt", "busy"),
    ("ConfigurationInDoubt", "old"),
    ("PathDegraded", "wf001 to wf008"),
    ("PathDegraded", "wf008 to wf001"),
    ("PeerFailing", "closed"),
    ("PeerSlow", "slow"),
    ("DatabaseDown", "frozen-db"),
    ("DatabaseSlow", "slow-db"),
    ("DatabaseDown", "full-db"),
}
INHIBITED = {  # what follows from the dead host is not even said to Alertmanager
    ("PathDegraded", "busy to old"),
    ("PathDegraded", "old to busy"),
    ("PeerFailing", "hung"),
}


def becomes(world: World, wanted: set[Alert]) -> None:
    """Wait until these alerts are active, and no others."""
    with contextlib.suppress(TimeoutError):
        wait_until(lambda: world.active() == wanted, "the alerts", PATIENCE)
    assert world.active() == wanted, world.alerts()


def eventually(world: World, alert: Alert, state: str) -> None:
    with contextlib.suppress(TimeoutError):
        wait_until(lambda: world.alerts().get(alert) == state, f"{alert} is {state}", PATIENCE)
    assert world.alerts().get(alert) == state, world.alerts()


def all_are_said(world: World, wanted: set[Alert], suppressed: set[Alert]) -> None:
    """Wait until the wanted alerts, and no others, have been active at once, and each of the others suppressed.

    Neither lasts: at this pace what is wrong is usual after some minutes, so a look sees both.
    """
    held: set[Alert] = set()
    looks: list[dict[Alert, str]] = []
    was_right = False

    def seen() -> bool:
        nonlocal was_right
        looks[:] = [world.alerts()]
        held.update(alert for alert, state in looks[0].items() if state == "suppressed")
        was_right = was_right or {alert for alert, state in looks[0].items() if state == "active"} == wanted
        return was_right and suppressed <= held

    with contextlib.suppress(TimeoutError):
        wait_until(seen, "the alerts", 2 * PATIENCE)
    assert was_right, looks
    assert suppressed <= held, looks


def test_every_fault_has_its_alert_which_names_the_culprit_and_resolves(world: World) -> None:
    becomes(world, ALWAYS)
    world.break_everything()
    all_are_said(world, ALWAYS | FAULTS, INHIBITED)
    world.mend_everything()
    becomes(world, ALWAYS)


def test_no_data_of_any_exporter_is_one_alert(world: World) -> None:
    for exporter in world.exporters.values():
        exporter.program.stop()
    no_data = ("LatencyNoData", "latency")
    eventually(world, no_data, "active")
    assert world.active() <= {no_data} | ALWAYS, world.alerts()

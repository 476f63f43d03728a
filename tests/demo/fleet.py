"""The fleet of the demo: two hosts in the USA, one in Brazil, what they measure, and who watches them."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.authority import Authority
from tests.culprits.pace import FAST
from tests.culprits.sites import Sites
from tests.culprits.watching import Watch
from tests.demo import ending
from tests.netlab import Host, Lab, Program, wait_until
from tests.netlab.programs import MARK
from tests.ports import free_port
from tests.system import tls_server
from tests.system.database_server import PATIENCE
from tests.system.databases import PASSWORD, PostgreSQL
from tests.system.running import REPOSITORY, Exporter
from tests.system.slow_server import SLOW_SERVER

PREFIX = "lex-demo-"
"""The prefix of namespaces and folders. No test's lab has it, so that neither removes what the other has made."""
ROUND_TRIP = 0.330
PACE = dataclasses.replace(FAST, factor=8, group_wait="4s")
"""At fifteen times the pace a rule's two minutes hold seven probes, of which most fail by chance if a quarter does."""
_WINDOW = PACE.seconds(180)
"""For which the rules look back at what gets lost; of less, two probes that get lost by chance would be all."""
_SITES = {"wf001": "a", "wf008": "b", "wfdb01": "a"}
_FLEET = """\
defaults: {{interval: 1s, timeout: 900ms, ip_families: [ipv4]}}
hosts:
  - {{name: wf001, address: wf001, location: wf001_usa, datacenter: wf001, country: US}}
  - {{name: wf008, address: wf008, location: wf008_brazil, datacenter: wf008, country: BR}}
  - {{name: wfdb01, address: wfdb01, location: wfdb01_usa, datacenter: wfdb01, country: US}}
probes:
  icmp: {{protocol: icmp, interval: 500ms, timeout: 450ms}}
  tcp: {{protocol: tcp, port: 9102, interval: 500ms, timeout: 450ms}}
  ping: {{protocol: http, url: "http://{{address}}:9102/ping", interval: 1100ms, timeout: 1090ms}}
endpoints:
  - {{name: api, location: wfdb01_usa, datacenter: wfdb01, from: [wf001, wf008],
     probe: {{protocol: http, url: "http://wfdb01:8080/", interval: 3s, timeout: 2900ms}}}}
  - {{name: site, location: wfdb01_usa, datacenter: wfdb01, from: [wf001, wf008],
     probe: {{protocol: http, url: "https://wfdb01:8443/", tls_ca_file: {ca}, interval: 3s, timeout: 2900ms}}}}
databases:
  - {{name: orders, type: postgresql, host: wfdb01, port: {port}, user: monitor, dbname: n8n, tls: disable,
     password_file: {password}, from: [wf001, wf008], interval: 3s, cold_interval: 3s, timeout: 2900ms}}
scrape: {{interval: 1s, timeout: 1s}}
"""
"""The rules count handshakes that are repeated, which the kernel does after a second: so long `ping` waits. A login
from Brazil waits four times for the database, which is 1.3 s."""


class Demo:
    """Everything that runs. What breaks it is in ``faults``."""

    def __init__(self, lab: Lab) -> None:
        self._folder = lab.folder
        self.sites = Sites(lab, ("prometheus",), _SITES, round_trip=ROUND_TRIP)
        self.hosts = self.sites.hosts
        self.delay = self._written("delay", "0.001")
        self._authority = self._make_authority()
        self._site: Program | None = None
        self.serve_site(dt.timedelta(days=60))
        self.hosts["wfdb01"].popen([sys.executable, "-c", SLOW_SERVER, str(self.delay)])

    def serve_site(self, left: dt.timedelta) -> None:
        """Serve the site, once more if need be, with a certificate of 90 days that is valid for so long."""
        if self._site is not None:
            self._site.stop()
        until = dt.datetime.now(dt.UTC) + left
        certificate = self._authority.file("wfdb01", since=until - dt.timedelta(days=90), until=until)
        self._site = self.hosts["wfdb01"].popen([sys.executable, tls_server.__file__, "8443", str(certificate)])

    def start(self, database: PostgreSQL) -> None:
        """Start Prometheus and Alertmanager, and then, when that takes no more CPU, the exporters."""
        self.database = database
        password = self._written("password", PASSWORD)
        password.chmod(0o600)
        text = _FLEET.format(ca=self._authority.ca_file, port=database.port, password=password)
        fleet_file = self._written("fleet.yml", text)
        self.watcher = self.sites.watchers[0]
        self.watch = Watch("prometheus", self.watcher, self._folder / "watch", self._stanzas(fleet_file), PACE)
        self._exporters = {name: Exporter(host, fleet_file, "--log.level=info") for name, host in self.hosts.items()}
        for name, exporter in self._exporters.items():
            wait_until(exporter._ready, f"{name} is ready", PATIENCE)

        self._begun = time.monotonic()

    @property
    def is_new(self) -> bool:
        """Whether the rules know less of it than they look at."""
        return time.monotonic() - self._begun < _WINDOW

    def get(self, host: str, path: str) -> str:
        """Return a page of a host, as ``curl`` there gets it."""
        return self._exporters[host].get(path)

    def _stanzas(self, fleet_file: Path) -> str:
        command = [sys.executable, "-m", "exporter", "scrape-configs", f"--config.file={fleet_file}"]
        files = self._folder / "scrape_configs"
        subprocess.run([*command, f"--output-dir={files}"], check=True, cwd=REPOSITORY, capture_output=True)
        return (files / "jobs.yml").read_text()

    def _make_authority(self) -> Authority:
        folder = self._folder / "certificates"
        folder.mkdir()
        return Authority(folder)

    def _written(self, name: str, text: str) -> Path:
        file = self._folder / name
        file.write_text(text)
        return file


@contextlib.contextmanager
def built() -> Iterator[Demo]:
    """Remove what a killed demo has left, build all of it, and take it down at the end."""
    with Lab(prefix=PREFIX) as lab, ending.taken_down_whole() as stack:
        lab.folder.chmod(0o711)  # the database's user has a folder in it
        demo = Demo(lab)
        database = _database(lab, demo.hosts["wfdb01"])
        stack.callback(database.stop, signal.SIGQUIT)
        demo.start(database)
        stack.callback(demo.watch.receiver.close)
        yield demo


def _database(lab: Lab, host: Host) -> PostgreSQL:
    folder = lab.folder / "postgresql"
    folder.mkdir()
    inside = ("env", f"{MARK}={lab.mark}", "ip", "netns", "exec", host.namespace.name)
    return PostgreSQL(folder, port=free_port(), address="0.0.0.0", tls=None, through=inside)

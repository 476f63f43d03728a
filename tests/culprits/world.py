"""A fleet in a lab: its exporters, a database, a slow program, and those who watch it all."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.culprits.pace import Pace
from tests.culprits.sites import SIX, Sites
from tests.culprits.watching import Watch
from tests.netlab import Lab, wait_until
from tests.system.database_server import Server
from tests.system.databases import PASSWORD, started
from tests.system.running import REPOSITORY, Exporter
from tests.system.slow_server import SLOW_SERVER

FLEET = """
defaults: {{interval: {pace.interval}, timeout: {pace.timeout}, ip_families: [ipv4]}}
hosts:
{hosts}
probes:
  icmp: {{protocol: icmp, interval: {pace.icmp}, timeout: {icmp_timeout}{sample}}}
  tcp: {{protocol: tcp, port: 9102{sample}}}
  ping: {{protocol: http, url: "http://{{address}}:9102/ping"{sample}}}
endpoints:
  - {{name: shop, location: a, datacenter: a, country: US, from: [a1, a3],
     probe: {{protocol: http, url: "http://a2:8080/", interval: {shop}, timeout: {shop_timeout}}}}}
databases:
  - {{name: orders, type: postgresql, host: b3, port: {port}, user: monitor, dbname: n8n, tls: disable,
     password_file: {password}, from: [a1, b1], cold_interval: {pace.cold}}}
scrape: {{interval: {pace.interval}, timeout: {pace.scrape_timeout}}}
"""
HOST = "  - {{name: {name}, address: {name}, location: {site}, datacenter: {site}, country: US{more}}}"
PATIENCE = 60


class World:
    """Everything that runs. What breaks it is in ``faults``."""

    def __init__(self, lab: Lab, sites: Sites, folder: Path, database: Server, pace: Pace, sample: str) -> None:
        self.lab, self.sites, self.database, self.pace = lab, sites, database, pace
        self._sample = f", sample: {sample}" if sample else ""
        self.hosts = sites.hosts
        self.delay, self._folder, self._fleet_file = folder / "delay", folder, folder / "fleet.yml"
        self.delay.write_text("0.001")
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o600)
        self.hosts["a2"].popen([sys.executable, "-c", SLOW_SERVER, str(self.delay)])
        self._write_fleet()
        self.exporters = {name: Exporter(host, self._fleet_file) for name, host in self.hosts.items()}
        for exporter in self.exporters.values():
            wait_until(exporter._ready, f"{exporter.host.name} is ready", PATIENCE)
        stanzas = self._stanzas()
        self.watches = [
            Watch(host.name.partition("-")[2], host, folder / host.name, stanzas, pace) for host in sites.watchers
        ]

    def start(self, name: str, *flags: str) -> None:
        """Start the exporter of a host anew, perhaps in another way."""
        self.exporters[name].program.stop()
        self.exporters[name] = Exporter(self.hosts[name], self._fleet_file, *flags).ready()

    def maintain(self, *names: str) -> None:
        """Take these hosts into maintenance and no others, on all hosts."""
        self._write_fleet(names)
        for exporter in self.exporters.values():
            exporter.program.send_signal(signal.SIGHUP)

    def says(self, name: str) -> str:
        """Return whom the first line of a host's page blames, as ``curl`` gets it; else its worst line."""
        heading, _, worst, *_ = self.exporters[name].get("/").splitlines()
        return heading.partition("; ")[2] or re.sub(" +", " ", worst)

    def quiet(self, fleet_seconds: float, within: float) -> None:
        """Wait until nothing has fired, and nothing was about to, for so long."""
        since, until = time.monotonic(), time.monotonic() + self.pace.seconds(within)
        while time.monotonic() - since < self.pace.seconds(fleet_seconds):
            if pending := {watch.name: names for watch in self.watches if (names := watch.pending())}:
                since = time.monotonic()
            assert time.monotonic() < until, pending
            time.sleep(self.pace.between_looks)

    def close(self) -> None:
        for watch in self.watches:
            watch.receiver.close()

    def _write_fleet(self, in_maintenance: Sequence[str] = ()) -> None:
        fast = self.pace.factor > 1
        hosts = (
            HOST.format(name=name, site=name[0], more=", state: maintenance" * (name in in_maintenance))
            for name in self.hosts
        )
        text = FLEET.format(
            pace=self.pace,
            hosts="\n".join(hosts),
            icmp_timeout="900ms" if fast else "4s",
            shop="2s" if fast else "15s",
            shop_timeout="1900ms" if fast else "10s",
            port=self.database.port,
            password=self._folder / "password",
            sample=self._sample,
        )
        self._fleet_file.write_text(text)

    def _stanzas(self) -> str:
        command = [sys.executable, "-m", "exporter", "scrape-configs", f"--config.file={self._fleet_file}"]
        subprocess.run([*command, f"--output-dir={self._folder}/sd"], check=True, cwd=REPOSITORY, capture_output=True)
        return (self._folder / "sd/jobs.yml").read_text()


@contextlib.contextmanager
def built(
    folder: Path, pace: Pace, watchers: Sequence[str], hosts: Mapping[str, str] = SIX, sample: str = ""
) -> Iterator[World]:
    """Build it all, and take it down; ``sample`` is that of each probe, as a fleet file has it."""
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(Lab())
        sites = Sites(lab, watchers, hosts)
        inside = ("ip", "netns", "exec", sites.hosts["b3"].namespace.name)
        database = stack.enter_context(started("postgresql", address="0.0.0.0", through=inside))
        world = World(lab, sites, folder, database, pace, sample)
        stack.callback(world.close)
        yield world

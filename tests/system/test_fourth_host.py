"""The five steps of docs/prometheus.md by which a fourth host comes to a fleet of three, walked as they stand there."""

from __future__ import annotations

import functools
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netlab import Host, Lab, requires_root, wait_until
from tests.system.fleets import THREE_HOSTS
from tests.system.running import REPOSITORY, Exporter
from tests.system.servers import Server, prometheus, victoria_metrics

pytestmark = [requires_root, pytest.mark.servers]

FLEET = "defaults: {interval: 1s, timeout: 900ms}" + THREE_HOSTS
FLEET += """\
probes:
  icmp: {protocol: icmp}
  tcp: {protocol: tcp, port: 9102}
  ping: {protocol: http, url: "http://{address}:9102/ping"}
scrape: {interval: 1s, timeout: 900ms}
stack:
  prometheus: {url: "http://127.0.0.1:9090"}
  victoriametrics: {url: "http://127.0.0.1:8428"}
"""
FOURTH = "  - {name: wf009, address: wf009, location: wf009_chile, datacenter: wf009, country: CL}\n"


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        for name in ("wf001", "wf008", "wfdb01", "wf009"):
            lab.attach(lab.host(name))
        yield lab


def program(host: Host, command: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run the program on a host, as somebody would who has logged in there."""
    return host.run([sys.executable, "-m", "exporter", command, *flags], check=False)


def has_every_pair_of(hosts: int, server: Server) -> bool:
    """Three probes of each host toward each other."""
    query = 'count(network_latency_probe_success{source_country!="",target_country!=""} == 1)'
    return [each["value"][1] for each in server.query(query, time.time())] == [str(3 * hosts * (hosts - 1))]


def test_a_fourth_host_is_in_every_server_after_the_five_steps_of_the_documents(lab: Lab, tmp_path: Path) -> None:
    home, files = lab.hosts["wfdb01"], {name: tmp_path / f"{name}.yml" for name in lab.hosts}
    for name in ("wf001", "wf008", "wfdb01"):
        files[name].write_text(FLEET)
    exporters = [Exporter(lab.hosts[name], files[name]).ready() for name in ("wf001", "wf008", "wfdb01")]
    here = f"--config.file={files['wfdb01']}"
    program(home, "scrape-configs", here, f"--output-dir={tmp_path}/sd").check_returncode()
    stanzas = (tmp_path / "sd/jobs.yml").read_text()
    servers = [prometheus(home, tmp_path, stanzas), victoria_metrics(home, tmp_path, stanzas)]
    for server in servers:
        wait_until(functools.partial(has_every_pair_of, 3, server), f"{server.name} has every pair of three", 30)

    steps = (REPOSITORY / "docs/prometheus.md").read_text().partition("**A fourth host**, in five steps: ")[2]
    steps = steps.partition("Prometheus takes")[0]
    assert steps.count(";") == 4, steps  # five steps: if they change, so does what follows

    text = FLEET.replace("probes:\n", f"{FOURTH}probes:\n")  # 1. its line in the fleet file
    for name in lab.hosts:  # 2. the file on every host, and a reload there
        files[name].write_text(text)
    for exporter in exporters:
        exporter.program.send_signal(signal.SIGHUP)
    Exporter(lab.hosts["wf009"], files["wf009"]).ready()  # 3. the program on the new one
    program(home, "scrape-configs", here, f"--output-dir={tmp_path}/sd").check_returncode()  # 4.

    for server in servers:
        wait_until(functools.partial(has_every_pair_of, 4, server), f"{server.name} has every pair", 30)

    def well() -> subprocess.CompletedProcess[str]:
        return program(home, "doctor", here, "--json")  # 5.

    wait_until(lambda: well().returncode == 0, "the doctor finds it well", 20)
    findings = json.loads(well().stdout)["findings"]
    assert {each["what"]: each["status"] for each in findings if "wf009" in each["what"]} == {
        f"wf009 in {server}": "ok" for server in ("prometheus", "victoriametrics")
    }

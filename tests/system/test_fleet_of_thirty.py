"""Thirty real programs on loopback of which ten hang: what the others say is there at the deadline, whoever looks."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.fleet_view.peer_pages import DEADLINE
from tests.netlab import wait_until
from tests.ports import free_port
from tests.system.running import REPOSITORY, Page

pytestmark = pytest.mark.programs

NAMES = [f"wf{number:03}" for number in range(1, 31)]
LIVING, HANGING = NAMES[:20], NAMES[20:]
CLIENTS = 50
AFTERWARDS = 2.5
"""Seconds from the deadline to the last of their pages: 0.2 on a machine that has nothing else to do, and who waited
for one after the other would need another deadline for each."""
PATIENCE = 120
OF_A_BUSY_MACHINE = {"MeasurementInDoubt", "PeerSlow"}
FLEET = """
defaults: {interval: 5s, timeout: 1s}
probes:
  ping: {protocol: http, url: "http://{address}:PORT/ping"}
hosts:
"""
FORKING = """
import ctypes, os, signal, sys
import exporter.app, exporter.cli
for flags in sys.stdin:
    pid = os.fork()
    if not pid:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG of linux/prctl.h: with its parent, it goes
        os._exit(exporter.cli.main(flags.split()))
    print(pid, flush=True)
"""
"""Starts a program for each line of flags, from one process: half a second of imports once, and not thirty times."""


@dataclasses.dataclass(frozen=True)
class Host:
    """One of the programs."""

    name: str
    address: str
    port: int
    pid: int

    def get(self, path: str, by: str = "127.0.0.1") -> str:
        connecting = http.client.HTTPConnection(self.address, self.port, timeout=30, source_address=(by, 0))
        with contextlib.closing(connecting) as connection:
            connection.request("GET", path)
            return connection.getresponse().read().decode()

    def is_ready(self) -> bool:
        with contextlib.suppress(OSError):
            return "is ready" in self.get("/-/ready")
        return False

    def knows_who_hangs(self) -> bool:
        """Return whether its latest probes of all others, and of no more, were answered."""
        pairs = json.loads(self.get("/?format=json"))["pairs"]
        return {pair["target"] for pair in pairs if pair["success"]} == {*LIVING} - {self.name}

    def pages_served(self) -> float:
        page = Page(self.get("/metrics"))
        return page.value("latency_exporter_http_requests_total", handler="index", code="200") or 0


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[dict[str, Host]]:
    """Start those that hang first, so that no other is ever answered by them."""
    port, file = free_port(), tmp_path / "fleet.yml"
    addresses = {name: f"127.0.1.{number}" for number, name in enumerate(NAMES, 1)}
    lines = [f"  - {{name: {name}, address: {address}}}\n" for name, address in addresses.items()]
    file.write_text(FLEET.replace("PORT", str(port)) + "".join(lines))
    command = [sys.executable, "-c", FORKING]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        try:
            hanging = [started(parent, name, addresses[name], port, file) for name in HANGING]
            for host in hanging:
                wait_until(host.is_ready, f"{host.name} is ready", PATIENCE)
                os.kill(host.pid, signal.SIGSTOP)
            living = [started(parent, name, addresses[name], port, file) for name in LIVING]
            for host in living:
                wait_until(host.is_ready, f"{host.name} is ready", PATIENCE)
            yield {host.name: host for host in living}
        finally:
            parent.kill()


def started(parent: subprocess.Popen[str], name: str, address: str, port: int, file: Path) -> Host:
    assert parent.stdin
    assert parent.stdout
    flags = f"--config.file={file} --host={name} --web.listen-address={address}:{port} --log.level=error"
    print(flags, file=parent.stdin, flush=True)
    return Host(name, address, port, int(parent.stdout.readline()))


def look(host: Host, client: int) -> tuple[str, float]:
    """Return what a client sees, and how long it waits for it."""
    began = time.monotonic()
    return host.get("/fleet?format=text", f"127.0.2.{client}"), time.monotonic() - began


def go_away(host: Host) -> None:
    """Look, and hang up at once."""
    with socket.create_connection((host.address, host.port)) as connection:
        connection.sendall(b"GET /fleet HTTP/1.1\r\nHost: fleet\r\n\r\n")


def test_of_thirty_programs_ten_hang_and_fifty_who_look_have_the_rest_at_the_deadline(fleet: dict[str, Host]) -> None:
    for host in fleet.values():
        wait_until(host.knows_who_hangs, f"{host.name} knows who hangs", PATIENCE)
    asked, *others = fleet.values()
    before = [host.pages_served() for host in others]
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
        go_away(asked)
        texts, took = zip(*clients.map(lambda client: look(asked, client), range(1, CLIENTS + 1)), strict=True)
    page = json.loads(asked.get("/fleet?format=json"))
    assert [host.pages_served() for host in others] == [served + 1 for served in before], "each is asked once"
    assert len(set(texts)) == 1
    assert "20 of 30 exporters asked" in texts[0]
    assert [host["name"] for host in page["hosts"] if host["no_page"]] == HANGING
    assert {path["source"] for path in page["paths"]} == set(LIVING)
    assert not [path for path in page["paths"] if path["bad"]]
    assert {each["alert"] for each in page["culprits"]} - OF_A_BUSY_MACHINE == {"LatencyExporterDown"}
    assert max(took) < DEADLINE + AFTERWARDS

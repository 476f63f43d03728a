"""Thirty real programs on loopback of which ten hang: ``/fleet`` is there after its deadline, however many look."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.fleet_view.peer_pages import DEADLINE
from tests.netlab import wait_until
from tests.system.chromium import free_port
from tests.system.running import REPOSITORY, Page

NAMES = [f"wf{number:03}" for number in range(1, 31)]
LIVING, HANGING = NAMES[:20], NAMES[20:]
CLIENTS = 50
ALLOWED = 0.2
"""Seconds beyond the deadline, on a machine that is not busy."""
FLEET = """
defaults: {interval: 4s, timeout: 1s}
probes:
  tcp: {protocol: tcp, port: PORT}
  ping: {protocol: http, url: "http://{address}:PORT/ping"}
hosts:
"""
FORKING = """
import ctypes, os, signal, sys
import exporter.app, exporter.cli
port, file, *hosts = sys.argv[1:]
for number, host in enumerate(hosts, 1):
    pid = os.fork()
    if not pid:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG of linux/prctl.h: with its parent, it goes
        address = f"--web.listen-address=127.0.1.{number}:{port}"
        os._exit(exporter.cli.main([f"--config.file={file}", f"--host={host}", address, "--log.level=error"]))
    print(pid, flush=True)
sys.stdin.read()
"""
"""Starts them from one process: half a second of imports once, and not thirty times."""


@dataclasses.dataclass(frozen=True)
class Host:
    """One of the programs."""

    name: str
    address: str
    port: int
    pid: int

    def get(self, path: str) -> str:
        with contextlib.closing(http.client.HTTPConnection(self.address, self.port, timeout=30)) as connection:
            connection.request("GET", path)
            return connection.getresponse().read().decode()

    def is_ready(self) -> bool:
        with contextlib.suppress(OSError):
            return "is ready" in self.get("/-/ready")
        return False

    def fails_to_ping(self) -> set[str]:
        """Return the hosts whose program does not answer this one's."""
        pairs = json.loads(self.get("/?format=json"))["pairs"]
        return {pair["target"] for pair in pairs if pair["probe"] == "ping" and pair["success"] is False}

    def pages_served(self) -> float:
        page = Page(self.get("/metrics"))
        return page.value("latency_exporter_http_requests_total", handler="index", code="200") or 0


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[dict[str, Host]]:
    port, file = free_port(), tmp_path / "fleet.yml"
    lines = [
        f"  - {{name: {name}, address: 127.0.1.{number}, datacenter: d{number % 3}}}\n"
        for number, name in enumerate(NAMES, 1)
    ]
    file.write_text(FLEET.replace("PORT", str(port)) + "".join(lines))
    command = [sys.executable, "-c", FORKING, str(port), str(file), *NAMES]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        assert parent.stdin
        try:
            hosts = {
                name: Host(name, f"127.0.1.{number}", port, int(parent.stdout.readline()))
                for number, name in enumerate(NAMES, 1)
            }
            for host in hosts.values():
                wait_until(host.is_ready, f"{host.name} is ready", 60)
            yield hosts
        finally:
            parent.kill()


def looked(host: Host) -> tuple[str, float]:
    began = time.monotonic()
    return host.get("/fleet?format=text"), time.monotonic() - began


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def test_of_thirty_programs_ten_hang_and_fifty_who_look_have_it_at_the_deadline(fleet: dict[str, Host]) -> None:
    t0 = time.monotonic()
    for name in HANGING:
        os.kill(fleet[name].pid, signal.SIGSTOP)
    for name in LIVING:
        wait_until(lambda name=name: fleet[name].fails_to_ping() == set(HANGING), f"{name} sees who hangs", 60)  # type: ignore[misc]
    print("seen", time.monotonic() - t0)
    asked, others = fleet[NAMES[0]], [fleet[name] for name in LIVING[1:]]
    c0 = cpu(asked.pid); time.sleep(3); base = cpu(asked.pid) - c0
    before = [host.pages_served() for host in others]
    r0, c0 = rss(asked.pid), cpu(asked.pid)
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
        texts, took = zip(*clients.map(looked, [asked] * CLIENTS), strict=True)
    print("took", min(took), max(took), "cpu", cpu(asked.pid) - c0, "base", base, "rss", r0 / 1e6, rss(asked.pid) / 1e6)
    print(texts[0])
    assert [host.pages_served() for host in others] == [served + 1 for served in before]
    r0, c0 = rss(asked.pid), cpu(asked.pid)
    time.sleep(7)
    print(looked(asked)[1], "cpu", cpu(asked.pid) - c0, rss(asked.pid) / 1e6)

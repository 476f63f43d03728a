"""``curl HOST:9102/fleet`` at 3 a.m. with no Prometheus: any living host names the culprit in its first line."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.netlab import Lab, requires_root, wait_until
from tests.system.fleets import THREE_HOSTS
from tests.system.running import Exporter

pytestmark = requires_root

FLEET = "defaults: {interval: 500ms, timeout: 400ms}" + THREE_HOSTS
FLEET += """\
probes:
  icmp: {protocol: icmp}
  tcp: {protocol: tcp, port: 9102}
  ping: {protocol: http, url: "http://{address}:9102/ping"}
endpoints:
  - {name: api, from: [wf001, wfdb01], probe: {protocol: http, url: "http://wfdb01:9102/-/ready"}}
"""
NAMES = ("wf001", "wf008", "wfdb01")
WELL = "nothing is wrong, as far as can be seen"
SOON = 40.0
"""Of which ten pass until a host asks its peers again."""


class Fleet:
    """Three hosts, each alone in its datacenter, joined two by two."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.file = lab, folder / "fleet.yml"
        self.file.write_text(FLEET)
        self.hosts = {name: lab.host(name) for name in NAMES}
        for first, other in (("wf001", "wf008"), ("wf001", "wfdb01"), ("wf008", "wfdb01")):
            lab.veth(self.hosts[first], self.hosts[other])
        self.exporters = {name: Exporter(host, self.file) for name, host in self.hosts.items()}
        for exporter in self.exporters.values():
            exporter.ready()
        self.is_well()

    def culprits(self, name: str) -> list[str]:
        """Return the first lines of a host's view; without those that say that the machine itself is too busy."""
        lines = self.exporters[name].get("/fleet").partition("\n\n")[0].splitlines()
        return [line for line in lines if not line.startswith("measurement ") or "late by" not in line]

    def says(self, name: str, line: str) -> None:
        """Wait until a host says so, and no more, in the first line of its view."""
        try:
            wait_until(lambda: self.culprits(name) == [line], line, SOON)
        except TimeoutError:
            raise AssertionError(self.exporters[name].get("/fleet")) from None

    def is_well(self) -> None:
        """Wait until no host names a culprit."""
        for name in NAMES:
            wait_until(lambda name=name: self.culprits(name) in ([], [WELL]), f"all is well from {name}", SOON)  # type: ignore[misc]  # mypy knows no default here

    def page(self, name: str) -> dict[str, Any]:
        page: dict[str, Any] = json.loads(self.exporters[name].get("/fleet?format=json"))
        return page

    @contextlib.contextmanager
    def lossy(self, first: str, other: str) -> Iterator[None]:
        """Lose every fifth packet of ICMP, and of TCP, that arrives from the other one: never three pings in a row."""
        with contextlib.ExitStack() as rules:
            for (here, there), protocol in itertools.product(((first, other), (other, first)), ("icmp", "tcp")):
                rule = self.hosts[here].drop_every(5, "-p", protocol, "-s", self.hosts[there].address)
                rules.callback(rule.remove)
            yield

    @contextlib.contextmanager
    def cut(self, *ways: tuple[str, str]) -> Iterator[None]:
        """Let nothing through between these hosts, over either family."""
        with contextlib.ExitStack() as rules:
            for here, there in (*ways, *(way[::-1] for way in ways)):
                host, peer = self.hosts[here], self.hosts[there]
                rules.callback(host.drop("-s", peer.address).remove)
                rules.callback(host.drop("-s", peer.address6, ip_family="ipv6").remove)
            yield


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with Lab() as lab:
        yield Fleet(lab, tmp_path_factory.mktemp("fleet"))


def test_a_host_that_is_cut_off_is_named_by_the_others_and_itself(fleet: Fleet) -> None:
    with fleet.cut(("wf001", "wf008"), ("wfdb01", "wf008")):
        fleet.says(
            "wf001",
            "host wf008: 2 hosts get no answer from it by any protocol: it is down, or its only link is, for it is "
            "alone in its datacenter [HostUnreachable]",
        )
        fleet.says(
            "wf008",
            "this host wf008: it reaches no other host, and nobody's page can be had: look at its own link first",
        )
        missing = {host["name"]: host["no_page"] for host in fleet.page("wf001")["hosts"]}
        assert missing == {"wf001": None, "wf008": "no connection within 3 s", "wfdb01": None}


def test_a_path_that_is_cut_is_named_on_both_sides_and_by_who_sees_both(fleet: Fleet) -> None:
    with fleet.cut(("wf001", "wf008")):
        for name, path in (
            ("wf001", "wf001 to wf008"),
            ("wf008", "wf008 to wf001"),
            ("wfdb01", "between wf001 and wf008"),
        ):
            fleet.says(name, f"path {path}: all gets lost, and both ends live [PathDegraded]")
        lost = [(path["source"], path["target"]) for path in fleet.page("wfdb01")["paths"] if path["lost"]]
        assert sorted(lost) == [("wf001", "wf008"), ("wf008", "wf001")]


def test_a_path_that_loses_packets_is_named_with_how_many(fleet: Fleet) -> None:
    def lossy() -> bool:
        lines = [line for line in fleet.culprits("wfdb01") if line.startswith("path between wf001 and wf008: ")]
        return (
            bool(lines)
            and re.fullmatch(r".*: \d+ % get lost(; \d+ % get lost)? \[PathDegraded\]", lines[0]) is not None
        )

    with fleet.lossy("wf001", "wf008"):
        wait_until(lossy, "the path loses packets", 2 * SOON)


def test_a_program_that_hangs_is_named_as_such(fleet: Fleet) -> None:
    hanging = fleet.exporters["wf008"].program
    hanging.send_signal(signal.SIGSTOP)
    try:
        fleet.says(
            "wf001",
            "exporter wf008: its page cannot be had: it takes the connection, and then does not answer within 3 s "
            "[LatencyExporterDown]",
        )
    finally:
        hanging.send_signal(signal.SIGCONT)


def test_who_looks_causes_no_probe(fleet: Fleet) -> None:
    """The pings that others count are those of their own probes: /fleet asks for pages alone."""
    requests = "latency_exporter_http_requests_total"
    fleet.is_well()
    before = fleet.exporters["wfdb01"].page().value(requests, handler="index", code="200") or 0
    for _ in range(20):
        fleet.culprits("wf001")
    after = fleet.exporters["wfdb01"].page()
    assert (after.value(requests, handler="index", code="200") or 0) - before <= 1 + 1, "one, or two at the border"
    assert after.value(requests, handler="probe", code="200") is None


def test_a_program_that_is_gone_is_named_as_such(fleet: Fleet) -> None:
    fleet.exporters["wf008"].program.stop()
    fleet.says(
        "wfdb01",
        "exporter wf008: its page cannot be had: nothing listens there, or a firewall refuses it [LatencyExporterDown]",
    )

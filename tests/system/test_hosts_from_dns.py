"""Hosts of a headless service: the whole program on a host of its own, which asks a name server on another."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.name_server import NameServer, name_server
from tests.netlab import Host, Lab, requires_root, wait_until
from tests.system.running import REPOSITORY, Exporter, Page

pytestmark = requires_root

SERVICE = "pods.test"
FAILURES = "latency_exporter_discovery_failures_total"
FLEET = """\
hosts_from: [{dns: {name: pods.test, refresh_interval: 300ms}, datacenter: k8s}]
probes: {icmp: {protocol: icmp, interval: 1s, timeout: 500ms}}
"""


class Pod(Exporter):
    """The program as a pod has it: nobody says which host this is."""

    def __init__(self, host: Host, fleet_file: Path) -> None:
        self.host, self.port = host, 9102
        command = [sys.executable, "-m", "exporter", "run", "--config.file", str(fleet_file)]
        self.program = host.popen(command, cwd=REPOSITORY)

    def until(self, **samples: float) -> Page:
        """Wait for the hosts, and how many lists fail; return the page."""
        pages: list[Page] = []

        def is_so() -> bool:
            pages[:] = [self.page()]
            seen = {key: pages[0].value(f"latency_exporter_discovery_{key}", mechanism="dns") for key in samples}
            return seen == samples

        wait_until(is_so, f"{samples}; {self.program.error_output()[-2000:]}")
        return pages[0]


def labels_of(page: Page, family: str, label: str) -> set[str]:
    return {dict(labels)[label] for name, labels in page.samples if name == family}


def targets(page: Page) -> set[str]:
    return labels_of(page, "network_latency_probes_total", "target")


def names_itself(page: Page) -> set[str]:
    return labels_of(page, "latency_exporter_self_info", "self")


@contextlib.contextmanager
def serving(host: Host) -> Iterator[NameServer]:
    """Run a name server on a host of the lab, at the port of name servers."""
    started, servers = threading.Event(), list[NameServer]()
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        async with name_server(host.address, 53) as server:
            servers.append(server)
            started.set()
            await over.wait()

    with host.entered():
        thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
        thread.start()
    assert started.wait(10)
    yield servers[0]
    loop.call_soon_threadsafe(over.set)
    thread.join()
    loop.close()


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        lab.veth(lab.host("pod"), lab.host("cluster"))
        for name in ("pod", "cluster"):
            lab.name(name)  # the hosts file knows no name: the name server does
        yield lab


@pytest.fixture
def names(lab: Lab) -> Iterator[NameServer]:
    lab.name_server(lab.hosts["pod"], lab.hosts["cluster"].address)
    with serving(lab.hosts["cluster"]) as server:
        yield server


@pytest.fixture
def fleet_file(tmp_path: Path) -> Path:
    file = tmp_path / "fleet.yml"
    file.write_text(FLEET)
    return file


def list_pods(names: NameServer, addresses: Sequence[str]) -> None:
    """Let the service have these addresses, each with a name."""
    names.reverse |= {address: f"pod-{address.replace('.', '-').replace(':', '-')}.test" for address in addresses}
    names.names[SERVICE] = addresses


def test_pods_come_and_go_and_the_program_knows_itself_by_its_address(
    lab: Lab, names: NameServer, fleet_file: Path
) -> None:
    own, other = lab.hosts["pod"].address, lab.hosts["cluster"].address
    pod = Pod(lab.hosts["pod"], fleet_file)
    pod.ready()
    pod.until(hosts=0, failing=1)
    assert "(dns pods.test): Domain name not found; there is no list of it yet" in pod.get("/-/healthy")
    list_pods(names, [own, other, other])  # twice, as some servers answer
    page = pod.until(hosts=2, failing=0)
    myself, neighbour = (names.reverse[address] for address in (own, other))
    assert targets(page) == {neighbour}
    assert names_itself(page) == {myself}
    wait_until(lambda: pod.page().value("network_latency_probe_success", target=neighbour) == 1, "it is measured")
    counted = pod.page().value("network_latency_probes_total", target=neighbour) or 0

    list_pods(names, [own, other, *(f"10.78.0.{number}" for number in range(1, 201))])
    page = pod.until(hosts=202, failing=0)
    assert names.by_tcp  # 3 KB
    assert len(targets(page)) == 201
    assert (page.value("network_latency_probes_total", target=neighbour) or 0) >= counted
    list_pods(names, [own, other, *(f"10.78.0.{number}" for number in range(1, 150))])
    page = pod.until(hosts=151, failing=0)
    assert len(targets(page)) == 150


def test_whatever_a_name_server_says_instead_the_pods_stay_and_the_page_says_why(
    lab: Lab, names: NameServer, fleet_file: Path
) -> None:
    pods = [lab.hosts["pod"].address, lab.hosts["cluster"].address, "10.78.0.1", "10.78.0.2"]
    list_pods(names, pods)
    pod = Pod(lab.hosts["pod"], fleet_file)
    pod.ready()
    before = targets(pod.until(hosts=4, failing=0))

    def says(path: str, why: str) -> bool:
        return why in pod.get(path)

    def fails(why: str) -> None:
        page = pod.until(hosts=4, failing=1)
        for path in ("/-/healthy", "/"):
            wait_until(functools.partial(says, path, why), f"{why} at {path}: {pod.get(path)}")
        assert "its last list, of 4 hosts, stays" in pod.get("/")
        assert targets(page) == before
        assert page.value(FAILURES, mechanism="dns")

    del names.names[SERVICE]
    fails("(dns pods.test): Domain name not found")
    names.names[SERVICE] = []
    fails("(dns pods.test): it has no address of this family")
    list_pods(names, pods)
    pod.until(hosts=4, failing=0)
    names.failing.add(SERVICE)
    fails("(dns pods.test): the name server could not find out")
    names.failing.clear()
    list_pods(names, [*pods, "10.78.0.3"])
    del names.reverse["10.78.0.3"]
    fails("no reverse name of 10.78.0.3")
    list_pods(names, pods)
    pod.until(hosts=4, failing=0)
    names.names[SERVICE] = None
    fails("(dns pods.test): no name server answered in time")
    list_pods(names, pods[:1])  # more than half are gone: once it may be a slip
    pod.until(hosts=1, failing=0)
    assert "it lacks 3 of 4 hosts, more than half; the next time such a list is taken" in pod.program.error_output()


def test_pods_of_ipv6_are_known_by_their_own_addresses(lab: Lab, names: NameServer, fleet_file: Path) -> None:
    fleet_file.write_text(FLEET.replace("refresh", "ip_family: ipv6, host_names: address, refresh"))
    own, other = lab.hosts["pod"].address6, lab.hosts["cluster"].address6
    names.names[SERVICE] = [own, other, lab.hosts["cluster"].address]
    pod = Pod(lab.hosts["pod"], fleet_file)
    pod.ready()
    page = pod.until(hosts=2, failing=0)
    assert targets(page) == {other}
    assert names_itself(page) == {own}
    wait_until(lambda: pod.page().value("network_latency_probe_success", target=other) == 1, "it is measured")

"""Who may open which ICMP socket, and that the program runs on where none is to be had."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.netlab import Host, Lab, requires_root, wait_until
from tests.system.running import REPOSITORY, Exporter

pytestmark = requires_root

NOBODY, EVERYBODY = (1, 0), (0, 2147483647)
ROOT = ()
ROOT_WITHOUT_NET_RAW = ("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw")
ROOT_WITHOUT_ANYTHING = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
USER = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
"""Reading the files of this repository, wherever it lies, is all that these may; and then:"""
PLAIN_USER = (*USER, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
USER_WITH_NET_RAW = (*USER, "--inh-caps=+dac_read_search,+net_raw", "--ambient-caps=+dac_read_search,+net_raw")
DEFAULT = REPOSITORY / "config/exporter.yml"


@pytest.fixture
def host() -> Iterator[Host]:
    with Lab() as lab:
        yield lab.host("localhost")


def started(host: Host, groups: tuple[int, int], through: tuple[str, ...]) -> Exporter:
    host.allow_ping_groups(*groups)
    return Exporter(host, DEFAULT, through=through).ready()


@pytest.mark.parametrize(
    ("groups", "through", "kind"),
    [
        (EVERYBODY, PLAIN_USER, "datagram"),
        (EVERYBODY, USER_WITH_NET_RAW, "datagram"),
        (EVERYBODY, ROOT_WITHOUT_ANYTHING, "datagram"),
        (EVERYBODY, ROOT_WITHOUT_NET_RAW, "datagram"),
        (EVERYBODY, ROOT, "datagram"),
        (NOBODY, USER_WITH_NET_RAW, "raw"),
        (NOBODY, ROOT, "raw"),
    ],
)
def test_the_least_socket_that_is_allowed_is_opened_and_measures(
    host: Host, groups: tuple[int, int], through: tuple[str, ...], kind: str
) -> None:
    exporter = started(host, groups, through)
    wait_until(lambda: exporter.page().values("network_latency_probe_success", probe="icmp") == [1], "an answer", 5)
    page = exporter.page()
    kinds = {name: page.value("latency_exporter_icmp_socket", kind=name) for name in ("datagram", "raw", "none")}
    assert kinds == {"datagram": 0, "raw": 0, "none": 0} | {kind: 1}
    assert "no permission" not in exporter.program.error_output()


@pytest.mark.parametrize("through", [PLAIN_USER, ROOT_WITHOUT_ANYTHING, ROOT_WITHOUT_NET_RAW])
def test_without_any_permission_the_others_are_measured_and_the_remedy_is_said_once(
    host: Host, through: tuple[str, ...]
) -> None:
    exporter = started(host, NOBODY, through)
    wait_until(lambda: len(exporter.page().values("network_latency_probe_success")) == 3, "all decided", 5)
    page = exporter.page()
    assert page.value("latency_exporter_icmp_socket", kind="none") == 1
    assert page.failures(probe="icmp") == {"local": page.value("network_latency_probes_total", probe="icmp")}
    for probe in ("tcp", "ping"):
        assert page.value("network_latency_probe_success", probe=probe) == 1
    hints = [line for line in exporter.program.error_output().splitlines() if "net.ipv4.ping_group_range" in line]
    assert len(hints) == 1
    assert "CAP_NET_RAW" in hints[0]
    overview = exporter.get("/")
    assert "this host: no permission to open an ICMP socket" in overview
    assert "this host: no permission for ICMP: grant CAP_NET_RAW, or open net.ipv4.ping_group_range" in overview
    assert overview.count("  fine") == 2

"""The same faults without any Prometheus: whom ``/fleet`` names, asked near the fault, on its far side, and in it.

At fifteen times a fleet's pace; what a host is asked for is at most ten seconds old. A plain run plays three faults,
``make test-culprits`` all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pytest

from tests.culprits.faults import FAULTS
from tests.culprits.pace import FAST
from tests.culprits.world import World, built
from tests.netlab import requires_root, wait_until
from tests.system.databases import requires_databases

pytestmark = [requires_root, requires_databases]

SOON = 60.0
"""Ten seconds until a host asks anew, and a busy machine."""
QUICK = ("an exporter hangs", "a host is down, which has the database", "two datacenters are cut")
OUTGOING = "measurement b2 MeasurementInDoubt"
NAMED: Mapping[str, Mapping[str, set[str]]] = {
    "an exporter hangs": {"a1": {"exporter b2 LatencyExporterDown"}, "b1": {"exporter b2 LatencyExporterDown"}},
    "an exporter is killed": {"a1": {"exporter b2 LatencyExporterDown"}, "b1": {"exporter b2 LatencyExporterDown"}},
    "a host is down, which has the database": {
        "a1": {"host b3 HostUnreachable"},
        "b1": {"host b3 HostUnreachable"},
        "b3": {"this host b3"},
    },
    "nothing comes into a host": {"a2": {"host b2 HostUnreachable"}, "b2": {"this host b2"}},
    "nothing comes out of a host": {"a2": {"host b2 HostUnreachable"}, "b2": {"this host b2"}},
    "a firewall before a host lets out answers only": {"a1": {OUTGOING}, "b1": {OUTGOING}, "b2": {"this host b2"}},
    "two datacenters are cut": {
        "a1": {"datacenters a to b DatacenterPathDown"},
        "b2": {"datacenters b to a DatacenterPathDown"},
    },
    "a firewall stops what begins in one datacenter toward another": {
        "a2": {"datacenters a to b DatacenterPathDown"},
        "b2": {"datacenters a to b DatacenterPathDown"},
    },
    "two datacenters are cut, and a host is down": {
        "a1": {"datacenters a to b DatacenterPathDown"},
        "b1": {"datacenters b to a DatacenterPathDown", "host b2 HostUnreachable"},
        "b2": {"this host b2"},
    },
    "a path between two hosts is cut": {
        "a1": {"path a1 to b1 PathDegraded"},
        "b1": {"path b1 to a1 PathDegraded"},
        "b2": {"path between a1 and b1 PathDegraded"},
    },
    "a program is slow": {"a2": {"program http of shop PeerSlow"}, "b1": {"program http of shop PeerSlow"}},
    "a database hangs": {"a1": {"database orders DatabaseDown"}, "b2": {"database orders DatabaseDown"}},
    "a database refuses the login": {"a1": {"database orders DatabaseDown"}, "b2": {"database orders DatabaseDown"}},
}
"""By the fault: the host that is asked, and whom it names."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with built(tmp_path_factory.mktemp("fleet"), FAST, ()) as world:
        yield world


def named(world: World, host: str) -> set[str]:
    """Return whom a host names; without those who have too little CPU, as all have on a busy machine."""
    page = json.loads(world.exporters[host].get("/fleet?format=json"))
    return {
        " ".join(filter(None, (culprit["kind"], culprit["name"], culprit["alert"])))
        for culprit in page["culprits"]
        if "late by" not in culprit["text"] or culprit["kind"] != "measurement"
    }


def names(world: World, host: str, wanted: set[str]) -> None:
    try:
        wait_until(lambda: named(world, host) == wanted, f"{host} names {wanted}", SOON)
    except TimeoutError:
        raise AssertionError(world.exporters[host].get("/fleet")) from None


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.culprits) for name in NAMED]
)
def test_the_fleet_names_the_culprit_on_each_side_of_a_fault(name: str, world: World) -> None:
    for host in world.exporters:  # a fault before is no usual loss
        world.start(host)
    names(world, "a1", set())
    mend = FAULTS[name].breaks(world)
    try:
        for host, wanted in NAMED[name].items():
            names(world, host, wanted)
    finally:
        mend()

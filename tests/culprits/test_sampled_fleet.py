"""Thirty hosts in three datacenters that probe a sample of one another: as many as it says, and whom it names.

At five times a fleet's pace, by Prometheus; ``make test-culprits`` plays it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.culprits.faults import FAULTS, Fault, notification, parallel, removing
from tests.culprits.pace import QUICK, REAL, Pace
from tests.culprits.playing import CALM, play
from tests.culprits.world import World, built
from tests.netlab import requires_root
from tests.system.databases import requires_databases

pytestmark = [requires_root, requires_databases, pytest.mark.servers, pytest.mark.culprits]

WITHIN, ACROSS = 4, 2
HOSTS = {f"{site}{number}": site for site in "abc" for number in range(1, 11)}
OF_TWO_DATACENTERS_OF_THREE_HOSTS = ("a path between two hosts is cut", "one of eight parallel paths is dead")
"""Here each has a test of its own."""
OF_ICMP_ERRORS = (
    "a firewall on a host rejects the fleet, as iptables does",
    "a firewall on a host rejects the fleet, as firewalld does",
    "a name leads elsewhere, and the host is scraped",
)
"""At a fleet's own pace: a kernel sends one host about one ICMP error a second (icmp(7), icmp_ratelimit)."""
PLAYED = [name for name, fault in FAULTS.items() if not fault.third and name not in OF_TWO_DATACENTERS_OF_THREE_HOSTS]


@contextlib.contextmanager
def sampled(folder: Path, pace: Pace = QUICK) -> Iterator[World]:
    """Build one for each fault: what a host has lost by one is in the ranges of the next."""
    sample = f"{{within: {WITHIN}, across: {ACROSS}}}"
    with built(folder, pace, ("prometheus",), HOSTS, sample) as world:
        world.quiet(CALM, 1800)
        yield world


def targets(world: World, source: str) -> set[str]:
    """Return the hosts that a host probes, by its page: each probe the same ones."""
    pairs = json.loads(world.exporters[source].get("/?format=json"))["pairs"]
    icmp, tcp, ping = ({pair["target"] for pair in pairs if pair["probe"] == name} for name in ("icmp", "tcp", "ping"))
    assert icmp == tcp == ping
    return icmp


def test_every_host_probes_and_is_probed_by_as_many_of_each_datacenter_as_the_sample_says(tmp_path: Path) -> None:
    with sampled(tmp_path) as world:
        ways = [(source, target) for source in HOSTS for target in targets(world, source)]
    of_each = {(host, site): WITHIN if HOSTS[host] == site else ACROSS for host in HOSTS for site in "abc"}
    assert Counter((source, HOSTS[target]) for source, target in ways) == of_each
    assert Counter((target, HOSTS[source]) for source, target in ways) == of_each


def plays(world: World, fault: Fault) -> None:
    (seen,) = play(world, dataclasses.replace(fault, lasts=0), ("prometheus",)).seen
    assert sorted(map(sorted, seen.arrived)) == sorted(map(sorted, fault.arrives)), seen
    assert seen.over is not None or not fault.arrives


@pytest.mark.parametrize("name", PLAYED)
def test_exactly_the_culprit_arrives_and_then_silence(name: str, tmp_path: Path) -> None:
    with sampled(tmp_path, REAL if name in OF_ICMP_ERRORS else QUICK) as world:
        plays(world, FAULTS[name])


def test_a_path_that_is_cut_is_named_by_who_takes_it(tmp_path: Path) -> None:
    with sampled(tmp_path) as world:
        target = min(name for name in targets(world, "a1") if HOSTS[name] == "b")
        ends = [("a1", target), *([(target, "a1")] if "a1" in targets(world, target) else [])]
        wanted = notification(*(f"critical PathDegraded cut {one} to {other}" for one, other in ends))
        a1, other = world.hosts["a1"], world.hosts[target]
        plays(world, Fault(lambda _: removing(world.sites.cut_between(a1, other)), (wanted,), within=270))


def test_a_dead_path_of_eight_is_named_though_it_takes_the_icmp_of_some_hosts(tmp_path: Path) -> None:
    """Each of the eight does: a has forty paths to b and to c, and as many come back."""
    wanted = notification(*(f"warning PathUneven {one} to {other}" for one, other in ("ab", "ba", "ac", "ca")))
    with sampled(tmp_path) as world:
        plays(world, Fault(parallel(with_icmp=True), (wanted,), within=1200, over_within=2700))

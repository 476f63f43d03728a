"""Some faults at fifteen times a fleet's pace, by Prometheus: what arrives is the culprit, once, and then silence.

vmalert sees what it records a second later, which is a quarter of a minute at this pace: ``make test-culprits`` has it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from tests.culprits.faults import FAULTS
from tests.culprits.pace import FAST
from tests.culprits.playing import CALM, play
from tests.culprits.world import World, built
from tests.netlab import requires_root
from tests.system.databases import requires_databases

pytestmark = [requires_root, requires_databases, pytest.mark.servers]

QUICK = ("an exporter hangs", "a host is down, which has the database", "two datacenters are cut one way")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with built(tmp_path_factory.mktemp("culprits"), FAST, ("prometheus",)) as world:
        world.quiet(CALM, 1800)
        yield world


@pytest.mark.parametrize("name", QUICK)
def test_exactly_the_culprit_arrives_and_then_silence(name: str, world: World) -> None:
    fault = dataclasses.replace(FAULTS[name], lasts=0)
    (seen,) = play(world, fault, ("prometheus",)).seen
    assert sorted(map(sorted, seen.arrived)) == sorted(map(sorted, fault.arrives)), seen
    assert seen.over is not None

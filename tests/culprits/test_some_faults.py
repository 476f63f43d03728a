"""Some faults at fifteen times a fleet's pace: what arrives is the culprit, once, and then silence.

By Prometheus; by vmalert where the alert rests on what is scraped. What vmalert records it sees a second later, which
is a quarter of a minute at this pace: its other alerts are those of ``make test-culprits``.
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

QUICK = {
    "an exporter hangs": ("prometheus", "vmalert"),
    "a host is down, which has the database": ("prometheus",),
    "two datacenters are cut one way": ("prometheus",),
}
"""Fault -> who must blame the culprit."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with built(tmp_path_factory.mktemp("culprits"), FAST, ("prometheus", "vmalert")) as world:
        world.quiet(CALM, 1800)
        yield world


@pytest.mark.parametrize("name", QUICK)
def test_exactly_the_culprit_arrives_and_then_silence(name: str, world: World) -> None:
    fault = dataclasses.replace(FAULTS[name], lasts=0)
    for each in play(world, fault, QUICK[name]).seen:
        assert sorted(map(sorted, each.arrived)) == sorted(map(sorted, fault.arrives)), each
        assert each.over is not None

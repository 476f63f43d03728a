"""Who asked our /ping, and how long ago."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.fleet import Host
from exporter.recording.pings import Pings
from tests.exporter.pages import SMALL, read


@pytest.fixture
def hosts(tmp_path: Path) -> list[Host]:
    return list(read(tmp_path / "fleet.yml", SMALL, "wf001")[0].hosts)


def test_before_a_fleet_is_known_everybody_is_other() -> None:
    pings = Pings()
    pings.received("wf008", 100.0)
    assert b'peer="other",peer_location="",peer_datacenter="",peer_country=""} 1\n' in rendered(pings)
    assert pings.ago(101.0) == {}


def test_of_each_host_it_is_known_how_long_ago_it_asked_last(hosts: list[Host]) -> None:
    pings = Pings()
    pings.configure(hosts)
    for sender, now in (("wf008", 100.0), ("wf008", 107.0), ("a stranger", 108.0), (None, 108.0)):
        pings.received(sender, now)
    assert pings.ago(110.0) == {"wf008": 3.0}


def test_a_host_that_leaves_the_fleet_is_forgotten_and_the_others_are_not(hosts: list[Host]) -> None:
    pings = Pings()
    pings.configure(hosts)
    pings.received("wf001", 100.0)
    pings.received("wf008", 100.0)
    pings.configure([host for host in hosts if host.name != "wf008"])
    assert pings.ago(101.0) == {"wf001": 1.0}
    assert b"wf008" not in rendered(pings)
    assert b'country="US"} 1\n' in rendered(pings)


def rendered(pings: Pings) -> bytes:
    return b"".join(pings.page.render(0.0, openmetrics=False))

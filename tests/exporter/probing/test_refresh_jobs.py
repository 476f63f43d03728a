"""Which names are looked up, and how often."""

from __future__ import annotations

from pathlib import Path

from collectors.terms import IpFamily
from exporter.probing.refresh_jobs import NameAndFamily, Refresh, refreshes
from tests.exporter.pages import SMALL, Small

V4, V6 = IpFamily.IPV4, IpFamily.IPV6


def test_refreshes_are_those_of_icmp_and_tcp_and_one_per_target_name_and_family(tmp_path: Path) -> None:
    text = SMALL.replace("  ping:", "  both: {protocol: icmp, ip_families: [ipv4, ipv6]}\n  ping:")
    jobs = refreshes(Small(tmp_path, text).pairs, keep=60.0)
    assert jobs == [  # as often as the more frequent of icmp and tcp
        Refresh("wf008", NameAndFamily("wf008.example", V4), 5.0),
        Refresh("wf008", NameAndFamily("wf008.example", V6), 15.0),
    ]
    assert refreshes(Small(tmp_path, text).pairs, keep=2.0)[0].interval == 2.0


def test_a_literal_address_needs_no_refresh(tmp_path: Path) -> None:
    assert refreshes(Small(tmp_path, SMALL, "wf008").pairs, 60.0) == []


def test_a_refresh_outlasts_a_short_interval_so_that_a_second_name_server_can_be_asked() -> None:
    name = NameAndFamily("wf008.example", V4)
    assert Refresh("wf008", name, 1.0).timeout == Refresh("wf008", name, 60.0).timeout == 5.0

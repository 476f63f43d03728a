"""What a reload says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.fleet import Fleet, Pair, load, pairs_of, reload_summary

FLEET = """\
hosts:
  - {name: wf001, address: 192.0.2.1}
  - {name: wf008, address: 192.0.2.8}
probes:
  icmp: {protocol: icmp}
  tcp: {protocol: tcp, port: 9102}
"""
MORE_HOSTS = FLEET.replace("probes:", "  - {name: a, address: 192.0.2.9}\n  - {name: b, address: 192.0.2.10}\nprobes:")
NO_TCP = FLEET.replace("  tcp: {protocol: tcp, port: 9102}\n", "")


def read(folder: Path, text: str) -> tuple[Fleet, tuple[Pair, ...]]:
    file = folder / "fleet.yml"
    file.write_text(text)
    fleet = load(file)
    return fleet, pairs_of(fleet, fleet.hosts[0])


@pytest.mark.parametrize(
    ("before", "after", "summary"),
    [
        (FLEET, FLEET, "2 pairs kept"),
        (FLEET, MORE_HOSTS, "+2 hosts, +4 pairs, 2 pairs kept"),
        (FLEET, NO_TCP, "−1 probe, −1 pair, 1 pair kept"),
        (FLEET, FLEET.replace("port: 9102", "port: 9103"), "2 pairs kept (1 with other settings)"),
        (FLEET, FLEET.replace("wf008", "wf009"), "+1 host, −1 host, +2 pairs, −2 pairs, 0 pairs kept"),
        (
            FLEET,
            FLEET + "endpoints:\n  - {name: x, address: 192.0.2.7, probe: icmp}\n",
            "+1 endpoint, +1 pair, 2 pairs kept",
        ),
    ],
)
def test_a_reload_says_what_came_what_went_and_what_stayed(
    tmp_path: Path, before: str, after: str, summary: str
) -> None:
    old, old_pairs = read(tmp_path, before)
    new, new_pairs = read(tmp_path, after)
    assert reload_summary(old, new, old_pairs, new_pairs) == summary

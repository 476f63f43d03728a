"""The page of operations: what an older version answers to a newer key, and what the tables rest on."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter import __version__, cli
from exporter.fleet import load, survey
from exporter.fleet_view.text import render
from exporter.recording.metrics.cost import series
from tests.docs.markdown import PAGES
from tests.exporter.fleet_view.fleets import Broken, at

OPERATIONS = PAGES["operations"]
NEWER = """\
hosts:
  - {name: wf001, address: wf001.example.net}
  - {name: wf008, address: wf008.example.net, cadence: slow}
probes:
  icmp: {protocol: icmp}
weather: {station: 1}
"""


def test_a_key_of_a_newer_version_is_refused_with_the_message_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("fleet.yml").write_text(NEWER)
    command = "latency-exporter check --config.file fleet.yml"
    assert cli.main(command.split()[1:]) == 2
    assert capsys.readouterr().err == OPERATIONS.output_of(command)


def test_the_hash_of_a_fleet_file_is_of_its_bytes_comments_included(tmp_path: Path) -> None:
    file = tmp_path / "fleet.yml"
    fleet = "hosts: [{name: wf001, address: 192.0.2.1}]\nprobes: {icmp: {protocol: icmp}}\n"
    hashes = []
    for text in (fleet, fleet, f"{fleet}# changed\n"):
        file.write_text(text)
        hashes.append(load(file).config_hash)
    assert hashes[0] == hashes[1] != hashes[2]


def test_the_view_of_a_fleet_is_what_the_program_writes() -> None:
    fleet = Broken({name: name for name in ("wf001", "wf008", "wfdb01")}, at("wf008"))
    title = f"The fleet as asked from wf001 by latency-exporter {__version__}, 2026-11-30T00:10:00Z"
    written = "".join(render(fleet.seen_from("wf001"), title))
    assert OPERATIONS.output_of("curl -s wf001:9102/fleet") == written


HOSTS = "hosts: [{name: wf001, address: 192.0.2.1}, {name: wf008, address: 192.0.2.8}]"
KINDS = {
    "pairs of icmp": "probes: {icmp: {protocol: icmp}}",
    "pairs of tcp": "probes: {tcp: {protocol: tcp, port: 9102}}",
    "pairs of http": 'probes: {ping: {protocol: http, url: "http://{address}:9102/ping"}}',
    "PostgreSQL databases": "databases: [{name: d, type: postgresql, host: wf008, user: monitor, tls: disable}]",
    "MySQL databases": "databases: [{name: d, type: mysql, host: wf008, tls: disable}]",
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_measured_series_are_those_that_check_computes(kind: str, tmp_path: Path) -> None:
    """But for a few that come with an event, such as a peer's pings."""
    (tmp_path / "fleet.yml").write_text(f"{HOSTS}\n{KINDS[kind]}\n")
    fleet = load(tmp_path / "fleet.yml")
    (measured,) = [row[1] for row in OPERATIONS.table("one exporter") if row[0].startswith(f"100 more {kind}")]
    assert int(measured.replace(",", "")) / 100 == pytest.approx(
        series(fleet, survey(fleet, fleet.hosts[0], {})[0]), abs=5
    )

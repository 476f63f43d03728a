"""What a reload drops is free without the garbage collector, which is told to leave a configuration alone."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.configuration import Options, configuration
from tests.docs.markdown import ROOT
from tests.exporter.discovery.lists import written

LISTED = """\
hosts_from: [{file_sd: {files: hosts.json}}]
probes:
  icmp: {protocol: icmp, interval: 5s, timeout: 4s, sample: {within: 2, across: 1}}
  ping: {protocol: http, url: "https://{address}:9102/ping", expect_body: "^p"}
"""


@pytest.fixture
def _collected() -> Iterator[None]:
    """Nothing to collect before, and no collection meanwhile."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_collected")
@pytest.mark.parametrize("text", [LISTED, (ROOT / "config/fleet.example.yml").read_text()], ids=["listed", "example"])
def test_a_configuration_has_no_cycles(tmp_path: Path, text: str) -> None:
    (tmp_path / "hosts.json").write_bytes(written(*range(30)))
    (tmp_path / "fleet.yml").write_text(text)
    options = Options(tmp_path / "fleet.yml", "wfdb01", "/metrics", enable_lifecycle=False, web_config_file=None)
    before = configuration(options)
    gc.collect()
    for _ in range(3):
        before = configuration(options, before)
    del before
    assert gc.collect() == 0

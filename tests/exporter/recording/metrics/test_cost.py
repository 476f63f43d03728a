"""What a fleet costs Prometheus is counted from its file, and is no less than what its pages have."""

from __future__ import annotations

from pathlib import Path

from exporter.fleet import survey
from exporter.recording.metrics import cost
from tests.exporter.pages import DATABASE, SMALL, Small

SILENT = "  - {name: wfdb02, address: 192.0.2.9, exporter: false}\n"


def test_the_cost_is_what_the_page_has_of_pairs_when_all_has_happened(tmp_path: Path) -> None:
    small = Small(tmp_path, SMALL + DATABASE)
    small.answer_all()
    of_pairs = [line for line in small.page().splitlines() if line.startswith("network_latency_") and 'probe="' in line]
    assert cost.series(small.fleet, small.pairs) >= len(of_pairs) > 100


def test_a_bucket_costs_a_series_of_each_distribution(tmp_path: Path) -> None:
    few = Small(tmp_path)
    pairs = len(few.pairs)
    before = cost.series(few.fleet, few.pairs)
    few.reload(SMALL.replace("[0.001, 0.1]", "[0.001, 0.01, 0.1]"))
    assert cost.series(few.fleet, few.pairs) - before >= pairs


def test_nothing_to_probe_costs_nothing(tmp_path: Path) -> None:
    assert cost.series(Small(tmp_path).fleet, ()) == 0


def test_hosts_that_are_counted_together_cost_what_each_would(tmp_path: Path) -> None:
    fleet = Small(tmp_path, SMALL.replace("probes:", f"{SILENT}probes:", 1) + DATABASE).fleet
    exporters = [host for host in fleet.hosts if host.exporter]
    assert [host.name for host in exporters] == ["wf001", "wf008"]
    assert cost.of_each_exporter(fleet) == [cost.series(fleet, survey(fleet, host)[0]) for host in exporters]

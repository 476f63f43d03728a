"""The pages of a fleet's hosts, or why they could not be had -> its paths and the culprits: a pure function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from exporter.fleet_view.culprits import Culprit, NoPage, in_order
from exporter.fleet_view.faults import Faults
from exporter.fleet_view.layout import Layout
from exporter.fleet_view.network import Network
from exporter.fleet_view.paths import Path, paths
from exporter.fleet_view.reports import Report

Pages = Mapping[str, Report | NoPage]
"""Host -> what its page says, or why it could not be had; without hosts that have no exporter."""


class View(NamedTuple):
    """All that is shown, whatever the format."""

    layout: Layout
    reports: Mapping[str, Report]
    no_pages: Mapping[str, NoPage]
    paths: Sequence[Path]
    culprits: Sequence[Culprit]


def view(pages: Pages, layout: Layout) -> View:
    """Bring together what the hosts say, and decide who is to blame."""
    reports = {name: page for name, page in pages.items() if isinstance(page, Report)}
    no_pages = {name: page for name, page in pages.items() if isinstance(page, NoPage)}
    targets = (*layout.hosts, *layout.endpoints)
    ways = [path for source, report in reports.items() for path in paths(source, report, targets)]
    answering = {pair.target for report in reports.values() for pair in report.pairs if pair.database and pair.success}
    network = Network(ways, layout, no_pages, answering)
    culprits = [*network.culprits()]
    if not network.is_alone:
        culprits += Faults(reports, no_pages, layout, network).culprits()
    return View(layout, reports, no_pages, ways, in_order(culprits))

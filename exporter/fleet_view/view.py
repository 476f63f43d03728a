"""The pages of a fleet's hosts, or why they could not be had -> its matrix and the culprits: a pure function."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from collectors.terms import Reason
from exporter.fleet_view.cells import ITSELF, NO_PAGE, UNMEASURED, Cell, cell
from exporter.fleet_view.culprits import FleetCulprit, NoPage, in_order
from exporter.fleet_view.faults import Faults
from exporter.fleet_view.grouping import grouped
from exporter.fleet_view.layout import Layout
from exporter.fleet_view.network import Network, Signs
from exporter.fleet_view.paths import FleetPath, paths, without_uneven_losses
from exporter.fleet_view.reports import HostReport

Pages = Mapping[str, HostReport | NoPage]
"""Host -> what its page says, or why it could not be had; without hosts that have no exporter."""


class View(NamedTuple):
    """All that the page has, whatever its format."""

    layout: Layout
    asked: Sequence[str]
    """The hosts of which there is a page, in the fleet file's order."""
    no_pages: Mapping[str, NoPage]
    paths: Sequence[FleetPath]
    cells: Mapping[tuple[str, str], Cell]
    """By the host that asks and the place that it measures."""
    culprits: Sequence[FleetCulprit]

    @property
    def rows(self) -> list[str]:
        """The hosts that ask."""
        return [host for host in self.layout.hosts if host in self.layout.exporters]

    def cell(self, source: str, place: str) -> Cell:
        """Return what a host sees of a place."""
        if source == place:
            return self.cells.get((source, place), ITSELF)
        return NO_PAGE if source in self.no_pages else self.cells.get((source, place), UNMEASURED)


def view(pages: Pages, layout: Layout) -> View:
    """Bring together what the hosts say, and decide who is to blame."""
    reports = {name: page for name, page in pages.items() if isinstance(page, HostReport)}
    no_pages = {name: page for name, page in pages.items() if isinstance(page, NoPage)}
    targets = (*layout.hosts, *layout.endpoints)
    measured = [path for source, report in reports.items() for path in paths(source, report, targets)]
    ways = without_uneven_losses(measured, layout.datacenter)
    network = Network(ways, layout, no_pages, _signs(reports, layout))
    culprits = [*network.culprits()]
    if not network.is_alone:
        culprits += Faults(reports, no_pages, layout, network).culprits()
    return View(
        layout,
        [host for host in layout.hosts if host in reports],
        no_pages,
        ways,
        dict(_cells(reports, ways, layout)),
        in_order(culprits),
    )


def _signs(reports: Mapping[str, HostReport], layout: Layout) -> Signs:
    queued = frozenset(name for name, report in reports.items() if report.this_host.queue_is_full)
    return Signs(_answering(reports), queued, _sends_nothing(reports.get(layout.here), layout))


def _answering(reports: Mapping[str, HostReport]) -> frozenset[str]:
    """Return the hosts of which a database answers some host to which they are not silent now."""
    pairs = [pair for report in reports.values() for pair in report.pairs if pair.database and pair.success]
    return frozenset(pair.target for pair in pairs if pair.path is None or pair.path.fault != "silent")


def _sends_nothing(own: HostReport | None, layout: Layout) -> bool:
    """Return whether all probes of this host toward others fail on this host itself, look-ups of names included."""
    others = set(layout.hosts) - {layout.here, *layout.maintenance}
    pairs = [pair for pair in own.pairs if pair.target in others and pair.is_of_a_path] if own else []
    reasons = {pair.reason for pair in pairs}
    return Reason.LOCAL in reasons and reasons <= {Reason.LOCAL, Reason.DNS}


def _cells(
    reports: Mapping[str, HostReport], ways: Sequence[FleetPath], layout: Layout
) -> Iterator[tuple[tuple[str, str], Cell]]:
    by_ends = grouped(ways, lambda path: (path.source, path.target))
    places = set(layout.places)
    for source, report in reports.items():
        for name, pairs in grouped(report.pairs, lambda pair: pair.name).items():
            if name in places:
                quiet = layout.is_quiet(name) or layout.is_quiet(source)
                yield (source, name), cell(pairs, by_ends.get((source, name), ()), quiet=quiet)

"""What is wrong while the network is well: programs, databases, n8n, exporters, and the measuring itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from collectors.terms import Reason, Seconds
from exporter.fleet import LOGIN
from exporter.fleet_view.culprits import CulpritKind, FleetCulprit, NoPage
from exporter.fleet_view.grouping import grouped
from exporter.fleet_view.layout import Layout
from exporter.fleet_view.network import Network
from exporter.fleet_view.reports import HostReport, PairReport
from exporter.overview.verdict import certificate_in_words
from exporter.wording import some, span

_NO_CHANCE = 2
"""So many timeouts in a row are no chance; of other failures the first one counts."""
_NO_CHANCE_UNEVENLY = 4
"""The same on a path that loses single handshakes."""


class _Seen(NamedTuple):
    """A pair, and the host that measures it."""

    source: str
    pair: PairReport


class Faults:
    """Finds what is wrong in the reports of all hosts."""

    def __init__(
        self, reports: Mapping[str, HostReport], no_pages: Mapping[str, NoPage], layout: Layout, network: Network
    ) -> None:
        self._reports, self._no_pages, self._layout, self._network = reports, no_pages, layout, network
        self._known = {source: [*_known(report, layout)] for source, report in reports.items()}
        """The pairs of each host whose names this host's own fleet file has, too: no other name is written."""
        self._local = {
            (source, pair.target)
            for source, pairs in self._known.items()
            for pair in pairs
            if pair.reason == Reason.LOCAL
        }
        """Source and target of what fails on the source itself: a firewall there may drop the other probes, too."""
        self._seen = [
            _Seen(source, pair)
            for source, pairs in self._known.items()
            for pair in pairs
            if pair.success is not None
            and not pair.ours
            and not (pair.is_quiet or layout.is_quiet(source) or layout.is_quiet(pair.target))
        ]

    def culprits(self) -> Iterator[FleetCulprit]:
        """Yield all culprits."""
        yield from self._exporters()
        seen = grouped(self._seen, lambda seen: seen.pair.name)
        databases = {
            name: culprit for name in self._layout.databases for culprit in self._database(name, seen.get(name, ()))
        }
        yield from databases.values()
        for n8n, database in self._layout.n8n.items():
            if database not in databases:
                yield from self._n8n(n8n, seen.get(n8n, ()))
        for name in (*self._layout.hosts, *self._layout.endpoints):
            yield from self._programs(name, seen.get(name, ()))
        for name in (*self._layout.hosts, *self._layout.endpoints, *self._layout.databases):
            yield from self._certificates(name, seen.get(name, ()))
        for source, report in self._reports.items():
            yield from self._measuring(source, report)

    def _exporters(self) -> Iterator[FleetCulprit]:
        """Yield the exporters that cannot be asked though their host is reached; those of one reason together."""
        yield from self._not_asked()
        here = self._layout.here
        left = {
            name: no_page
            for name, no_page in self._no_pages.items()
            if no_page.ours is None and not self._is_explained(name, no_page)
        }
        pinged = {name: self._pinged(name) for name in left}
        for (why, others), names in grouped(left, lambda name: (left[name].why, tuple(pinged[name]))).items():
            its = "its page cannot" if len(names) == 1 else "each one's page cannot"
            if others or not all(self._is_down(name) for name in names):
                ago = min((age for name in names for age in pinged[name].values()), default=0.0)
                also = f"; {some(others)} could ask it {span(ago)} ago" if others else ""
                yield FleetCulprit(CulpritKind.EXPORTER, some(names), f"{its} be had from {here}: {why}{also}", "")
            else:
                yield FleetCulprit(
                    CulpritKind.EXPORTER, some(names), f"{its} be had: {why}", "LatencyExporterDown", critical=True
                )

    def _not_asked(self) -> Iterator[FleetCulprit]:
        """Yield why this host could not ask others: it is the culprit then, and of them nothing is known."""
        pages = self._no_pages
        for (kind, why), names in grouped(pages, lambda name: (pages[name].ours, pages[name].why)).items():
            if kind is not None:
                yield FleetCulprit(kind, self._layout.here, f"no page of {some(names)}: {why}", "")

    def _is_down(self, host: str) -> bool:
        """Return whether an exporter is that nobody else can ask: its host is probed from here, or answered."""
        no_page = self._no_pages[host]
        return not no_page.answered and (no_page.connected or self._network.is_measured(self._layout.here, host))

    def _is_explained(self, host: str, no_page: NoPage) -> bool:
        """Return whether the way to a host, or its maintenance, is why there is no page of it."""
        here, network = self._layout.here, self._network
        by_the_way = network.is_lost(here, host) if no_page.connected else network.is_bad(here, host)
        return by_the_way or network.is_blamed(host) or self._layout.is_quiet(host)

    def _pinged(self, host: str) -> Mapping[str, Seconds]:
        """Return the hosts that the exporter of a host has answered, and how long ago it did."""
        return {
            source: pair.age or 0.0
            for source, pair in self._seen
            if pair.success
            and pair.target == host
            and pair.protocol == "http"
            and pair.probe in self._layout.own_probes
        }

    def _programs(self, name: str, seen: Sequence[_Seen]) -> Iterator[FleetCulprit]:
        """Yield what is wrong with the probes of a target; probes that have the same fault together."""
        probes: dict[FleetCulprit, list[str]] = {}
        for probe, some_seen in grouped(seen, lambda seen: seen.pair.probe).items():
            if name in self._no_pages and probe in self._layout.own_probes:
                continue  # its exporter is named already
            for culprit in self._program(some_seen):
                probes.setdefault(culprit, []).append(probe)
        for culprit, alike in probes.items():
            yield culprit._replace(name=f"{some(alike)} of {name}")

    def _program(self, seen: Sequence[_Seen]) -> Iterator[FleetCulprit]:
        if failing := [each for each in seen if self._fails(each)]:
            words = {each.pair.verdict.word for each in failing}
            kind = CulpritKind.CONFIGURATION if words == {"configuration"} else CulpritKind.PROGRAM
            yield FleetCulprit(kind, "", f"fails {_from(failing, seen)}", "PeerFailing")
        elif slow := _slow(seen):
            yield FleetCulprit(CulpritKind.PROGRAM, "", f"is slow {_from(slow, seen)}", "PeerSlow")

    def _certificates(self, name: str, seen: Sequence[_Seen]) -> Iterator[FleetCulprit]:
        """Yield the certificates of a target that end soon or have ended, even if its probes fail because of that."""
        ends = [(each.pair.certificate_left, each) for each in seen if each.pair.certificate_left is not None]
        if not ends:
            return
        sources = dict.fromkeys(each.source for _, each in ends)
        text = f"{certificate_in_words(min(left for left, _ in ends))}, seen from {some(sources)}"
        if name in self._layout.databases:
            yield FleetCulprit(CulpritKind.DATABASE, name, text, "")
        else:
            probes = some(dict.fromkeys(each.pair.probe for _, each in ends))
            yield FleetCulprit(CulpritKind.PROGRAM, f"{probes} of {name}", text, "CertificateExpiring")

    def _n8n(self, name: str, seen: Sequence[_Seen]) -> Iterator[FleetCulprit]:
        if failing := [each for each in seen if self._fails(each)]:
            yield FleetCulprit(CulpritKind.N8N, name, f"it cannot be read {_from(failing, seen)}", "N8nReadFailing")
        elif stuck := [each for each in seen if each.pair.verdict.word == "n8n"]:
            yield FleetCulprit(CulpritKind.N8N, name, stuck[0].pair.verdict.why, "")

    def _database(self, name: str, seen: Sequence[_Seen]) -> Iterator[FleetCulprit]:
        failing = [each for each in seen if self._fails(each)]
        asked = {each.source for each in seen if each.pair.probe != LOGIN and each.pair.success}
        if any(each.pair.reason == Reason.LIMIT for each in failing):
            text = f"it is at its connection limit: {_from(failing, seen)}"
            yield FleetCulprit(CulpritKind.DATABASE, name, text, "DatabaseAtConnectionLimit", critical=True)
        elif failing and all(each.source in asked for each in failing):
            refused = all(each.pair.reason == Reason.AUTH for each in failing)
            what = "it refuses the login" if refused else "its login fails"
            text = f"{what}, and queries on the connection that is kept are answered: {_from(failing, seen)}"
            yield FleetCulprit(CulpritKind.DATABASE, name, text, "DatabaseDown" if refused else "")
        elif failing:
            yield FleetCulprit(
                CulpritKind.DATABASE, name, f"it fails {_from(failing, seen)}", "DatabaseDown", critical=True
            )
        elif slow := _slow(seen):
            yield FleetCulprit(CulpritKind.DATABASE, name, f"it is slow {_from(slow, seen)}", "DatabaseSlow")

    def _fails(self, seen: _Seen) -> bool:
        """Return whether a pair fails, and neither the network nor chance explains it."""
        source, pair = seen
        if pair.success or self._network.is_blamed(pair.target):
            return False
        if pair.silent or pair.reason == Reason.TIMEOUT:
            is_uneven = self._network.is_uneven(source, pair.target)
            is_explained = (
                (pair.silent and pair.always_lost)
                or (source, pair.target) in self._local
                or (is_uneven and pair.protocol == "icmp")
            )
            return (
                not is_explained
                and pair.recent.failures >= (_NO_CHANCE_UNEVENLY if is_uneven else _NO_CHANCE)
                and not self._network.is_bad(source, pair.target)
            )
        return True

    def _measuring(self, source: str, report: HostReport) -> Iterator[FleetCulprit]:
        own, known = report.this_host.verdict, self._known[source]
        local = next((pair for pair in known if pair.reason == Reason.LOCAL), None)
        if own.word == "this host":
            text = f"{own.why} ({report.this_host.in_words()})"
            yield FleetCulprit(CulpritKind.MEASUREMENT, source, text, "MeasurementInDoubt")
        elif local is not None:
            text = f"it cannot ask {local.name} by {local.probe}: {local.verdict.why}"
            yield FleetCulprit(CulpritKind.MEASUREMENT, source, text, "MeasurementInDoubt")
        elif own.word == "configuration":
            yield FleetCulprit(CulpritKind.CONFIGURATION, source, own.why, "ConfigurationInDoubt")
        if len(known) < len(report.pairs):
            text = f"its fleet file differs from that of {self._layout.here}: it measures what that does not have"
            yield FleetCulprit(CulpritKind.CONFIGURATION, source, text, "ConfigurationInDoubt")


def _known(report: HostReport, layout: Layout) -> Iterator[PairReport]:
    places = set(layout.places)
    return (pair for pair in report.pairs if pair.name in places and pair.probe in layout.probes)


def _slow(seen: Sequence[_Seen]) -> list[_Seen]:
    """Return those of which the answers are late; a single late one is chance."""
    late = sum(each.pair.late_answers for each in seen)
    return [each for each in seen if each.pair.is_slow] if late > 1 else []


def _from(bad: Sequence[_Seen], seen: Sequence[_Seen]) -> str:
    """Write why, from which hosts it is seen, and from which others it is well."""
    sources = list(dict.fromkeys(each.source for each in bad))
    well = list(dict.fromkeys(each.source for each in seen if each.pair.success and each.source not in sources))
    reasons = list(dict.fromkeys(str(each.pair.reason) for each in bad if each.pair.reason))
    because = f"({', '.join(reasons)}) " if reasons else ""
    also = f", well from {some(well)}" if well else ""
    return f"{because}from {some(sources)}{also}: {bad[0].pair.verdict.why}"

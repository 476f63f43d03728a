"""The network's culprits in words: hosts, datacenters and paths, over each family."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from collectors.terms import Seconds
from exporter.fleet_view.blame import Blame, between_datacenters, blame
from exporter.fleet_view.culprits import CulpritKind, FleetCulprit, NoPage
from exporter.fleet_view.ends import Ends, both_ways, by_ends
from exporter.fleet_view.grouping import grouped
from exporter.fleet_view.layout import Layout
from exporter.fleet_view.paths import FleetPath
from exporter.wording import counted, some

_MOST = 0.5
_SEVERAL = 2
_LINK = "the link, or a router or firewall between"
_UNEVEN = "handshakes get lost, and ICMP does not: one of several parallel paths, or a firewall that is full"


class Signs(NamedTuple):
    """What the hosts' pages say of the network, apart from their paths."""

    answering: frozenset[str]
    """The hosts of which a database answers."""
    queued: frozenset[str]
    """The hosts whose own queue is full, which explains the losses and delays of their paths."""
    sends_nothing: bool
    """All that this host asks of other hosts fails on itself, so that it has no path."""


class Network:
    """The paths of a fleet, and who is to blame for the bad ones."""

    def __init__(
        self, paths: Sequence[FleetPath], layout: Layout, no_pages: Mapping[str, NoPage], signs: Signs
    ) -> None:
        self._layout, self._unheard = layout, no_pages.keys()
        unasked = {host for host, no_page in no_pages.items() if no_page.ours is not None}
        self._mute = self._unheard - unasked
        """The hosts that were asked, and whose page cannot be had."""
        self._answering, self._queued, self._sends_nothing = signs
        self.paths = paths
        self.by_family = grouped(paths, lambda path: path.ip_family)
        self._bad = {(path.source, path.target) for path in paths if path.bad}
        self._lost = {(path.source, path.target) for path in paths if path.lost}
        self._uneven_ends = {(path.source, path.target) for path in paths if path.uneven or path.beside_uneven}
        self._open = {(path.source, path.target) for path in paths if not path.lost}
        self._by_target = grouped(paths, lambda path: path.target)
        self._measured = {(path.source, path.target) for path in paths}
        self._blame = {
            family: blame(some_paths, layout, self._mute, unasked) for family, some_paths in self.by_family.items()
        }

    @property
    def is_alone(self) -> bool:
        """Whether this host reaches no host, and none can be asked: then it says nothing of others."""
        hosts = {host for host in self._layout.hosts if not self._layout.is_quiet(host)}
        ways = [path for path in self.paths if path.target in hosts]
        others = self._layout.exporters - {self._layout.here}
        several = len({path.target for path in ways}) >= _SEVERAL
        nobody_answers = all(path.silent for path in ways) and any(path.lost for path in ways)
        return (self._sends_nothing or (several and nobody_answers)) and others <= self._unheard

    def is_bad(self, source: str, target: str) -> bool:
        """Return whether a path from the one to the other is bad, over any family."""
        return self._is_in(self._bad, source, target)

    def is_lost(self, source: str, target: str) -> bool:
        """Return whether nothing comes through on such a path."""
        return self._is_in(self._lost, source, target)

    def is_measured(self, source: str, target: str) -> bool:
        """Return whether a probe takes such a path; of a sample most are taken by none."""
        return (source, target) in self._measured

    def _is_in(self, bad: Collection[tuple[str, str]], source: str, target: str) -> bool:
        """Return whether a path is a bad one; one that no probe takes is, if the way back or what it belongs to is."""
        if self.is_measured(source, target):
            return (source, target) in bad
        ends = self._layout.datacenter(source), self._layout.datacenter(target)
        return (target, source) in bad or any(
            source in blame.sources or target in blame.targets or ends in blame.datacenters
            for blame in self._blame.values()
        )

    def is_uneven(self, source: str, target: str) -> bool:
        """Return whether handshakes get lost by chance on such a path."""
        return (source, target) in self._uneven_ends

    def is_blamed(self, host: str) -> bool:
        """Return whether a host, or the only way to its datacenter, explains that it does not answer."""
        datacenter = self._layout.datacenter(host)
        return any(datacenter in blame.dark or self._speaks(host, blame.targets) for blame in self._blame.values())

    def _speaks(self, host: str, targets: Mapping[str, Sequence[FleetPath]]) -> bool:
        """Return whether bad paths to a host are news; always lost ones are not, while a database answers there."""
        return any(path.is_news or host not in self._answering for path in targets.get(host, ()))

    def culprits(self) -> Iterator[FleetCulprit]:
        """Yield all culprits; one that is found over two families only once."""
        if self.is_alone:
            text = "it reaches no other host, and nobody's page can be had: look at its own link first"
            yield FleetCulprit(CulpritKind.THIS_HOST, self._layout.here, text, "", critical=True)
            return
        families: dict[FleetCulprit, list[str]] = {}
        for family, blamed in self._blame.items():
            for culprit in self._of_a_family(blamed, self.by_family[family]):
                families.setdefault(culprit, []).append(family)
        for culprit, over in families.items():
            is_whole = len(over) == len(self._blame) or culprit.alert == "HostUnreachable"
            only = "" if is_whole else f" (over {' and '.join(over)} alone)"
            yield culprit._replace(text=f"{culprit.text}{only}")

    def _of_a_family(self, blamed: Blame, paths: Sequence[FleetPath]) -> Iterator[FleetCulprit]:
        for target, bad in blamed.targets.items():
            culprit = self._host(target, bad)
            if culprit.critical or (target not in self._queued and self._speaks(target, blamed.targets)):
                yield culprit
        for source, bad in blamed.sources.items():
            if not any(source in of_family.targets for of_family in self._blame.values()):
                yield _outgoing(source, bad)
        yield from self._datacenters(blamed, paths)
        yield from self._single(blamed.single)
        blamed_ends = {*blamed.targets, *blamed.sources, *self._mute, *self._layout.maintenance}
        yield from self._uneven(
            [path for path in paths if not path.bad and not blamed_ends & {path.source, path.target}]
        )

    def _datacenters(self, blamed: Blame, paths: Sequence[FleetPath]) -> Iterator[FleetCulprit]:
        silent = blamed.dark.difference(self._layout.datacenter(path.target) for path in paths if not path.bad)
        down = {ends: bad for ends, bad in blamed.datacenters.items() if _most_are_lost(bad)}
        for ends, bad in both_ways(down):
            yield _down(ends, bad, silent)
        for ends, bad in both_ways({ends: bad for ends, bad in blamed.datacenters.items() if ends not in down}):
            yield _degraded(ends, bad)

    def _single(self, single: Sequence[FleetPath]) -> Iterator[FleetCulprit]:
        cut = [path for path in single if path.lost and self._lives(path.target, path.silent_for)]
        for ends, bad in both_ways(by_ends(cut)):
            text = f"{bad[0].in_words()}, and both ends live"
            yield FleetCulprit(CulpritKind.PATH, ends.name, text, "PathDegraded", critical=True)
        for ends, bad in both_ways(by_ends(path for path in single if path not in cut)):
            if not self._queued & {ends.first, ends.other}:
                what = "; ".join(dict.fromkeys(path.in_words() for path in bad))
                unclear = "; nobody else can tell which end it is" if all(path.lost for path in bad) else ""
                yield FleetCulprit(CulpritKind.PATH, ends.name, f"{what}{unclear}", "PathDegraded")

    def _lives(self, host: str, lately: Seconds) -> bool:
        """Return whether a host has answered in that time: its page can be had, or others reach it."""
        heard = any(not path.bad and path.heard_ago < lately for path in self._by_target[host])
        return heard or host in self._layout.exporters - self._unheard

    def _host(self, target: str, bad: Sequence[FleetPath]) -> FleetCulprit:
        lost = self._losing(target)
        kind = CulpritKind.ENDPOINT if target in self._layout.endpoints else CulpritKind.HOST
        if not lost:
            what = some(f"from {path.source} {path.in_words()}" for path in bad)
            text = f"all paths to it are bad: {what}; the culprit is the {kind}, its uplink, or a firewall there"
            return FleetCulprit(kind, target, text, "PathDegraded")
        if target in self._answering:
            text = f"no answer to {some(lost)} by ICMP nor handshakes, but its database answers: a firewall?"
            return FleetCulprit(kind, target, text, "PathDegraded")
        asking = f"{lost[0]} alone asks it, and gets" if len(lost) == 1 else f"{counted(len(lost), 'host')} get"
        text = f"{asking} no answer from it by any protocol: {self._down(target, lost)}"
        return FleetCulprit(kind, target, text, "HostUnreachable", critical=True)

    def _losing(self, target: str) -> Sequence[str]:
        """Return the hosts that get no answer of a host over any family; none if most of some datacenter do get one."""
        asking = dict.fromkeys(path.source for path in self._by_target[target])
        lost = [source for source in asking if (source, target) not in self._open]
        places = grouped(asking, self._layout.datacenter).values()
        return lost if all(len({*lost} & {*place}) > _MOST * len(place) for place in places) else []

    def _down(self, target: str, lost: Sequence[str]) -> str:
        if target in self._layout.exporters and target not in self._unheard:
            return "it is cut off, but its page can be had: look at names, addresses and firewalls"
        if len(lost) == 1:
            return f"it is down, or the way between the two, or the link of {lost[0]}"
        if self._layout.is_alone(target):
            return "it is down, or its only link is, for it is alone in its datacenter"
        return "it is down, or cut off"

    def _uneven(self, well: Sequence[FleetPath]) -> Iterator[FleetCulprit]:
        between = between_datacenters(well, self._layout, lambda path: path.uneven)
        explained = {path for several in between.values() for path in several}
        single = [path for path in well if path.uneven and path not in explained]
        for ends, _ in both_ways(between):
            yield FleetCulprit(CulpritKind.DATACENTERS, ends.datacenters, _UNEVEN, "PathUneven")
        for ends, _ in both_ways(by_ends(single)):
            yield FleetCulprit(CulpritKind.PATH, ends.name, _UNEVEN, "PathUneven")


def _most_are_lost(bad: Sequence[FleetPath]) -> bool:
    return sum(path.lost for path in bad) > _MOST * len(bad)


def _down(ends: Ends, bad: Sequence[FleetPath], silent: Collection[str]) -> FleetCulprit:
    down = [name for name in (ends.first, ends.other) if name in silent]
    unheard = f"; nothing is heard from {down[0]}, which may be down altogether" if down else ""
    lost = _pairs(path for path in bad if path.lost)
    text = f"{lost} of hosts lose all, and no host of either is to blame: {_LINK}{unheard}"
    return FleetCulprit(CulpritKind.DATACENTERS, ends.datacenters, text, "DatacenterPathDown", critical=True)


def _degraded(ends: Ends, bad: Sequence[FleetPath]) -> FleetCulprit:
    worst = max(bad, key=lambda path: path.badness)
    text = (
        f"{_pairs(bad)} of hosts lose packets or take longer, and no host of either is to blame; "
        f"{worst.source} to {worst.target}: {worst.in_words()}"
    )
    return FleetCulprit(CulpritKind.DATACENTERS, ends.datacenters, text, "DatacenterPathDegraded")


def _pairs(paths: Iterable[FleetPath]) -> str:
    return counted(len({frozenset((path.source, path.target)) for path in paths}), "pair")


def _outgoing(source: str, bad: Sequence[FleetPath]) -> FleetCulprit:
    text = f"all its paths are bad ({some(path.target for path in bad)}), and those of others to it are not"
    look = "look at its firewall, routes and uplink, outgoing; do not trust what it measures"
    return FleetCulprit(CulpritKind.MEASUREMENT, source, f"{text}: {look}", "MeasurementInDoubt")

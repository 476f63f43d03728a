"""The network's culprits in words: hosts, datacenters and paths, over each family."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from exporter.fleet_view.blame import Blame, between_datacenters, blame
from exporter.fleet_view.culprits import CulpritKind, FleetCulprit
from exporter.fleet_view.grouping import grouped
from exporter.fleet_view.layout import Layout
from exporter.fleet_view.paths import FleetPath
from exporter.wording import counted, some

_MOST = 0.5
_SEVERAL = 2
_LINK = "the link, or a router or firewall between"
_UNEVEN = "handshakes get lost, and ICMP does not: one of several parallel paths, or a firewall that is full"


class Network:
    """The paths of a fleet, and who is to blame for the bad ones."""

    def __init__(
        self,
        paths: Sequence[FleetPath],
        layout: Layout,
        *,
        unheard: Collection[str],
        answering: Collection[str],
        queued: Collection[str],
    ) -> None:
        """``unheard`` are the hosts whose page cannot be had, ``answering`` those of which a database answers.

        ``queued`` are those whose own queue is full, which explains what their paths lose, and how long they take.
        """
        self._layout, self._unheard, self._answering = layout, unheard, answering
        self._queued = frozenset(queued)
        self.paths = paths
        self.by_family = grouped(paths, lambda path: path.ip_family)
        self._bad = {(path.source, path.target) for path in paths if path.bad}
        self._lost = {(path.source, path.target) for path in paths if path.lost}
        self._blame = {family: blame(some_paths, layout, unheard) for family, some_paths in self.by_family.items()}

    @property
    def is_alone(self) -> bool:
        """Whether this host reaches nobody, and nobody else can be asked: then it says nothing of others."""
        ways = [path for path in self.paths if path.target in self._layout.hosts]
        others = self._layout.exporters - {self._layout.here}
        several = len({path.target for path in ways}) >= _SEVERAL
        return several and all(path.lost for path in ways) and others <= set(self._unheard)

    def is_bad(self, source: str, target: str) -> bool:
        """Return whether a path from the one to the other is bad, over any family."""
        return (source, target) in self._bad

    def is_lost(self, source: str, target: str) -> bool:
        """Return whether nothing comes through on such a path."""
        return (source, target) in self._lost

    def is_blamed(self, host: str) -> bool:
        """Return whether a host, or the only way to its datacenter, explains that it does not answer."""
        datacenter = self._layout.datacenter(host)
        return any(datacenter in blame.dark or self._speaks(host, blame.targets) for blame in self._blame.values())

    def _speaks(self, host: str, targets: Mapping[str, Sequence[FleetPath]]) -> bool:
        """Return whether bad paths to a host are news; those that are always lost are none while a database answers."""
        return any(path.is_news or host not in self._answering for path in targets.get(host, ()))

    def culprits(self) -> Iterator[FleetCulprit]:
        """Yield all of them; the same over two families once."""
        if self.is_alone:
            text = "it reaches no other host, and nobody's page can be had: look at its own link first"
            yield FleetCulprit(CulpritKind.THIS_HOST, self._layout.here, text, "", critical=True)
            return
        families: dict[FleetCulprit, list[str]] = {}
        for family, blamed in self._blame.items():
            for culprit in self._of_a_family(blamed, self.by_family[family]):
                families.setdefault(culprit, []).append(family)
        for culprit, over in families.items():
            only = "" if len(over) == len(self._blame) else f" (over {' and '.join(over)} alone)"
            yield culprit._replace(text=f"{culprit.text}{only}")

    def _of_a_family(self, blamed: Blame, paths: Sequence[FleetPath]) -> Iterator[FleetCulprit]:
        for target, bad in blamed.targets.items():
            culprit = self._host(target, bad)
            if culprit.critical or (target not in self._queued and self._speaks(target, blamed.targets)):
                yield culprit
        for source, bad in blamed.sources.items():
            if source not in blamed.targets:
                yield _outgoing(source, bad)
        silent = blamed.dark.difference(self._layout.datacenter(path.target) for path in paths if not path.bad)
        for ends, bad in _both_ways(blamed.datacenters):
            yield _datacenters(ends, bad, silent)
        reached = {path.target for path in paths if not path.bad} | (self._layout.exporters - set(self._unheard))
        for ends, bad in _both_ways(_by_ends(blamed.single)):
            culprit = _path(ends, bad, reached)
            if culprit.critical or not self._queued & {ends.first, ends.other}:
                yield culprit
        blamed_ends = {*blamed.targets, *blamed.sources, *self._unheard}
        well = [path for path in paths if not path.bad and not blamed_ends & {path.source, path.target}]
        yield from self._uneven(well)

    def _host(self, target: str, bad: Sequence[FleetPath]) -> FleetCulprit:
        lost = [path.source for path in bad if path.lost]
        if len(lost) <= _MOST * len(bad):
            what = some(f"from {path.source} {path.in_words()}" for path in bad)
            return FleetCulprit(CulpritKind.HOST, target, f"all paths to it are bad: {what}", "PathDegraded")
        if target in self._answering:
            text = f"no answer to {some(lost)} by ICMP nor handshakes, but its database answers: a firewall?"
            return FleetCulprit(CulpritKind.HOST, target, text, "PathDegraded")
        asking = f"{lost[0]} alone asks it, and gets" if len(lost) == 1 else f"{counted(len(lost), 'host')} get"
        text = f"{asking} no answer from it by any protocol: {self._down(target, lost)}"
        return FleetCulprit(CulpritKind.HOST, target, text, "HostUnreachable", critical=True)

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
        for ends, _ in _both_ways(between):
            yield FleetCulprit(CulpritKind.DATACENTERS, ends.datacenters, _UNEVEN, "PathUneven")
        for ends, _ in _both_ways(_by_ends(single)):
            yield FleetCulprit(CulpritKind.PATH, ends.name, _UNEVEN, "PathUneven")


class _Ends(NamedTuple):
    """Two hosts or datacenters, and whether it is about both ways between them."""

    first: str
    other: str
    both_ways: bool

    @property
    def name(self) -> str:
        """Both in words: of a path."""
        return f"between {self.first} and {self.other}" if self.both_ways else f"{self.first} to {self.other}"

    @property
    def datacenters(self) -> str:
        """The same of datacenters."""
        if self.first == self.other:
            return f"within {self.first}"
        return f"{self.first} {'and' if self.both_ways else 'to'} {self.other}"


def _both_ways(found: Mapping[tuple[str, str], Sequence[FleetPath]]) -> Iterator[tuple[_Ends, Sequence[FleetPath]]]:
    """Bring the way there and the way back together."""
    for (first, other), bad in found.items():
        back = found.get((other, first)) if first != other else None
        if back is None or first < other:
            yield _Ends(first, other, both_ways=back is not None), [*bad, *(back or ())]


def _by_ends(paths: Iterable[FleetPath]) -> Mapping[tuple[str, str], Sequence[FleetPath]]:
    return grouped(paths, lambda path: (path.source, path.target))


def _datacenters(ends: _Ends, bad: Sequence[FleetPath], silent: Collection[str]) -> FleetCulprit:
    lost = [path for path in bad if path.lost]
    if len(lost) > _MOST * len(bad):
        down = [name for name in (ends.first, ends.other) if name in silent]
        unheard = f"; nothing is heard from {down[0]}, which may be down altogether" if down else ""
        text = f"{_pairs(lost)} of hosts lose all, and no host of either is to blame: {_LINK}{unheard}"
        return FleetCulprit(CulpritKind.DATACENTERS, ends.datacenters, text, "DatacenterPathDown", critical=True)
    worst = max(bad, key=lambda path: path.badness)
    text = f"{_pairs(bad)} of hosts lose packets or take longer, and no host of either is to blame"
    return FleetCulprit(
        CulpritKind.DATACENTERS,
        ends.datacenters,
        f"{text}; {worst.source} to {worst.target}: {worst.in_words()}",
        "DatacenterPathDegraded",
    )


def _pairs(paths: Sequence[FleetPath]) -> str:
    return counted(len({frozenset((path.source, path.target)) for path in paths}), "pair")


def _path(ends: _Ends, bad: Sequence[FleetPath], reached: Collection[str]) -> FleetCulprit:
    what = "; ".join(dict.fromkeys(path.in_words() for path in bad))
    if not all(path.lost for path in bad):
        return FleetCulprit(CulpritKind.PATH, ends.name, what, "PathDegraded")
    if not all(path.target in reached for path in bad):
        return FleetCulprit(
            CulpritKind.PATH, ends.name, f"{what}; nobody else can tell which end it is", "PathDegraded"
        )
    return FleetCulprit(CulpritKind.PATH, ends.name, f"{what}, and both ends live", "PathDegraded", critical=True)


def _outgoing(source: str, bad: Sequence[FleetPath]) -> FleetCulprit:
    text = f"all its paths are bad ({some(path.target for path in bad)}), and those of others to it are not"
    look = "look at its firewall, routes and uplink, outgoing; do not trust what it measures"
    return FleetCulprit(CulpritKind.MEASUREMENT, source, f"{text}: {look}", "MeasurementInDoubt")

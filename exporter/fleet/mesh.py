"""Which host measures which: what ``from``, ``to`` and ``sample`` mean."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from collectors.literals import literal_family
from collectors.terms import IpFamily
from exporter.fleet.probes.settings import Sample, Settings
from exporter.fleet.ring import dealt
from exporter.fleet.schema import Host

WORDS = frozenset({"all", "exporters"})
"""What may stand in ``from`` and ``to`` instead of a host's name."""
STRANGER = "other"
"""The name of a peer that asked our ``/ping`` and is no host of the fleet."""


def measures(host: Host, names: Sequence[str] | None) -> bool:
    """Return whether ``from`` includes a host; without one, every host with an exporter measures."""
    return host.exporter and (names is None or host.name in names or not WORDS.isdisjoint(names))


def probed(hosts: Sequence[Host], names: Sequence[str]) -> list[Host]:
    """List the hosts that ``to`` includes, in the file's order."""
    chosen = set(names)
    if "all" in chosen:
        return list(hosts)
    return [host for host in hosts if host.name in chosen or (host.exporter and "exporters" in chosen)]


class Mesh:
    """Who measures whom by one probe; what has to be dealt for that is dealt when somebody asks, and remembered."""

    def __init__(self, hosts: Sequence[Host], probe: Settings) -> None:
        self._is_alone = len(hosts) == 1
        self._probe, self._targets = probe, probed(hosts, probe.to)
        self.sample = None if self._is_alone else probe.sample
        sources = [host for host in hosts if measures(host, probe.from_)]
        self.parts = MeshParts(sources, self._targets, self.sample or Sample())
        self._dealt: dict[str, Mapping[str, frozenset[str]]] = {}
        """By the datacenter of the sources."""
        self._askers: dict[str, frozenset[str]] = {}
        """By the target."""

    def all_of(self, source: Host) -> list[Host]:
        """List the targets of a host, in the file's order, as if there were no sample."""
        if not measures(source, self._probe.from_):
            return []
        return [target for target in self._targets if self._is_alone or target.name != source.name]

    def targets_of(self, source: Host) -> list[Host]:
        """List the targets of a host, in the file's order."""
        if self.sample is None or not measures(source, self._probe.from_):
            return self.all_of(source)
        if source.datacenter not in self._dealt:
            self._dealt[source.datacenter] = self.parts.dealt(source.datacenter)
        names = self._dealt[source.datacenter][source.name]
        return [target for target in self._targets if target.name in names]

    def sources_of(self, target: Host) -> frozenset[str]:
        """Return the hosts that probe a host."""
        if self.sample is None:
            others = {name for names in self.parts.sources.values() for name in names} - {target.name}
            return frozenset(others if any(target.name == each.name for each in self._targets) else ())
        if target.name not in self._askers:
            self._askers[target.name] = self.parts.sources_of(target)
        return self._askers[target.name]

    def kinds_of_targets(self, source: Host) -> Mapping[IpFamily | None, int]:
        """Count those of a host by the family that is written as their address, if one is; of a sample."""
        if not measures(source, self._probe.from_):
            return {}
        if len(self._kinds) > 1:
            return Counter(literal_family(target.address) for target in self.targets_of(source))
        return dict.fromkeys(self._kinds, self.parts.targets_of(source))

    @functools.cached_property
    def _kinds(self) -> frozenset[IpFamily | None]:
        """The families of all targets; looked for once, or a fleet of 5,000 would take minutes."""
        return frozenset(literal_family(target.address) for target in self._targets)


class MeshParts:
    """The sources and targets of a sampled probe by datacenter; hosts without one are one, too, as in the rules."""

    def __init__(self, sources: Iterable[Host], targets: Iterable[Host], sample: Sample) -> None:
        self.sources, self.targets, self._sample = _by_datacenter(sources), _by_datacenter(targets), sample

    def each(self, source_datacenter: str, target_datacenter: str) -> int:
        """Return how many hosts of the one each host of the other probes, where there are so many."""
        asked = self._sample.within if source_datacenter == target_datacenter else self._sample.across
        return len(self.targets[target_datacenter]) if asked is None else asked

    def dealt(self, datacenter: str) -> Mapping[str, frozenset[str]]:
        """Return the targets of each source of a datacenter."""
        parts, sources = [self._between(datacenter, other) for other in self.targets], self.sources[datacenter]
        return {source: frozenset(name for part in parts for name in part[source]) for source in sources}

    def sources_of(self, target: Host) -> frozenset[str]:
        """Return the hosts that probe a host."""
        if target.name not in self.targets.get(target.datacenter, ()):
            return frozenset()
        parts = [self._between(datacenter, target.datacenter) for datacenter in self.sources]
        return frozenset(source for part in parts for source, names in part.items() if target.name in names)

    def _between(self, source_datacenter: str, target_datacenter: str) -> Mapping[str, Sequence[str]]:
        each, within = self.each(source_datacenter, target_datacenter), source_datacenter == target_datacenter
        return dealt(self.sources[source_datacenter], self.targets[target_datacenter], each, within=within)

    def targets_of(self, source: Host) -> int:
        """Return how many hosts a source probes."""
        return sum(
            min(self.each(source.datacenter, other), len(targets - {source.name}))
            for other, targets in self.targets.items()
        )

    def pairs(self, source_datacenter: str, target_datacenter: str) -> int:
        """Return how many pairs of hosts are dealt between two datacenters, or within one."""
        sources, targets = self.sources[source_datacenter], self.targets[target_datacenter]
        each = self.each(source_datacenter, target_datacenter)
        themselves = len(sources & targets)
        return themselves * min(each, len(targets) - 1) + (len(sources) - themselves) * min(each, len(targets))

    def in_degree(self) -> tuple[int, int]:
        """Return by how many hosts each host is probed, at least and at most."""
        degrees = [
            [divmod(self.pairs(source, target), len(self.targets[target])) for source in self.sources]
            for target in self.targets
        ]
        return (
            min(sum(share for share, _ in of_each) for of_each in degrees),
            max(sum(share + (over > 0) for share, over in of_each) for of_each in degrees),
        )


def _by_datacenter(hosts: Iterable[Host]) -> dict[str, frozenset[str]]:
    names: dict[str, set[str]] = {}
    for host in hosts:
        names.setdefault(host.datacenter, set()).add(host.name)
    return {datacenter: frozenset(several) for datacenter, several in names.items()}

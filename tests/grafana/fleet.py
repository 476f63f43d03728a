"""A fleet made up for a test: hosts in datacenters, which measure one another, and what is broken in it."""

from __future__ import annotations

from typing import NamedTuple

from tests.grafana.history import Labels


class Host(NamedTuple):
    name: str
    location: str
    datacenter: str
    country: str

    def as_source(self) -> Labels:
        """Return what Prometheus gives all series of its exporter."""
        own = {"job": "latency", "instance": self.name, "host": self.name, "source": self.name}
        return {**own, **self._places("source")}

    def as_target(self) -> Labels:
        return {"target": self.name, **self._places("target")}

    def as_peer(self) -> Labels:
        return {"peer": self.name, **self._places("peer")}

    def _places(self, end: str) -> dict[str, str]:
        return {
            f"{end}_location": self.location,
            f"{end}_datacenter": self.datacenter,
            f"{end}_country": self.country,
        }


class Fleet(NamedTuple):
    """``neighbours`` is how many hosts each measures in a datacenter that is not its own; None is all.

    A fleet that leaves out some has no histograms of ICMP, but for the first two hosts, as its size demands.
    """

    hosts: tuple[Host, ...]
    neighbours: int | None = None
    cut: tuple[str, str] | None = None
    """Two datacenters: from the first none reaches the second, where something is broken."""

    @property
    def dead(self) -> Host:
        """Return the host that dies, where something is broken."""
        return self.hosts[-1]

    def pairs(self) -> list[tuple[Host, Host]]:
        """Return who measures whom, by ICMP."""
        return [(a, b) for a in self.hosts for b in self.hosts if a != b and self._measures(a, b)]

    def ring(self) -> list[tuple[Host, Host]]:
        """Return who measures whom by the costly probes: everybody the next two, where not all is measured."""
        if self.neighbours is None and len(self.hosts) <= _SMALL:
            return self.pairs()
        around = (*self.hosts, *self.hosts[:2])
        return [(a, around[number + ahead]) for number, a in enumerate(self.hosts) for ahead in (1, 2)]

    def is_lost(self, source: Host, target: Host) -> bool:
        """Return whether nothing gets through, where something is broken."""
        return target == self.dead or (source.datacenter, target.datacenter) == self.cut

    def has_histogram(self, source: Host, protocol: str) -> bool:
        return self.neighbours is None or protocol != "icmp" or source in self.hosts[:2]

    def _measures(self, source: Host, target: Host) -> bool:
        if self.neighbours is None or source.datacenter == target.datacenter:
            return True
        same = [host for host in self.hosts if host.datacenter == target.datacenter]
        first = self.hosts.index(source) % len(same)
        return (same.index(target) - first) % len(same) < self.neighbours


_SMALL = 3


def three() -> Fleet:
    """Return the fleet of the documents: each host alone in its datacenter."""
    return Fleet(
        (
            Host("wf001", "wf001_usa", "wf001", "US"),
            Host("wfdb01", "wfdb01_usa", "wfdb01", "US"),
            Host("wf008", "wf008_brazil", "wf008", "BR"),
        )
    )


def many(datacenters: int, hosts: int, neighbours: int | None = None) -> Fleet:
    """Return a fleet of so many datacenters with so many hosts each."""
    countries = ("US", "BR", "DE", "JP")
    return Fleet(
        tuple(
            Host(f"h{dc:02}{number:02}", f"city{dc:02}", f"dc{dc:02}", countries[dc % len(countries)])
            for dc in range(datacenters)
            for number in range(hosts)
        ),
        neighbours,
        cut=("dc01", "dc02"),
    )

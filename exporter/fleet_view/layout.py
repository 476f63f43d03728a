"""What the fleet file in force says of the hosts, endpoints, databases and n8n, as the rules need it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from exporter.fleet import LOGIN, QUERY, READ, Fleet, in_maintenance, own_probes, until_in_words


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The places that can be measured, and which of them ask."""

    here: str
    """The host that was asked for this view."""
    datacenters: Mapping[str, str]
    """Host or endpoint -> its datacenter, which may be empty."""
    hosts: tuple[str, ...]
    exporters: frozenset[str]
    """The hosts that have an exporter."""
    endpoints: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()
    n8n: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """An n8n's name -> the database that it is read from."""
    maintenance: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Host in maintenance -> until when, in words; empty without an end."""
    probes: frozenset[str] = frozenset()
    """Names of all probes, whatever they ask."""
    own_probes: frozenset[str] = frozenset()
    """The probes that ask the exporters themselves."""

    @property
    def places(self) -> tuple[str, ...]:
        """All that can be measured."""
        return (*self.hosts, *self.endpoints, *self.databases, *self.n8n)

    def datacenter(self, name: str) -> str:
        """Return the datacenter of a host or endpoint; empty where it has none."""
        return self.datacenters.get(name, "")

    def is_quiet(self, name: str) -> bool:
        """Return whether a host is in maintenance: whatever is bad there is expected."""
        return name in self.maintenance

    def is_alone(self, host: str) -> bool:
        """Return whether a host is the only one of its datacenter, so that nobody can tell it from its link."""
        datacenter = self.datacenter(host)
        return bool(datacenter) and sum(self.datacenters[each] == datacenter for each in self.hosts) == 1


def layout(fleet: Fleet, here: str, wall: float) -> Layout:
    """Return the layout at this time, in seconds since the epoch."""
    return Layout(
        here=here,
        datacenters={endpoint.name: endpoint.datacenter for endpoint in fleet.endpoints}
        | {host.name: host.datacenter for host in fleet.hosts},
        hosts=tuple(host.name for host in fleet.hosts),
        exporters=frozenset(host.name for host in fleet.hosts if host.exporter),
        endpoints=tuple(endpoint.name for endpoint in fleet.endpoints),
        databases=tuple(database.name for database in fleet.databases),
        n8n={n8n.name: n8n.database for n8n in fleet.n8n},
        maintenance={name: until_in_words(end) for name, end in in_maintenance(fleet.hosts, wall).items()},
        probes=frozenset({LOGIN, QUERY, READ, *fleet.probes, *(endpoint.probe_name for endpoint in fleet.endpoints)}),
        own_probes=own_probes(fleet),
    )

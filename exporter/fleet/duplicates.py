"""The same thing under two names: allowed, and seldom meant, for it is measured twice and fails twice."""

from __future__ import annotations

import ipaddress
from collections.abc import Hashable, Iterable, Iterator, Sequence

from collectors.targets import literal_family
from exporter.fleet.findings import Finding
from exporter.fleet.mesh import measures, probed
from exporter.fleet.probe_schema import Section
from exporter.fleet.problems import key_of, listed, shown
from exporter.fleet.schema import Sections

_OF_NO_MATTER = {
    *("name", "from_", "to", "address", "host", "location", "datacenter", "country", "histogram"),
    *("interval", "cold_interval", "timeout"),
}
"""What makes no other thing of a probe or a database, or is looked at apart."""
_HOW_TRUSTED = {"password_file", "password_env", "tls", "tls_ca_file", "cert_file", "key_file"}

_Thing = tuple[Hashable, Iterable[str]]
"""What it is, and from which hosts it is measured."""


def duplicates(sections: Sections) -> Iterator[Finding]:
    """Warn of hosts of one address, and of endpoints and databases that are the same, seen from the same host."""
    hosts: list[_Thing] = [(_plain(host.address), ("",)) for host in sections.hosts]
    for several in _alike(hosts):
        address = shown(sections.hosts[several[1]].address)
        yield _warning(sections, "hosts", several, "address", f"{address} is the address of")
    for several in _alike(_endpoints(sections)):
        yield _warning(sections, "endpoints", several, "name", "probes the same as")
    yield from _in_the_mesh(sections)
    for several in _alike(_databases(sections)):
        yield _warning(sections, "databases", several, "name", "is the same database as")


def _in_the_mesh(sections: Sections) -> Iterator[Finding]:
    """Warn of endpoints that a probe of the hosts reaches already."""
    endpoints: dict[Hashable, list[tuple[int, Iterable[str]]]] = {}
    for index, (thing, sources) in enumerate(_endpoints(sections)):
        endpoints.setdefault(thing, []).append((index, sources))
    for name, probe in sections.probes.items():
        settings, measuring = _settings(probe, _OF_NO_MATTER), set(_sources(sections, probe.from_))
        for host in probed(sections.hosts, probe.to) if endpoints else ():
            for index, sources in endpoints.get((_plain(host.address), settings), ()):
                if not measuring.isdisjoint(sources):
                    message = f"probes the same as {key_of(('probes', name))} does of the host {shown(host.name)}"
                    text = f"{message}: it is measured under each name; remove one, unless that is meant"
                    yield Finding(("endpoints", index, "name"), text, is_warning=True)


def _endpoints(sections: Sections) -> Iterator[_Thing]:
    for endpoint in sections.endpoints:
        probe = endpoint.settings(sections.probes)
        aim = _settings(probe, _OF_NO_MATTER) if probe else endpoint.name
        yield (_plain(endpoint.whom or ""), aim), _sources(sections, endpoint.measured_from)


def _databases(sections: Sections) -> Iterator[_Thing]:
    addresses = {host.name: host.address for host in sections.hosts}
    for database in sections.databases:
        address = addresses.get(database.host or "", database.host or "")
        settings = _settings(database, _OF_NO_MATTER | _HOW_TRUSTED)
        yield (_plain(address), settings), _sources(sections, database.from_)


def _sources(sections: Sections, names: Sequence[str] | None) -> list[str]:
    return [host.name for host in sections.hosts if measures(host, names)]


def _settings(section: Section, without: set[str]) -> Hashable:
    return tuple((key, repr(getattr(value, "pattern", value))) for key, value in section if key not in without)


def _plain(address: str) -> str:
    """Return what is equal for two ways of writing one address or name."""
    return str(ipaddress.ip_address(address)) if literal_family(address) else address.lower().rstrip(".")


def _alike(things: Iterable[_Thing]) -> Iterable[tuple[int, ...]]:
    """Give the places of things that are alike, seen from any one host."""
    groups: dict[tuple[Hashable, str], list[int]] = {}
    for index, (thing, sources) in enumerate(things):
        for source in sources:
            groups.setdefault((thing, source), []).append(index)
    return dict.fromkeys(tuple(indices) for indices in groups.values() if len(indices) > 1)


def _warning(sections: Sections, section: str, several: tuple[int, ...], key: str, what: str) -> Finding:
    """Say it once, at the second of them."""
    items = getattr(sections, section)
    first, second, *more = several
    also = f" and {listed((shown(items[index].name) for index in more), 3)}" if more else ""
    message = (
        f"{what} {key_of((section, first))}, {shown(items[first].name)}{also}, too: it is measured under each name"
    )
    return Finding((section, second, key), f"{message}; remove one, unless that is meant", is_warning=True)

"""Finds what is measured twice, under two names: allowed, but seldom meant."""

from __future__ import annotations

import functools
import ipaddress
import itertools
import posixpath
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

from collectors.literals import literal_family
from collectors.terms import IpFamily
from exporter.config_files.net_values import PLACEHOLDER
from exporter.config_files.problems import Finding, Loc, key_of
from exporter.config_files.sections import Section
from exporter.fleet.mesh import measures, probed
from exporter.fleet.probes.settings import Settings
from exporter.fleet.schema import Sections
from exporter.wording import listed, quoted

_NOT_COMPARED = {
    *("name", "from_", "to", "sample", "address", "host", "location", "datacenter", "country", "histogram"),
    *("interval", "cold_interval", "timeout", "url", "socket", "ip_families"),
}
"""Keys that make no difference to what is measured, or that ``_destination`` compares, however they are written."""
_TRUST = {"password_file", "password_env", "tls", "tls_ca_file", "cert_file", "key_file"}

_Sources = Callable[[], Iterable[str]]
_Measured = tuple[Hashable, _Sources]
"""What is measured, equal for equal things, and what lists the hosts that measure it: thousands, and seldom needed."""


def duplicates(sections: Sections) -> Iterator[Finding]:
    """Warn of hosts of one address, and of endpoints and databases that are the same, seen from the same host."""
    hosts: list[_Measured] = [(_normal(host.address), lambda: ("",)) for host in sections.hosts]
    for several in _groups_of_equals(hosts):
        address = quoted(sections.hosts[several[1]].address)
        yield _twice(sections, "hosts", several, "address", f"{address} is the address of")
    for several in _groups_of_equals(_endpoints(sections)):
        yield _twice(sections, "endpoints", several, "name", "probes the same as")
    yield from _equal_probes(sections)
    yield from _endpoints_in_mesh(sections)
    for several in _groups_of_equals(_databases(sections)):
        yield _twice(sections, "databases", several, "name", "is the same database as")
    public: dict[str, str] = {}
    for name in sections.stack.public_names:
        if (first := public.setdefault(_normal(name), name)) != name:
            yield Finding(
                ("stack", "public_names", name), f"is the name {quoted(first)}, too; keep one", is_warning=True
            )


def _equal_probes(sections: Sections) -> Iterator[Finding]:
    """Warn once of each probe that a host makes toward another one under two names."""
    reported: set[str] = set()
    things = {
        name: (_destination(probe, PLACEHOLDER, sections.defaults.ip_families), _settings(probe, _NOT_COMPARED))
        for name, probe in sections.probes.items()
    }
    for first, second in itertools.combinations(sections.probes, 2):
        if things[first] != things[second] or second in reported:
            continue
        one, other = sections.probes[first], sections.probes[second]
        sources = {*_sources(sections, one.from_)} & {*_sources(sections, other.from_)}
        targets = {host.name for host in probed(sections.hosts, one.to)}
        if sources and any(host.name in targets for host in probed(sections.hosts, other.to)):
            reported.add(second)
            yield _measured_twice(("probes", second), f"probes the same as {key_of(('probes', first))}")


def _endpoints_in_mesh(sections: Sections) -> Iterator[Finding]:
    """Warn once of each endpoint that a probe of the hosts reaches already."""
    endpoints: dict[Hashable, list[tuple[int, _Sources]]] = {}
    for index, (thing, sources) in enumerate(_endpoints(sections)):
        endpoints.setdefault(thing, []).append((index, sources))
    for name, probe in sections.probes.items():
        settings, measuring = _settings(probe, _NOT_COMPARED), set(_sources(sections, probe.from_))
        reported: set[int] = set()
        for host in probed(sections.hosts, probe.to) if endpoints else ():
            destination = _destination(probe, host.address, sections.defaults.ip_families)
            for index, sources in endpoints.get((destination, settings), ()):
                if index not in reported and not measuring.isdisjoint(sources()):
                    reported.add(index)
                    message = f"probes the same as {key_of(('probes', name))} does of the host {quoted(host.name)}"
                    yield _measured_twice(("endpoints", index, "name"), message)


def _endpoints(sections: Sections) -> Iterator[_Measured]:
    for endpoint in sections.endpoints:
        probe = endpoint.settings(sections.probes)
        if probe is not None:
            destination = _destination(probe, endpoint.target_address or "", sections.defaults.ip_families)
            thing = destination, _settings(probe, _NOT_COMPARED)
        else:  # a name that no probe has, which is a problem of its own
            thing = endpoint.name, ()
        yield thing, functools.partial(_sources, sections, endpoint.measured_from)


def _databases(sections: Sections) -> Iterator[_Measured]:
    addresses = {host.name: host.address for host in sections.hosts}
    for database in sections.databases:
        address = addresses.get(database.host or "", database.host or "")
        socket = database.socket and posixpath.normpath(f"/{database.socket.lstrip('/')}")
        family = literal_family(address) or (database.ip_families or sections.defaults.ip_families)[0]
        destination = socket or (_normal(address), family)
        thing = destination, _settings(database, _NOT_COMPARED | _TRUST)
        yield thing, functools.partial(_sources, sections, database.from_)


def _sources(sections: Sections, names: Sequence[str] | None) -> list[str]:
    return [host.name for host in sections.hosts if measures(host, names)]


def _settings(section: Section, without: set[str]) -> Hashable:
    return tuple((key, repr(getattr(value, "pattern", value))) for key, value in section if key not in without)


def _destination(probe: Settings, address: str, families: Sequence[IpFamily]) -> Hashable:
    """Return what a probe asks when it is aimed at an address, and over which families."""
    host, rest = probe.asked_at(address)
    literal = literal_family(host)
    return _normal(host), (literal,) if literal else tuple(sorted(probe.ip_families or families)), rest


def _normal(address: str) -> str:
    """Return an address or a name in the one way of writing it."""
    return str(ipaddress.ip_address(address)) if literal_family(address) else address.lower().rstrip(".")


def _groups_of_equals(things: Iterable[_Measured]) -> Iterator[tuple[int, ...]]:
    """Yield the indices of things that are equal, and measured from one host."""
    equal: dict[Hashable, list[tuple[int, _Sources]]] = {}
    for index, (thing, sources) in enumerate(things):
        equal.setdefault(thing, []).append((index, sources))
    for group in equal.values():
        if len(group) > 1:
            yield from _measured_together(group)


def _measured_together(group: Iterable[tuple[int, _Sources]]) -> Iterable[tuple[int, ...]]:
    by_source: dict[str, list[int]] = {}
    for index, sources in group:
        for source in sources():
            by_source.setdefault(source, []).append(index)
    return dict.fromkeys(tuple(indices) for indices in by_source.values() if len(indices) > 1)


def _twice(sections: Sections, section: str, several: tuple[int, ...], key: str, what: str) -> Finding:
    """Warn once of several equal items, at the second of them."""
    items = getattr(sections, section)
    first, second, *more = several
    also = f" and {listed((quoted(items[index].name) for index in more), 3)}" if more else ""
    return _measured_twice(
        (section, second, key), f"{what} {key_of((section, first))}, {quoted(items[first].name)}{also}, too"
    )


def _measured_twice(loc: Loc, message: str) -> Finding:
    text = f"{message}: it is measured under each name; remove one, unless that is meant"
    return Finding(loc, text, is_warning=True)

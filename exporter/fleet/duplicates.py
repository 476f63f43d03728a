"""The same thing under two names: allowed, and seldom meant, for it is measured twice and fails twice."""

from __future__ import annotations

import ipaddress
import itertools
import posixpath
from collections.abc import Hashable, Iterable, Iterator, Sequence

from collectors.literals import literal_family
from collectors.terms import IpFamily
from exporter.config_files.net_values import PLACEHOLDER
from exporter.config_files.problems import Finding, Loc, key_of
from exporter.config_files.sections import Section
from exporter.fleet.mesh import measures, probed
from exporter.fleet.probes.settings import Settings
from exporter.fleet.schema import Sections
from exporter.wording import listed, quoted

_OF_NO_MATTER = {
    *("name", "from_", "to", "address", "host", "location", "datacenter", "country", "histogram"),
    *("interval", "cold_interval", "timeout", "url", "socket", "ip_families"),
}
"""What makes no other thing of a probe or a database, or is looked at apart: where it goes, however that is written."""
_HOW_TRUSTED = {"password_file", "password_env", "tls", "tls_ca_file", "cert_file", "key_file"}

_Thing = tuple[Hashable, Iterable[str]]
"""What it is, and from which hosts it is measured."""


def duplicates(sections: Sections) -> Iterator[Finding]:
    """Warn of hosts of one address, and of endpoints and databases that are the same, seen from the same host."""
    hosts: list[_Thing] = [(_plain(host.address), ("",)) for host in sections.hosts]
    for several in _alike(hosts):
        address = quoted(sections.hosts[several[1]].address)
        yield _warning(sections, "hosts", several, "address", f"{address} is the address of")
    for several in _alike(_endpoints(sections)):
        yield _warning(sections, "endpoints", several, "name", "probes the same as")
    yield from _equal_probes(sections)
    yield from _in_the_mesh(sections)
    for several in _alike(_databases(sections)):
        yield _warning(sections, "databases", several, "name", "is the same database as")
    public: dict[str, str] = {}
    for name in sections.stack.public_names:
        if (first := public.setdefault(_plain(name), name)) != name:
            yield Finding(
                ("stack", "public_names", name), f"is the name {quoted(first)}, too; keep one", is_warning=True
            )


def _equal_probes(sections: Sections) -> Iterator[Finding]:
    """Warn of probes that one host does of another under two names, once of each."""
    told: set[str] = set()
    things = {
        name: (_aim(probe, PLACEHOLDER, sections.defaults.ip_families), _settings(probe, _OF_NO_MATTER))
        for name, probe in sections.probes.items()
    }
    for first, second in itertools.combinations(sections.probes, 2):
        if things[first] != things[second] or second in told:
            continue
        one, other = sections.probes[first], sections.probes[second]
        sources = {*_sources(sections, one.from_)} & {*_sources(sections, other.from_)}
        targets = {host.name for host in probed(sections.hosts, one.to)}
        if sources and any(host.name in targets for host in probed(sections.hosts, other.to)):
            told.add(second)
            yield _meant(("probes", second), f"probes the same as {key_of(('probes', first))}")


def _in_the_mesh(sections: Sections) -> Iterator[Finding]:
    """Warn of endpoints that a probe of the hosts reaches already, once of each."""
    endpoints: dict[Hashable, list[tuple[int, Iterable[str]]]] = {}
    for index, (thing, sources) in enumerate(_endpoints(sections)):
        endpoints.setdefault(thing, []).append((index, sources))
    for name, probe in sections.probes.items():
        settings, measuring = _settings(probe, _OF_NO_MATTER), set(_sources(sections, probe.from_))
        told: set[int] = set()
        for host in probed(sections.hosts, probe.to) if endpoints else ():
            aim = _aim(probe, host.address, sections.defaults.ip_families)
            for index, sources in endpoints.get((aim, settings), ()):
                if index not in told and not measuring.isdisjoint(sources):
                    told.add(index)
                    message = f"probes the same as {key_of(('probes', name))} does of the host {quoted(host.name)}"
                    yield _meant(("endpoints", index, "name"), message)


def _endpoints(sections: Sections) -> Iterator[_Thing]:
    for endpoint in sections.endpoints:
        probe = endpoint.settings(sections.probes)
        if probe is not None:
            aim = _aim(probe, endpoint.whom or "", sections.defaults.ip_families)
            thing = aim, _settings(probe, _OF_NO_MATTER)
        else:  # which is a fault of its own
            thing = endpoint.name, ()
        yield thing, _sources(sections, endpoint.measured_from)


def _databases(sections: Sections) -> Iterator[_Thing]:
    addresses = {host.name: host.address for host in sections.hosts}
    for database in sections.databases:
        address = addresses.get(database.host or "", database.host or "")
        socket = database.socket and posixpath.normpath(f"/{database.socket.lstrip('/')}")
        family = literal_family(address) or (database.ip_families or sections.defaults.ip_families)[0]
        aim = socket or (_plain(address), family)
        yield (aim, _settings(database, _OF_NO_MATTER | _HOW_TRUSTED)), _sources(sections, database.from_)


def _sources(sections: Sections, names: Sequence[str] | None) -> list[str]:
    return [host.name for host in sections.hosts if measures(host, names)]


def _settings(section: Section, without: set[str]) -> Hashable:
    return tuple((key, repr(getattr(value, "pattern", value))) for key, value in section if key not in without)


def _aim(probe: Settings, address: str, families: Sequence[IpFamily]) -> Hashable:
    """Return what a probe of an address asks, and over which families."""
    host, rest = probe.asked_at(address)
    literal = literal_family(host)
    return _plain(host), (literal,) if literal else tuple(sorted(probe.ip_families or families)), rest


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
    also = f" and {listed((quoted(items[index].name) for index in more), 3)}" if more else ""
    return _meant((section, second, key), f"{what} {key_of((section, first))}, {quoted(items[first].name)}{also}, too")


def _meant(loc: Loc, message: str) -> Finding:
    text = f"{message}: it is measured under each name; remove one, unless that is meant"
    return Finding(loc, text, is_warning=True)

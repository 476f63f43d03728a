"""A fleet, seen from one of its hosts -> the pairs that this host measures."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from collectors.contract import IpFamily, Seconds
from collectors.literals import literal_family
from exporter.fleet.fleet import Fleet
from exporter.fleet.mesh import measures, probed
from exporter.fleet.net_values import PLACEHOLDER
from exporter.fleet.probe_schema import AnyProbe, Endpoint, HttpProbe
from exporter.fleet.problems import BadFile, Loc, Problem
from exporter.fleet.schema import Database, Defaults, Host
from exporter.fleet.specs import (
    Access,
    Files,
    NetworkSpec,
    Spec,
    database_specs,
    http_spec_of,
    own_access,
    peer_access,
    spec_of,
)

Identity = tuple[str, str, str, str, str, str, str, str]

LOGIN, QUERY = "login", "query"
"""The probes of a database, as people see them."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One probe toward one target over one family: the unit that is scheduled, and its labels.

    A database has two: ``LOGIN`` and ``QUERY``.
    """

    target: str
    target_location: str
    target_datacenter: str
    target_country: str
    probe: str
    protocol: str
    ip_family: IpFamily
    interval: Seconds
    timeout: Seconds
    histogram: bool
    spec: Spec
    database: str = ""
    """Its name in the fleet file, if this is about one."""

    @property
    def name(self) -> str:
        """What people call it."""
        return self.database or self.target

    @property
    def slot(self) -> Seconds:
        """How long it waits for others that are due: a query on a kept connection is far cheaper in company."""
        return 0.2 if self.database and self.probe == QUERY else 0.1

    @property
    def identity(self) -> Identity:
        """What its series are known by, also across a reload: the seven labels' values, and a database's name."""
        return (
            self.database,
            self.target,
            self.target_location,
            self.target_datacenter,
            self.target_country,
            self.probe,
            self.protocol,
            self.ip_family.value,
        )


def survey(
    fleet: Fleet,
    host: Host,
    environ: Mapping[str, str] = os.environ,  # noqa: TID251 - named secrets are read from it
    *,
    target: str | None = None,
) -> tuple[tuple[Pair, ...], tuple[Problem, ...]]:
    """List what ``host`` measures, or what of it has this target, in the file's order, and what lacks something here.

    Reads the passwords and certificates that these pairs need; those that cannot be had are the
    problems. What only other hosts, or other targets, need is not looked at.
    """
    files = Files(fleet, environ)
    found = (
        *_mesh(fleet, host, files, target),
        *_endpoints(fleet, host, files, target),
        *_databases(fleet, host, files, target),
    )
    return found, tuple(files.problems)


def pairs(
    fleet: Fleet,
    host: Host,
    environ: Mapping[str, str] = os.environ,  # noqa: TID251 - named secrets are read from it
) -> tuple[Pair, ...]:
    """List what ``host`` measures; raises BadFile if anything that it needs cannot be had."""
    found, missing = survey(fleet, host, environ)
    if missing:
        raise BadFile(missing)
    return found


def parts(fleet: Fleet) -> list[tuple[str, ...]]:
    """Return for each host what it takes part in: hosts of the same part measure as many pairs of each kind."""
    found: dict[str, list[str]] = {host.name: [] for host in fleet.hosts}
    sections = [
        *((f"probes {name}", probe.from_) for name, probe in fleet.probes.items()),
        *((f"endpoints {endpoint.name}", endpoint.measured_from) for endpoint in fleet.endpoints),
        *((f"databases {database.name}", database.from_) for database in fleet.databases),
    ]
    for name, names in sections:
        for host in fleet.hosts:
            if measures(host, names):
                found[host.name].append(name)
    for name, probe in fleet.probes.items():
        for host in probed(fleet.hosts, probe.to):
            found[host.name].append(f"target of {name}")
    return [tuple(part) for part in found.values()]


def _mesh(fleet: Fleet, host: Host, files: Files, only: str | None) -> Iterator[Pair]:
    alone = len(fleet.hosts) == 1
    for name, probe in fleet.probes.items():
        if not measures(host, probe.from_):
            continue
        targets = [target for target in probed(fleet.hosts, probe.to) if alone or target.name != host.name]
        targets = [target for target in targets if only in (None, target.name)]
        if not targets:
            continue
        access = None
        if isinstance(probe, HttpProbe):
            access = peer_access(files, ("probes", name), probe, fleet, host.name)
        for target in targets:
            for spec in _specs(fleet.defaults, probe, target.address, access):
                yield _pair(fleet.defaults, target, name, probe, spec)


def _endpoints(fleet: Fleet, host: Host, files: Files, only: str | None) -> Iterator[Pair]:
    for index, endpoint in enumerate(fleet.endpoints):
        if only not in (None, endpoint.name):
            continue
        probe = endpoint.settings(fleet.probes)
        if probe is None or not measures(host, endpoint.measured_from):
            continue
        name, loc = _endpoint_probe(endpoint, index)
        access = own_access(files, loc, probe) if isinstance(probe, HttpProbe) else None
        for spec in _specs(fleet.defaults, probe, endpoint.whom or "", access):
            yield _pair(fleet.defaults, endpoint, name, probe, spec)


def _databases(fleet: Fleet, host: Host, files: Files, only: str | None) -> Iterator[Pair]:
    hosts = {known.name: known for known in fleet.hosts}
    for index, database in enumerate(fleet.databases):
        place: Host | Database = hosts.get(database.host or "", database)
        if only not in (None, database.name, place.name) or not measures(host, database.from_):
            continue
        address = place.address if isinstance(place, Host) else database.host or ""
        specs = database_specs(files, ("databases", index), fleet, database, address)
        intervals = ((LOGIN, database.cold_interval), (QUERY, database.interval))
        for (probe, interval), spec in zip(intervals, specs, strict=True):
            yield Pair(
                target=place.name,
                target_location=place.location,
                target_datacenter=place.datacenter,
                target_country=place.country,
                probe=probe,
                protocol=database.type,
                ip_family=spec.ip_families[0],
                interval=interval,
                timeout=spec.timeout,
                histogram=True,
                spec=spec,
                database=database.name,
            )


def _endpoint_probe(endpoint: Endpoint, index: int) -> tuple[str, Loc]:
    """Give the name and the place of an endpoint's probe: one of ``probes``, or its own."""
    if isinstance(endpoint.probe, str):
        return endpoint.probe, ("probes", endpoint.probe)
    return endpoint.probe.protocol, ("endpoints", index, "probe")


def _pair(defaults: Defaults, target: Host | Endpoint, name: str, probe: AnyProbe, spec: NetworkSpec) -> Pair:
    return Pair(
        target=target.name,
        target_location=target.location,
        target_datacenter=target.datacenter,
        target_country=target.country,
        probe=name,
        protocol=probe.protocol,
        ip_family=spec.ip_family,
        interval=probe.interval or defaults.interval,
        timeout=probe.timeout or defaults.timeout,
        histogram=probe.histogram,
        spec=spec,
    )


def _specs(defaults: Defaults, probe: AnyProbe, address: str, access: Access | None) -> Iterator[NetworkSpec]:
    """Aim a probe at an address, once per family."""
    timeout = probe.timeout or defaults.timeout
    for ip_family in _families(defaults, probe, address):
        if not isinstance(probe, HttpProbe):
            yield spec_of(probe, address, ip_family, timeout)
        elif access is not None:
            yield http_spec_of(probe, address, ip_family, access, timeout)


def _families(defaults: Defaults, probe: AnyProbe, address: str) -> tuple[IpFamily, ...]:
    """A literal address has its own family alone, unless the probe is about the other one."""
    if isinstance(probe, HttpProbe) and PLACEHOLDER not in probe.url:
        address = urlsplit(probe.url).hostname or ""
    literal = literal_family(address)
    if literal is None:
        return probe.ip_families or defaults.ip_families
    if probe.ip_families is None or literal in probe.ip_families:
        return (literal,)
    return ()

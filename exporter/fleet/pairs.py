"""A fleet, seen from one of its hosts -> the pairs that this host measures."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from collectors.literals import literal_family
from collectors.terms import IpFamily, Seconds
from exporter.config_files.problems import BadFile, Loc, Problem
from exporter.fleet.access import Asker, NamedFiles
from exporter.fleet.database import Database
from exporter.fleet.fleet import Fleet
from exporter.fleet.mesh import measures, probed
from exporter.fleet.pair import LOGIN, QUERY, READ, Pair
from exporter.fleet.probes.settings import Aim, Settings
from exporter.fleet.schema import Defaults, Endpoint, Host


def survey(
    fleet: Fleet,
    host: Host,
    environ: Mapping[str, str] = os.environ,  # noqa: TID251 - named secrets are read from it
    *,
    target: str | None = None,
) -> tuple[tuple[Pair, ...], tuple[Problem, ...]]:
    """List the pairs of ``host``, or those toward one target, in the file's order, and what they lack here.

    The passwords and certificates that these pairs need are read. Those that cannot be had are the
    problems. What only other hosts or other targets need is not looked at. A target that is named is probed whether it
    is in this host's sample or not.
    """
    files = NamedFiles(fleet, environ)
    measured = (
        *_mesh(fleet, host, files, target),
        *_endpoints(fleet, host, files, target),
        *_databases(fleet, host, files, target),
        *_n8n(fleet, host, files, target),
    )
    return measured, tuple(files.problems)


def pairs_of(
    fleet: Fleet,
    host: Host,
    environ: Mapping[str, str] = os.environ,  # noqa: TID251 - named secrets are read from it
) -> tuple[Pair, ...]:
    """List the pairs of ``host``; raises BadFile if a password or certificate that they need cannot be had."""
    measured, missing = survey(fleet, host, environ)
    if missing:
        raise BadFile(missing)
    return measured


def outside_sample(fleet: Fleet, host: Host) -> list[Host]:
    """List the hosts that a sample leaves out, and that no other probe of this host reaches."""
    sampled = [target for mesh in fleet.meshes.values() if mesh.sample for target in mesh.all_of(host)]
    if not sampled:
        return []
    reached = {target.name for mesh in fleet.meshes.values() for target in mesh.targets_of(host)}
    return [target for target in sampled if target.name not in reached]


def sampled_datacenters(fleet: Fleet, host: Host) -> frozenset[str]:
    """Return the datacenters of these hosts."""
    return frozenset(target.datacenter for target in outside_sample(fleet, host))


def roles(fleet: Fleet) -> list[tuple[str, ...]]:
    """Return each host's roles; hosts of equal roles have the same number of pairs of each kind."""
    by_host: dict[str, list[str]] = {host.name: [] for host in fleet.hosts}
    sections = [
        *((f"probes {name}", probe.from_) for name, probe in fleet.probes.items()),
        *((f"endpoints {endpoint.name}", endpoint.measured_from) for endpoint in fleet.endpoints),
        *((f"databases {database.name}", database.from_) for database in fleet.databases),
        *((f"n8n {n8n.name}", n8n.from_) for n8n in fleet.n8n),
    ]
    for name, names in sections:
        for host in fleet.hosts:
            if measures(host, names):
                by_host[host.name].append(name)
    for name, probe in fleet.probes.items():
        for host in probed(fleet.hosts, probe.to):
            by_host[host.name].append(f"target of {name}")
    for name, mesh in fleet.meshes.items():
        if mesh.sample:
            for host in fleet.hosts:
                by_host[host.name].append(f"sample of {name}: {mesh.kinds_of_targets(host)}")
    return [tuple(names) for names in by_host.values()]


def _mesh(fleet: Fleet, host: Host, files: NamedFiles, only: str | None) -> Iterator[Pair]:
    for name, probe in fleet.probes.items():
        mesh = fleet.meshes[name]
        targets = [target for target in mesh.all_of(host) if target.name == only] if only else mesh.targets_of(host)
        if not targets:
            continue
        aim = probe.aim_with_files(files, ("probes", name), Asker(host.name, fleet.peers))
        for target in targets:
            yield from _pairs(fleet.defaults, target, name, probe, aim)


def _endpoints(fleet: Fleet, host: Host, files: NamedFiles, only: str | None) -> Iterator[Pair]:
    for index, endpoint in enumerate(fleet.endpoints):
        if only not in (None, endpoint.name):
            continue
        probe = endpoint.settings(fleet.probes)
        if probe is None or not measures(host, endpoint.measured_from):
            continue
        name, loc = _endpoint_probe(endpoint, index)
        aim = probe.aim_with_files(files, loc, None)
        yield from _pairs(fleet.defaults, endpoint, name, probe, aim)


def _databases(fleet: Fleet, host: Host, files: NamedFiles, only: str | None) -> Iterator[Pair]:
    hosts = {known.name: known for known in fleet.hosts}
    for index, database in enumerate(fleet.databases):
        place: Host | Database = hosts.get(database.host or "", database)
        if only not in (None, database.name, place.name) or not measures(host, database.from_):
            continue
        defaults = fleet.defaults
        address = _address(hosts, database)
        aims = database.aim(files, ("databases", index), address, defaults.ip_families, defaults.timeout)
        intervals = ((LOGIN, database.cold_interval), (QUERY, database.interval))
        for (probe, interval), aim in zip(intervals, aims, strict=True):
            yield Pair(
                target=place.name,
                target_location=place.location,
                target_datacenter=place.datacenter,
                target_country=place.country,
                probe=probe,
                protocol=database.type,
                ip_family=aim.ip_families[0],
                interval=interval,
                timeout=aim.timeout,
                histogram=True,
                aim=aim,
                database=database.name,
                maintenance=_maintenance(place),
            )


def _n8n(fleet: Fleet, host: Host, files: NamedFiles, only: str | None) -> Iterator[Pair]:
    hosts = {known.name: known for known in fleet.hosts}
    databases = {database.name: (("databases", index), database) for index, database in enumerate(fleet.databases)}
    for index, n8n in enumerate(fleet.n8n):
        if only not in (None, n8n.name) or not measures(host, n8n.from_):
            continue
        place, database = databases[n8n.database]
        families, timeout = fleet.defaults.ip_families, fleet.defaults.timeout
        login, _ = database.aim(files, place, _address(hosts, database), families, timeout)
        aim = n8n.aim(files, ("n8n", index), login)
        yield Pair(
            target=n8n.name,
            target_location="",
            target_datacenter="",
            target_country="",
            probe=READ,
            protocol=aim.protocol,
            ip_family=aim.ip_families[0],
            interval=n8n.interval,
            timeout=aim.timeout,
            histogram=True,
            aim=aim,
            maintenance=_maintenance(hosts.get(database.host or "")),
        )


def _maintenance(target: Host | Endpoint | Database | None) -> Seconds | None:
    """Return that of a target, which only a host of the fleet has."""
    return target.maintenance if isinstance(target, Host) else None


def _address(hosts: Mapping[str, Host], database: Database) -> str:
    """Return where a database is: the address of a host of the fleet, or its own."""
    host = hosts.get(database.host or "")
    return host.address if host else database.host or ""


def _endpoint_probe(endpoint: Endpoint, index: int) -> tuple[str, Loc]:
    """Return the name and the place of an endpoint's probe: one of ``probes``, or its own."""
    is_shared = isinstance(endpoint.probe, str)
    return endpoint.probe_name, ("probes", endpoint.probe_name) if is_shared else ("endpoints", index, "probe")


def _pairs(defaults: Defaults, target: Host | Endpoint, name: str, probe: Settings, aim: Aim) -> Iterator[Pair]:
    """Aim a probe at a target, once per family."""
    address = (target.target_address if isinstance(target, Endpoint) else target.address) or ""
    timeout = probe.timeout or defaults.timeout
    for ip_family in _families(defaults, probe, address):
        yield Pair(
            target=target.name,
            target_location=target.location,
            target_datacenter=target.datacenter,
            target_country=target.country,
            probe=name,
            protocol=probe.protocol,
            ip_family=ip_family,
            interval=probe.interval or defaults.interval,
            timeout=timeout,
            histogram=probe.histogram,
            aim=aim(address, ip_family, timeout),
            maintenance=_maintenance(target),
        )


def _families(defaults: Defaults, probe: Settings, address: str) -> tuple[IpFamily, ...]:
    """Return the families to measure; a literal address has its own alone, and none if the probe is about the other."""
    literal = literal_family(probe.fixed_host or address)
    if literal is None:
        return probe.ip_families or defaults.ip_families
    if probe.ip_families is None or literal in probe.ip_families:
        return (literal,)
    return ()

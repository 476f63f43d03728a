"""Warnings: what a fleet file may hold, but is seldom meant."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from collectors.literals import literal_family
from collectors.terms import Seconds
from exporter.clock import wall_clock
from exporter.config_files.net_values import PLACEHOLDER
from exporter.config_files.problems import Finding, Loc
from exporter.fleet.maintenance import maintenance_is_over
from exporter.fleet.mesh import probed
from exporter.fleet.schema import Sections
from exporter.wording import listed, quoted

_LONGEST_FOLLOWED: Seconds = 120.0
"""The rules in prometheus/rules look three minutes back, and a fault that lasts has to be in every window of them."""
_CUSTOMARY = {5432: "PostgreSQL", 6432: "PgBouncer", 3306: "MySQL", 33060: "MySQL's X protocol"}


def warnings(sections: Sections) -> Iterator[Finding]:
    """Warn of what works, but not as expected."""
    for loc, port, addresses in _plain_connects(sections):
        owner = _database_at(sections, port, addresses)
        if owner:
            message = (
                f"{port} is the port of {owner}, to which a bare connect is a fault: MySQL blocks a host after "
                "100 of them (max_connect_errors), PostgreSQL logs each one; probe another port"
            )
            yield Finding((*loc, "port"), message, is_warning=True)
    yield from _unused_keys(sections)
    yield from _over(sections)
    for loc, probe in sections.probes_written():
        yield from probe.warnings(loc)
    yield from _other_families(sections)
    for loc, interval in _intervals(sections):
        if interval is not None and interval > _LONGEST_FOLLOWED:
            message = (
                f"{interval:g} s is longer than the alerts in prometheus/rules can follow: they stay silent or come "
                "and go; write at most 2m, or alerts of your own"
            )
            yield Finding(loc, message, is_warning=True)


def _intervals(sections: Sections) -> Iterator[tuple[Loc, Seconds | None]]:
    """Yield every interval of a measurement, with its place."""
    yield ("defaults", "interval"), sections.defaults.interval
    for name, probe in sections.probes.items():
        yield ("probes", name, "interval"), probe.interval
    for index, endpoint in enumerate(sections.endpoints):
        if not isinstance(endpoint.probe, str):
            yield ("endpoints", index, "probe", "interval"), endpoint.probe.interval
    for index, database in enumerate(sections.databases):
        yield ("databases", index, "interval"), database.interval
        yield ("databases", index, "cold_interval"), database.cold_interval


def _plain_connects(sections: Sections) -> Iterator[tuple[Loc, int, Collection[str]]]:
    """Yield each port that is only connected to, with the names and addresses of those it is connected to at."""
    for name, probe in sections.probes.items():
        if probe.bare_port is not None:
            hosts = probed(sections.hosts, probe.to)
            yield ("probes", name), probe.bare_port, {text for host in hosts for text in (host.name, host.address)}
    for index, endpoint in enumerate(sections.endpoints):
        settings = endpoint.settings(sections.probes)
        if settings is not None and settings.bare_port is not None:
            own = () if isinstance(endpoint.probe, str) else ("probe",)
            yield ("endpoints", index, *own), settings.bare_port, {endpoint.target_address or ""}


def _database_at(sections: Sections, port: int, addresses: Collection[str]) -> str | None:
    address_of = {host.name: host.address for host in sections.hosts}
    for database in sections.databases:
        host = database.host or ""
        if database.port == port and not {host, address_of.get(host, host)}.isdisjoint(addresses):
            return f"the database {quoted(database.name)}"
    return _CUSTOMARY.get(port)


def _unused_keys(sections: Sections) -> Iterator[Finding]:
    for name, probe in sections.probes.items():
        if probe.fixed_host is not None and len(sections.hosts) > 1:
            message = f"holds no {PLACEHOLDER}, so that the same server is asked in the name of every host"
            yield Finding(("probes", name, probe.placeholder_key), f"{message}; make it an endpoint", is_warning=True)
    for index, endpoint in enumerate(sections.endpoints):
        settings = endpoint.settings(sections.probes)
        if settings is not None and settings.fixed_host is not None and endpoint.target_address:
            key = settings.placeholder_key
            message = f"is not used, because the {key} {quoted(getattr(settings, key))} holds no {PLACEHOLDER}"
            yield Finding(("endpoints", index, "address"), f"{message}; remove it", is_warning=True)


def _over(sections: Sections) -> Iterator[Finding]:
    """Warn of a maintenance that is over and has no effect any more."""
    wall = wall_clock()
    for index, host in enumerate(sections.hosts):
        if host.maintenance is not None and host.maintenance <= wall:
            yield Finding(("hosts", index, "until"), maintenance_is_over(host.name, host.maintenance), is_warning=True)


def _other_families(sections: Sections) -> Iterator[Finding]:
    """Warn of probes whose families no target has: a literal address has its own family alone."""
    for name, probe in sections.probes.items():
        if probe.ip_families and probe.fixed_host is None:
            families = {literal_family(host.address) for host in probed(sections.hosts, probe.to)}
            if families and families.isdisjoint({None, *probe.ip_families}):
                message = f"are not those of any address in 'to' ({listed(sorted(filter(None, families)))})"
                text = f"{message}, so that nothing is measured; change one of them"
                yield Finding(("probes", name, "ip_families"), text, is_warning=True)

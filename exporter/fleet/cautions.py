"""What a fleet file may say, but is seldom meant: warnings."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from collectors.contract import Seconds
from collectors.literals import literal_family
from exporter.fleet.findings import Finding, probes_written
from exporter.fleet.mesh import probed
from exporter.fleet.net_values import PLACEHOLDER
from exporter.fleet.probe_schema import HttpProbe, TcpProbe
from exporter.fleet.problems import Loc, listed, shown
from exporter.fleet.schema import Sections

_FOLLOWED: Seconds = 120.0
"""The rules in prometheus/rules look three minutes back, for faults that last: each has to show in all of them."""
_CUSTOMARY = {5432: "PostgreSQL", 6432: "PgBouncer", 3306: "MySQL", 33060: "MySQL's X protocol"}


def cautions(sections: Sections) -> Iterator[Finding]:
    """Warn of what works, but not as expected."""
    for loc, port, addresses in _plain_connects(sections):
        owner = _database_at(sections, port, addresses)
        if owner:
            message = (
                f"{port} is the port of {owner}, to which a bare connect is a fault: MySQL blocks a host after "
                "100 of them (max_connect_errors), PostgreSQL logs each one; probe another port"
            )
            yield Finding((*loc, "port"), message, is_warning=True)
    yield from _idle_parts(sections)
    yield from _packed_bodies(sections)
    yield from _other_families(sections)
    for loc, interval in _intervals(sections):
        if interval is not None and interval > _FOLLOWED:
            message = (
                f"{interval:g} s is longer than the alerts in prometheus/rules can follow: they stay silent or come "
                "and go; write at most 2m, or alerts of your own"
            )
            yield Finding(loc, message, is_warning=True)


def _intervals(sections: Sections) -> Iterator[tuple[Loc, Seconds | None]]:
    """Give everything that says how often something is measured."""
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
    """Give each tcp probe's port, with the names and addresses that it connects to."""
    for name, probe in sections.probes.items():
        if isinstance(probe, TcpProbe):
            hosts = probed(sections.hosts, probe.to)
            yield ("probes", name), probe.port, {text for host in hosts for text in (host.name, host.address)}
    for index, endpoint in enumerate(sections.endpoints):
        settings = endpoint.settings(sections.probes)
        if isinstance(settings, TcpProbe):
            own = () if isinstance(endpoint.probe, str) else ("probe",)
            yield ("endpoints", index, *own), settings.port, {endpoint.whom or ""}


def _database_at(sections: Sections, port: int, addresses: Collection[str]) -> str | None:
    address_of = {host.name: host.address for host in sections.hosts}
    for database in sections.databases:
        host = database.host or ""
        if database.port == port and not {host, address_of.get(host, host)}.isdisjoint(addresses):
            return f"the database {shown(database.name)}"
    return _CUSTOMARY.get(port)


def _idle_parts(sections: Sections) -> Iterator[Finding]:
    for name, probe in sections.probes.items():
        if isinstance(probe, HttpProbe) and PLACEHOLDER not in probe.url and len(sections.hosts) > 1:
            message = f"holds no {PLACEHOLDER}, so that the same server is asked in the name of every host"
            yield Finding(("probes", name, "url"), f"{message}; make it an endpoint", is_warning=True)
    for index, endpoint in enumerate(sections.endpoints):
        settings = endpoint.settings(sections.probes)
        if isinstance(settings, HttpProbe) and PLACEHOLDER not in settings.url and endpoint.whom:
            message = f"is not used, because the url {shown(settings.url)} holds no {PLACEHOLDER}"
            yield Finding(("endpoints", index, "address"), f"{message}; remove it", is_warning=True)


def _packed_bodies(sections: Sections) -> Iterator[Finding]:
    for loc, probe in probes_written(sections):
        if isinstance(probe, HttpProbe) and probe.expect_body is not None:
            wanted = {name.lower(): value for name, value in probe.headers.items()}.get("accept-encoding", "identity")
            if wanted.lower() not in {"", "identity"}:
                message = f"asks for a body in {shown(wanted)}, which is not unpacked before expect_body is looked for"
                yield Finding((*loc, "headers"), f"{message}; leave Accept-Encoding out", is_warning=True)


def _other_families(sections: Sections) -> Iterator[Finding]:
    """Warn of probes that nobody they are meant for can be asked by: a literal address has its own family alone."""
    for name, probe in sections.probes.items():
        asks_elsewhere = isinstance(probe, HttpProbe) and PLACEHOLDER not in probe.url
        if probe.ip_families and not asks_elsewhere:
            families = {literal_family(host.address) for host in probed(sections.hosts, probe.to)}
            if families and families.isdisjoint({None, *probe.ip_families}):
                message = f"are not those of any address in 'to' ({listed(sorted(filter(None, families)))})"
                text = f"{message}, so that nothing is measured; change one of them"
                yield Finding(("probes", name, "ip_families"), text, is_warning=True)

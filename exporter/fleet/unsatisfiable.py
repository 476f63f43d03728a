"""Finds probes and databases that no answer can ever satisfy."""

from __future__ import annotations

import os
from collections.abc import Iterator

from collectors.literals import is_loopback, literal_family
from exporter.config_files.problems import Finding, Loc
from exporter.fleet.database import Database
from exporter.fleet.mesh import measures, probed
from exporter.fleet.schema import Sections
from exporter.wording import quoted

_LONGEST_SOCKET = 107
"""Bytes of a socket's path; unix(7)."""


def unsatisfiable(sections: Sections) -> Iterator[Finding]:
    """Find probes that would fail even if all targets were well."""
    for loc, probe in sections.probes_written():
        yield from probe.unsatisfiable(loc)
    for index, database in enumerate(sections.databases):
        yield from _database(("databases", index), database)
    yield from _sources(sections)


def _database(loc: Loc, database: Database) -> Iterator[Finding]:
    if database.type == "postgresql" and not database.user:
        yield Finding((*loc, "user"), "missing; PostgreSQL lets nobody in without a name")
    length = len(os.fsencode(database.socket or ""))
    if length > _LONGEST_SOCKET:
        message = f"the path has {length} bytes, and a socket's has {_LONGEST_SOCKET} at most; name a shorter one"
        yield Finding((*loc, "socket"), message)
    if database.type == "mysql" and not database.query.strip(" \t\r\n;"):
        yield Finding((*loc, "query"), f"{quoted(database.query)} asks nothing, and MySQL refuses that; write SELECT 1")


def _sources(sections: Sections) -> Iterator[Finding]:
    """Find probes of other hosts that are sent from loopback: nothing leaves a host from there."""
    for name, probe in sections.probes.items():
        if probe.sends_from is None or not is_loopback(probe.sends_from):
            continue
        measuring = [host.name for host in sections.hosts if measures(host, probe.from_)]
        for host in probed(sections.hosts, probe.to):
            elsewhere = literal_family(host.address) and not is_loopback(host.address)
            if elsewhere and set(measuring) - {host.name}:
                message = f"{quoted(probe.sends_from)} is loopback, from which nothing gets to {quoted(host.name)}"
                yield Finding(("probes", name, "source_address"), f"{message}; write an address of the measuring host")
                break

"""What a probe or a database may be told that no answer can ever satisfy."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from collectors.literals import is_loopback, literal_family
from exporter.fleet.findings import Finding, probes_written
from exporter.fleet.mesh import measures, probed
from exporter.fleet.net_values import PLACEHOLDER
from exporter.fleet.probe_schema import HttpProbe
from exporter.fleet.problems import Loc, listed, shown
from exporter.fleet.schema import Database, Sections

_WITHOUT_BODY = {204, 205, 304}
"""RFC 9110, 15.3.5, 15.3.6 and 15.4.5."""
_LONGEST_SOCKET = 107
"""Bytes of a socket's path; unix(7)."""


def hopeless(sections: Sections) -> Iterator[Finding]:
    """Find probes that would fail whoever is well, or never be made."""
    for loc, probe in probes_written(sections):
        if isinstance(probe, HttpProbe):
            yield from _bodies(loc, probe)
            yield from _families(loc, probe)
    for index, database in enumerate(sections.databases):
        yield from _database(("databases", index), database)
    yield from _sources(sections)


def _bodies(loc: Loc, probe: HttpProbe) -> Iterator[Finding]:
    expression = probe.expect_body
    if expression is None:
        return
    key = (*loc, "expect_body")
    text = expression.pattern
    if probe.method == "HEAD":
        yield Finding(key, "is never found: an answer to HEAD has no body; write method: GET, or remove it")
    elif probe.expect_status <= _WITHOUT_BODY and not expression.search(""):
        statuses = listed(map(str, sorted(probe.expect_status)))
        yield Finding(key, f"is never found: answers of status {statuses} have no body; remove one of the two")
    elif re.fullmatch(r"[^\\^$.|?*+()\[\]{}]*", text) and len(text) > probe.max_body_bytes:
        message = f"is never found: it has {len(text)} characters, and max_body_bytes is {probe.max_body_bytes}"
        yield Finding(key, f"{message}; raise that")


def _families(loc: Loc, probe: HttpProbe) -> Iterator[Finding]:
    """A url with a literal address is asked over its own family alone."""
    if PLACEHOLDER in probe.url:
        return
    host = urlsplit(probe.url).hostname or ""
    family = literal_family(host)
    if family and probe.ip_families and family not in probe.ip_families:
        message = f"{shown(host)} is {family}, but ip_families are {listed(probe.ip_families)}"
        yield Finding((*loc, "url"), f"{message}; change one of them")


def _database(loc: Loc, database: Database) -> Iterator[Finding]:
    if database.type == "postgresql" and not database.user:
        yield Finding((*loc, "user"), "missing; PostgreSQL lets nobody in without a name")
    length = len(os.fsencode(database.socket or ""))
    if length > _LONGEST_SOCKET:
        message = f"the path has {length} bytes, and a socket's has {_LONGEST_SOCKET} at most; name a shorter one"
        yield Finding((*loc, "socket"), message)
    if database.type == "mysql" and not database.query.strip(" \t\r\n;"):
        yield Finding((*loc, "query"), f"{shown(database.query)} asks nothing, and MySQL refuses that; write SELECT 1")


def _sources(sections: Sections) -> Iterator[Finding]:
    """From loopback nothing leaves a host."""
    for name, probe in sections.probes.items():
        if isinstance(probe, HttpProbe) or probe.source_address is None or not is_loopback(probe.source_address):
            continue
        askers = [host.name for host in sections.hosts if measures(host, probe.from_)]
        for host in probed(sections.hosts, probe.to):
            elsewhere = literal_family(host.address) and not is_loopback(host.address)
            if elsewhere and set(askers) - {host.name}:
                message = f"{shown(probe.source_address)} is loopback, from which nothing gets to {shown(host.name)}"
                yield Finding(("probes", name, "source_address"), f"{message}; write an address of the measuring host")
                break

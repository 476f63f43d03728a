"""What must be true of each n8n: which host reads it, from what, and how often."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from exporter.config_files.problems import Finding, Loc, key_of
from exporter.fleet.mesh import WORDS, measures
from exporter.fleet.n8n import N8n
from exporter.fleet.schema import Sections
from exporter.wording import quoted


def n8n_findings(sections: Sections) -> Iterator[Finding]:
    """Hold every n8n against the hosts, the databases and the other n8ns."""
    for index, n8n in enumerate(sections.n8n):
        loc: Loc = ("n8n", index)
        yield from _readers(loc, n8n, is_alone=len(sections.hosts) == 1 and not sections.hosts_from)
        yield from _database(loc, n8n, sections)
    yield from _read_twice(sections)
    yield from _kept_twice(sections)


def _read_twice(sections: Sections) -> Iterator[Finding]:
    first: dict[tuple[str, str, str], Loc] = {}
    for index, n8n in enumerate(sections.n8n):
        tables, loc = (n8n.database, n8n.schema_, n8n.table_prefix), ("n8n", index)
        if tables in first:
            message = f"{quoted(n8n.database)}, with this schema and table_prefix, is read as {key_of(first[tables])}"
            yield Finding((*loc, "database"), f"{message} already; remove one of them")
        first.setdefault(tables, loc)


def _kept_twice(sections: Sections) -> Iterator[Finding]:
    """Find n8ns whose counts one host would keep in one file."""
    first: dict[tuple[str, str], Loc] = {}
    for index, n8n in enumerate(sections.n8n):
        loc: Loc = ("n8n", index)
        readers = [host.name for host in sections.hosts if measures(host, n8n.from_)] if n8n.state_file else []
        for kept in [(reader, posixpath.normpath(n8n.state_file or "")) for reader in readers]:
            if kept in first:
                message = f"{quoted(n8n.state_file)} is that of {key_of(first[kept])} already"
                yield Finding((*loc, "state_file"), f"{message}; each n8n needs one of its own")
            first.setdefault(kept, loc)


def _readers(loc: Loc, n8n: N8n, *, is_alone: bool) -> Iterator[Finding]:
    """Find an n8n that is not read by exactly one host: two would count each execution twice."""
    names = n8n.from_
    if is_alone:
        return
    if names is None:
        yield Finding((*loc, "from"), "missing; name the one host that reads it")
    elif len(set(names)) > 1 or not WORDS.isdisjoint(names):
        yield Finding((*loc, "from"), "exactly one host reads an n8n, or all would be counted twice; name one")


def _database(loc: Loc, n8n: N8n, sections: Sections) -> Iterator[Finding]:
    for index, database in enumerate(sections.databases):
        if database.name != n8n.database:
            continue
        if database.type != "postgresql":
            message = f"{quoted(n8n.database)} is of type {database.type}, and n8n is read from PostgreSQL alone"
            yield Finding((*loc, "database"), f"{message}; name a database of type postgresql")
        own, default = database.timeout, sections.defaults.timeout
        if own is None and default >= n8n.interval:
            message = f"{n8n.interval:g}s is not above the default timeout of {default:g}s"
            yield Finding((*loc, "interval"), f"{message}; read less often, or give the database a shorter one")
        elif own is not None and own >= n8n.interval:
            message = f"{n8n.interval:g}s is not above the timeout of {key_of(('databases', index))}, {own:g}s"
            yield Finding((*loc, "interval"), f"{message}; read less often, or shorten that")

"""Names in the fleet file that must be the names of something in it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from exporter.config_files.hints import Hints
from exporter.config_files.net_values import address_fault
from exporter.config_files.problems import Finding, Loc
from exporter.fleet.database import Database
from exporter.fleet.mesh import WORDS
from exporter.fleet.schema import OWN_JOB, Sections
from exporter.wording import quoted


def references(sections: Sections, hints: Hints) -> Iterator[Finding]:
    """Hold every name against the hosts, probes, databases and jobs that there are."""
    return _References(sections, hints).findings()


class _References:
    def __init__(self, sections: Sections, hints: Hints) -> None:
        self._sections = sections
        self._hints = hints
        self._words_and_hosts = [*WORDS, *(host.name for host in sections.hosts)]
        self._exporter = {host.name: host.exporter for host in sections.hosts}

    def findings(self) -> Iterator[Finding]:
        sections = self._sections
        for loc, probe in sections.probes_written():
            yield from self._sources(loc, probe.from_)
            for index, name in enumerate(probe.to):
                yield from self._host((*loc, "to", index), name, WORDS)
        for section in ("endpoints", "databases", "n8n"):
            for index, item in enumerate(getattr(sections, section)):
                yield from self._sources((section, index), item.from_)
        for index, endpoint in enumerate(sections.endpoints):
            if isinstance(endpoint.probe, str):
                yield from self._known(("endpoints", index, "probe"), "probe", endpoint.probe, sections.probes)
        names = [database.name for database in sections.databases]
        for index, n8n in enumerate(sections.n8n):
            yield from self._known(("n8n", index, "database"), "database", n8n.database, names)
        yield from self._jobs()
        for public, name in sections.stack.public_names.items():
            yield from self._host(("stack", "public_names", public), name)
        for index, database in enumerate(sections.databases):
            yield from self._server(("databases", index), database)

    def _known(self, loc: Loc, what: str, name: str, known: Collection[str]) -> Iterator[Finding]:
        if name not in known:
            hint = self._hints.suggestion(name, known) or f"; add it, or name another {what}"
            yield Finding(loc, f"no {what} is named {quoted(name)}{hint}")

    def _host(self, loc: Loc, name: str, words: Collection[str] = ()) -> Iterator[Finding]:
        if name not in self._exporter and name not in words:
            hint = (
                self._hints.suggestion(name, self._words_and_hosts if words else self._exporter)
                or "; add it to hosts, or name another"
            )
            yield self._of_hosts(loc, f"no host is named {quoted(name)}", hint)

    def _sources(self, loc: Loc, names: tuple[str, ...] | None) -> Iterator[Finding]:
        for index, name in enumerate(names or ()):
            yield from self._host((*loc, "from", index), name, WORDS)
            if not self._exporter.get(name, True):
                message = f"{quoted(name)} has 'exporter: false', so that it cannot measure"
                yield self._of_hosts((*loc, "from", index), message, "; remove one of the two")

    def _of_hosts(self, loc: Loc, message: str, remedy: str) -> Finding:
        """Return a problem; where hosts are found, and come and go without this file, a warning."""
        if self._sections.hosts_from:
            return Finding(loc, f"{message}; as long as that is so, nothing is measured by this name", is_warning=True)
        return Finding(loc, message + remedy)

    def _jobs(self) -> Iterator[Finding]:
        jobs = {OWN_JOB, *self._sections.scrape.jobs}
        for index, host in enumerate(self._sections.hosts):
            for job in host.scrape:
                yield from self._known(("hosts", index, "scrape", job), "job", job, jobs)

    def _server(self, loc: Loc, database: Database) -> Iterator[Finding]:
        if database.host is None and database.socket is None:
            yield Finding((*loc, "host"), "missing; write a host of the fleet, an address, or a socket instead")
        elif database.host is not None and database.socket is not None:
            yield Finding((*loc, "socket"), "stands beside host; keep one of them")
        if database.tls == "verify-ca" and database.tls_ca_file is None:
            trusts = "trusts whoever has a certificate of any public authority"
            yield Finding((*loc, "tls"), f"{trusts}; add tls_ca_file, or write verify-full")
        if database.host is None:
            return
        if database.host in self._exporter:
            for key in ("location", "datacenter", "country"):
                if key in database.model_fields_set:
                    yield Finding((*loc, key), f"is that of the host {quoted(database.host)}; remove it here")
        elif message := address_fault(database.host):
            yield Finding((*loc, "host"), message)
        elif hint := self._hints.suggestion(database.host, self._exporter):
            message = f"{quoted(database.host)} is no host of the fleet, so that it is resolved as a name"
            yield Finding((*loc, "host"), message + hint, is_warning=True)

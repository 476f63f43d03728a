"""The checks of one part of the fleet file against another. Each rule is a function that yields findings."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.literals import literal_family
from collectors.terms import Seconds
from exporter.config_files.hints import Hints
from exporter.config_files.problems import Finding, Loc, key_of
from exporter.fleet.duplicates import duplicates
from exporter.fleet.hosts_from import MECHANISMS
from exporter.fleet.mesh import STRANGER, WORDS
from exporter.fleet.n8n_checks import n8n_findings
from exporter.fleet.probes.settings import Settings
from exporter.fleet.references import references
from exporter.fleet.sample_checks import sample_findings
from exporter.fleet.schema import Endpoint, Sections
from exporter.fleet.sections import FileLogin, FileOrVariableLogin
from exporter.fleet.unsatisfiable import unsatisfiable
from exporter.fleet.warnings import warnings
from exporter.wording import listed, quoted


def check(sections: Sections, hints: Hints) -> list[Finding]:
    """Hold every rule against the sections."""
    return [
        *_names(sections),
        *_maintenance(sections),
        *_mechanisms(sections),
        *references(sections, hints),
        *_timing(sections),
        *_families(sections),
        *_endpoints(sections),
        *_databases(sections),
        *n8n_findings(sections),
        *sample_findings(sections),
        *_logins(sections),
        *unsatisfiable(sections),
        *warnings(sections),
        *duplicates(sections),
    ]


def _names(sections: Sections) -> Iterator[Finding]:
    first: dict[str, Loc] = {}
    for section in ("hosts", "endpoints", "databases"):
        for index, item in enumerate(getattr(sections, section)):
            loc: Loc = (section, index)
            if item.name in first:
                message = f"{quoted(item.name)} is the name of {key_of(first[item.name])} already; choose another"
                yield Finding((*loc, "name"), message)
            first.setdefault(item.name, loc)
            if section == "hosts" and item.name in WORDS:
                yield Finding((*loc, "name"), f"{quoted(item.name)} is a word of 'to'; choose another name")
            if section == "hosts" and item.name == STRANGER:
                yield Finding((*loc, "name"), f"{quoted(item.name)} is what strangers are called; choose another name")
    seen: set[str] = set()
    for index, n8n in enumerate(sections.n8n):
        if n8n.name in seen:
            yield Finding(("n8n", index, "name"), f"{quoted(n8n.name)} is given twice; choose another")
        seen.add(n8n.name)


def _maintenance(sections: Sections) -> Iterator[Finding]:
    for index, host in enumerate(sections.hosts):
        if host.until is not None and host.state is None:
            message = "has no meaning without a state; add state: maintenance, or remove this line"
            yield Finding(("hosts", index, "until"), message)


def _mechanisms(sections: Sections) -> Iterator[Finding]:
    for index, listed_by in enumerate(sections.hosts_from):
        if len(listed_by.mechanisms) != 1:
            fault = "names several; begin an entry for each" if listed_by.mechanisms else "names none"
            yield Finding(("hosts_from", index), f"an entry has one of {listed(MECHANISMS)}, and this one {fault}")


def _timing(sections: Sections) -> Iterator[Finding]:
    defaults, scrape = sections.defaults, sections.scrape
    own = defaults.timeout if "timeout" in defaults.model_fields_set else None
    yield from _timeout_below(("defaults",), "interval", defaults.interval, own, defaults.timeout)
    for loc, probe in sections.probes_written():
        if probe.interval is not None or probe.timeout is not None:
            interval = defaults.interval if probe.interval is None else probe.interval
            yield from _timeout_below(loc, "interval", interval, probe.timeout, defaults.timeout)
    for index, database in enumerate(sections.databases):
        for key, interval in (("interval", database.interval), ("cold_interval", database.cold_interval)):
            yield from _timeout_below(("databases", index), key, interval, database.timeout, defaults.timeout)
    if scrape.timeout > scrape.interval:
        message = f"{scrape.timeout:g}s is above the interval of {scrape.interval:g}s, which Prometheus refuses"
        yield Finding(("scrape", "timeout"), f"{message}; shorten it")


def _timeout_below(loc: Loc, key: str, interval: Seconds, own: Seconds | None, default: Seconds) -> Iterator[Finding]:
    if own is None and default >= interval:
        message = f"{interval:g}s is not above the default timeout of {default:g}s; add a timeout below {interval:g}s"
        yield Finding((*loc, key), message)
    elif own is not None and own >= interval:
        message = f"{own:g}s is not below the {key} of {interval:g}s; shorten it, or probe less often"
        yield Finding((*loc, "timeout"), message)


def _families(sections: Sections) -> Iterator[Finding]:
    for loc, probe in sections.probes_written():
        if probe.sends_from is None:
            continue
        family = literal_family(probe.sends_from)
        if any(other != family for other in probe.ip_families or sections.defaults.ip_families):
            message = f"{quoted(probe.sends_from)} can only send {family}; add ip_families: [{family}]"
            yield Finding((*loc, "source_address"), message)


def _endpoints(sections: Sections) -> Iterator[Finding]:
    for index, endpoint in enumerate(sections.endpoints):
        loc: Loc = ("endpoints", index)
        yield from _own_probe(loc, endpoint)
        probe = endpoint.settings(sections.probes)
        if probe is not None:
            yield from _address(loc, endpoint, probe)


def _own_probe(loc: Loc, endpoint: Endpoint) -> Iterator[Finding]:
    """Find keys in an endpoint's own probe that belong into the endpoint itself, or stand there already."""
    probe = endpoint.probe
    if isinstance(probe, str):
        return
    if "to" in probe.model_fields_set:
        yield Finding((*loc, "probe", "to"), "has no meaning: the endpoint itself is probed; remove it")
    if probe.sample is not None:
        yield Finding((*loc, "probe", "sample"), "has no meaning: the endpoint alone is probed; remove it")
    if endpoint.from_ is not None and probe.from_ is not None:
        yield Finding((*loc, "probe", "from"), "is given beside the probe already; keep one")
    if endpoint.address is not None and probe.own_address is not None:
        yield Finding((*loc, "probe", "address"), "is given beside the probe already; keep one")


def _address(loc: Loc, endpoint: Endpoint, probe: Settings) -> Iterator[Finding]:
    address = endpoint.target_address
    if address is None:
        if probe.fixed_host is None:
            key = probe.placeholder_key
            what = f"the {key} {quoted(getattr(probe, key))}" if key else f"a probe of protocol {probe.protocol}"
            yield Finding((*loc, "address"), f"missing; {what} needs it")
        return
    family = literal_family(address)
    if family and probe.ip_families and family not in probe.ip_families:
        message = f"{quoted(address)} is {family}, but the probe's ip_families are {listed(probe.ip_families)}"
        yield Finding((*loc, "address"), f"{message}; change one of them")


def _databases(sections: Sections) -> Iterator[Finding]:
    addresses = {host.name: host.address for host in sections.hosts}
    for index, database in enumerate(sections.databases):
        address = addresses.get(database.host or "", database.host or "")
        family = literal_family(address)
        if family and database.ip_families and family not in database.ip_families:
            message = (
                f"{quoted(address)} is {family}, but the database's ip_families are {listed(database.ip_families)}"
            )
            yield Finding(("databases", index, "host"), f"{message}; change one of them")


def _logins(sections: Sections) -> Iterator[Finding]:
    for index, database in enumerate(sections.databases):
        yield from _one_password(("databases", index), database)
        yield from _own_certificate(("databases", index), database.cert_file, database.key_file)
    for loc, host, job in _scraped(sections):
        yield from _own_certificate(loc, host.cert_file or job.cert_file, host.key_file or job.key_file)
    for loc, login in _web_logins(sections):
        yield from _one_password(loc, login)
        yield from _own_certificate(loc, login.cert_file, login.key_file)
        password = login.password_file or (isinstance(login, FileOrVariableLogin) and login.password_env)
        if login.user and not password:
            yield Finding((*loc, "user"), "has no password; add password_file")
        if password and not login.user:
            yield Finding((*loc, "password_file"), "has no user; add user")
        if login.user and ":" in login.user:
            yield Finding((*loc, "user"), f"{quoted(login.user)} must not hold ':'; HTTP ends the user there")


def _one_password(loc: Loc, login: FileLogin) -> Iterator[Finding]:
    if isinstance(login, FileOrVariableLogin) and login.password_file and login.password_env:
        yield Finding((*loc, "password_env"), "stands beside password_file; keep one of them")


def _own_certificate(loc: Loc, cert_file: str | None, key_file: str | None) -> Iterator[Finding]:
    for key, written, other in (("cert_file", cert_file, "key_file"), ("key_file", key_file, "cert_file")):
        if written and not (cert_file and key_file):
            yield Finding((*loc, key), f"stands without {other}; add it (both may name one file that holds both)")


def _scraped(sections: Sections) -> Iterator[tuple[Loc, FileLogin, FileLogin]]:
    """Yield each host with certificates of its own for a job, and that job."""
    for index, host in enumerate(sections.hosts):
        for name, own in host.scrape.items():
            if own.cert_file or own.key_file:
                yield ("hosts", index, "scrape", name), own, sections.scrape.jobs.get(name, FileLogin())


def _web_logins(sections: Sections) -> Iterator[tuple[Loc, FileLogin]]:
    for loc, probe in sections.probes_written():
        if isinstance(probe, FileLogin):
            yield loc, probe
    for name, job in sections.scrape.jobs.items():
        yield ("scrape", "jobs", name), job
    yield ("peers",), sections.peers
    for index, each in enumerate(sections.hosts_from):
        if each.http_sd:
            yield ("hosts_from", index, "http_sd"), each.http_sd
    for server in type(sections.stack).model_fields:
        login = getattr(sections.stack, server)
        if isinstance(login, FileLogin):
            yield ("stack", server), login

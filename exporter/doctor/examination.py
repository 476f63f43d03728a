"""The whole examination: fleet -> who is asked -> what they said -> findings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence

from collectors.contract import Seconds
from collectors.trust import OwnCertificate
from exporter.doctor import answers
from exporter.doctor.consultation import Consulted, PublicName, Waiting, consult
from exporter.doctor.expected import ExpectedHost, expected
from exporter.doctor.findings import Finding, Status
from exporter.doctor.outcome import Seen
from exporter.doctor.report import Report
from exporter.doctor.rules import health, leftovers
from exporter.doctor.rules.alerting import alerting
from exporter.doctor.rules.dashboards import dashboards
from exporter.doctor.rules.hosts import Rules, hosts
from exporter.doctor.rules.names import public_name
from exporter.doctor.rules.targets import targets
from exporter.doctor.stack import Asked, asked
from exporter.doctor.view import View, view
from exporter.fleet import Fleet

_ENGINES = ("prometheus", "victoriametrics")
_OLD_SCRAPES = 4
"""So many intervals without a new sample are too many; and less than a minute is nothing."""
_MINUTE: Seconds = 60.0
_LEGACY = "latency_legacy"


def examine(fleet: Fleet, environ: Mapping[str, str], patience: Seconds, waiting: Waiting) -> Report:
    """Ask everybody in ``stack``, each for ``patience`` at most; raises BadFile if that cannot be asked."""
    servers, wanted = asked(fleet, environ), expected(fleet)
    addresses = {host.name: host.address for host in fleet.hosts}
    by_name = {server.host: server for server in servers}
    names = [
        PublicName(name, host, addresses[host], *_trust(by_name.get(name)))
        for name, host in fleet.stack.public_names.items()
    ]
    began = time.monotonic()
    consulted = asyncio.run(consult(servers, names, patience, waiting))
    now = time.time()  # noqa: TID251 - the age of certificates and pushes, for people
    return Report(tuple(judge(fleet, wanted, consulted, now, patience)), time.monotonic() - began)


def _trust(server: Asked | None) -> tuple[str | None, OwnCertificate | None]:
    return (server.ca_file, server.own_certificate) if server else (None, None)


def judge(
    fleet: Fleet, wanted: Sequence[ExpectedHost], consulted: Consulted, now: float, patience: Seconds
) -> Iterator[Finding]:
    """Say what all of it means; ``now`` in seconds since the epoch."""
    servers = {seen.asked.name: seen for seen in consulted.servers}
    for seen in consulted.servers:
        yield health.health(seen, now, patience)
    for name in consulted.names:
        yield public_name(name, now, patience)
    yield from _data(fleet, wanted, servers, now)
    told = {name: seen.told for name, seen in servers.items()}
    yield from alerting(told.get("prometheus"), told.get("alertmanager"))
    if grafana := servers.get("grafana"):
        yield from dashboards(grafana)
    if pushgateway := servers.get("pushgateway"):
        groups = pushgateway.told.read("groups", answers.pushed)
        if groups is not None:
            yield from leftovers.pushgateway(groups, pushgateway.asked, now)
    for seen in consulted.servers:  # last, when all has been read
        yield from health.unanswered(seen, patience)


def _data(fleet: Fleet, wanted: Sequence[ExpectedHost], servers: Mapping[str, Seen], now: float) -> Iterator[Finding]:
    """Say whether the data arrives in each server that should have it."""
    rules = Rules(fleet.config_hash, max(_OLD_SCRAPES * fleet.scrape.interval, _MINUTE))
    known = False
    for name in _ENGINES:
        if name in servers:
            seen = view(servers[name], now)
            known = known or seen.exporters is not None
            yield from targets(seen)
            yield from hosts(seen, wanted, rules)
            yield from _leftovers(seen, servers)
    if not known:
        text = "whether it arrives is not known: neither prometheus nor victoriametrics of stack could be asked"
        yield Finding(Status.UNSEEN, "data", text)


def _leftovers(seen: View, servers: Mapping[str, Seen]) -> Iterator[Finding]:
    told = servers[seen.server].told
    prometheus = servers.get("prometheus")
    groups = prometheus.told.read("rules", answers.groups) if prometheus else None
    legacy_rules = any(group.name == _LEGACY for group in groups or ())
    found = told.read("leftovers", answers.vector)
    if found is not None:
        yield from leftovers.series(seen, found, legacy_rules=legacy_rules)
    pushed, measured = (told.read(question, answers.vector) for question in ("pushed", "measured"))
    if pushed and measured:
        yield from leftovers.compared(seen.server, pushed, measured)

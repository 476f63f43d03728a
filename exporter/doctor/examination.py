"""The whole examination: fleet -> servers and names to ask -> their answers -> diagnoses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence

from collectors.terms import Seconds
from collectors.transport.trust import OwnCertificate
from exporter.clock import wall_clock
from exporter.doctor import bodies
from exporter.doctor.consultation import Consulted, ProgressWatcher, PublicName, consult
from exporter.doctor.diagnosis import Diagnosis, Status
from exporter.doctor.expected import ExpectedHost, expected
from exporter.doctor.knowledge import Knowledge, knowledge_of
from exporter.doctor.outcome import ServerSeen
from exporter.doctor.report import Report
from exporter.doctor.rules import health, leftovers
from exporter.doctor.rules.alerting import alerting
from exporter.doctor.rules.dashboards import dashboards
from exporter.doctor.rules.hosts import HostRules, hosts
from exporter.doctor.rules.names import public_name
from exporter.doctor.rules.scrape_targets import targets
from exporter.doctor.stack import StackServer, stack_servers
from exporter.fleet import Fleet, Problem

_ENGINES = ("prometheus", "victoriametrics")
_OLD_SCRAPES = 4
"""A sample older than so many intervals, and than a minute, is old."""
_MINUTE: Seconds = 60.0
_LEGACY = "latency_legacy"


def examine(
    fleet: Fleet,
    environ: Mapping[str, str],
    patience: Seconds,
    watcher: ProgressWatcher,
    lacking: Sequence[Problem] = (),
) -> Report:
    """Ask all servers of ``stack``, each for ``patience`` at most; raises BadFile where a password or a file lacks.

    ``lacking`` are the lists of hosts that could not be had.
    """
    servers, wanted = stack_servers(fleet, environ), expected(fleet)
    addresses = {host.name: host.address for host in fleet.hosts}
    by_name = {server.host: server for server in servers}
    names = [
        PublicName(name, host, addresses[host], *_trust(by_name.get(name)))
        for name, host in fleet.stack.public_names.items()
        if host in addresses  # one that would be found may not be there
    ]
    began = time.monotonic()
    consulted = asyncio.run(consult(servers, names, patience, watcher))
    now = wall_clock()
    without = (Diagnosis(Status.BROKEN, "hosts_from", f"{each}; its hosts are not looked for") for each in lacking)
    return Report((*without, *judge(fleet, wanted, consulted, now, patience)), time.monotonic() - began)


def _trust(server: StackServer | None) -> tuple[str | None, OwnCertificate | None]:
    return (server.ca_file, server.own_certificate) if server else (None, None)


def judge(
    fleet: Fleet, wanted: Sequence[ExpectedHost], consulted: Consulted, now: float, patience: Seconds
) -> Iterator[Diagnosis]:
    """Say what all answers mean; ``now`` in seconds since the epoch."""
    servers = {seen.server.name: seen for seen in consulted.servers}
    for seen in consulted.servers:
        yield health.health(seen, now, patience)
    for name in consulted.names:
        yield public_name(name, now, patience)
    yield from _data(fleet, wanted, servers, now)
    answers = {name: seen.answers for name, seen in servers.items()}
    yield from alerting(answers.get("prometheus"), answers.get("alertmanager"), reads_n8n=bool(fleet.n8n))
    if grafana := servers.get("grafana"):
        yield from dashboards(grafana)
    if pushgateway := servers.get("pushgateway"):
        groups = pushgateway.answers.read("groups", bodies.pushed)
        if groups is not None:
            yield from leftovers.pushgateway(groups, pushgateway.server, now)
    for seen in consulted.servers:  # last, when all has been read
        yield from health.unanswered(seen, patience)


def _data(
    fleet: Fleet, wanted: Sequence[ExpectedHost], servers: Mapping[str, ServerSeen], now: float
) -> Iterator[Diagnosis]:
    """Say whether the data arrives in each server that should have it."""
    ours = fleet.config_hash if fleet.lists.keys() >= set(fleet.hosts_from) else None
    rules = HostRules(ours, max(_OLD_SCRAPES * fleet.scrape.interval, _MINUTE))
    is_known = False
    for name in _ENGINES:
        if name in servers:
            knowledge = knowledge_of(servers[name], now)
            is_known = is_known or knowledge.exporters is not None
            yield from targets(knowledge)
            yield from hosts(knowledge, wanted, rules)
            yield from _leftovers(knowledge, servers)
    if not is_known:
        text = "whether it arrives is not known: neither prometheus nor victoriametrics of stack could be asked"
        yield Diagnosis(Status.UNSEEN, "data", text)


def _leftovers(knowledge: Knowledge, servers: Mapping[str, ServerSeen]) -> Iterator[Diagnosis]:
    answers = servers[knowledge.server].answers
    prometheus = servers.get("prometheus")
    groups = prometheus.answers.read("rules", bodies.groups) if prometheus else None
    legacy_rules = any(group.name == _LEGACY for group in groups or ())
    left = answers.read("leftovers", bodies.vector)
    if left is not None:
        yield from leftovers.series(knowledge, left, legacy_rules=legacy_rules)
    pushed, measured = (answers.read(question, bodies.vector) for question in ("pushed", "measured"))
    if pushed and measured:
        yield from leftovers.compared(knowledge.server, pushed, measured)

"""The rules of the alerts and those of ``/fleet`` cannot drift apart: both are held against the same faults."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from random import Random
from typing import Any

import pytest

from exporter.fleet_view.culprits import CulpritKind, FleetCulprit, NoPage
from exporter.fleet_view.layout import Layout
from exporter.fleet_view.reports import HostReport
from exporter.fleet_view.view import view
from exporter.overview.verdict import judge_host
from exporter.recording.own_health import OwnHealth
from tests.exporter.fleet_view.fleets import ALL_PROBES, HANGS, UNREACHED, failing, lost, pair, report
from tests.prometheus.fleet import PROBES, ROUND_TRIP, Fault, Fleet
from tests.prometheus.whole_fleets import CASES, ENDS, Case

AT = ENDS - 15
"""The second at which the pages are read: whatever broke is still so, and a maintenance that ends has ended."""
CAUSES = {"cut", "loss", "outgoing", "lateness", "skipped", "timeout", "auth"}
ONLY_ALERTS = {
    "all exporters hang": "of them nobody can be asked",
    "Prometheus alone loses a datacenter": "the others have their pages, and Prometheus is not asked",
}
"""What ``/fleet`` does not name, and why."""
NAMED = [name for name in CASES if name not in ONLY_ALERTS]
ONE_SIDED = {
    "a host loses all to another datacenter, and a third to its own": {
        "warning MeasurementInDoubt b2",
        "warning PathDegraded b1 to b2",
    },
    "of two hosts, neither reaches the other": {f"critical HostUnreachable {name}" for name in ("a1", "b1")},
    "of two hosts, one is down": {"critical HostUnreachable a1"},
    "two datacenters are cut, 2 + 2, and a host in maintenance lives": {"critical HostUnreachable b1"},
    "of a sample, a path is cut": {"warning  a1"},  # its page cannot be had from b3, which does not probe it
}
"""What a host may name instead that has the pages of its side alone, as Prometheus would if it had no more."""
LOST = 0.9


def page_of(source: str, fleet: Fleet) -> HostReport:
    """Return what a host of the fleet says then."""
    pairs = [
        probed(source, target, protocol, family, fleet)
        for target, family in itertools.product(fleet.targets(source), fleet.families)
        for protocol in fleet.protocols_toward(target)
    ]
    databases = [of for name in fleet.databases for of in database(source, name, fleet)]
    return report(*pairs, *databases, **measuring(source, fleet))


def measuring(source: str, fleet: Fleet) -> dict[str, Any]:
    """Return how a host's own measuring goes, and what its page says of that."""
    now = broken_then(fleet)
    lateness = 0.3 if any(source in fault.late for fault in now) else 0.001
    skipped = 50 if any(source in fault.skipping for fault in now) else 0
    verdict = judge_host(OwnHealth(lateness=lateness, skipped=skipped))
    return {"word": verdict.culprit, "why": verdict.why, "lateness": lateness, "skipped": skipped}


def probed(source: str, target: str, protocol: str, family: str, fleet: Fleet) -> dict[str, Any]:
    loss, flows, hangs = fleet.meets(source, target, protocol, family, AT)
    trip = ROUND_TRIP[fleet.datacenters[source] == fleet.datacenters[target]]
    probe = PROBES[protocol]
    more: dict[str, Any] = {"ip_family": family, "usual_rtt": trip}
    if is_cut_off(source, target, fleet, (family,)):
        return lost(target, probe, **more)
    if hangs:
        return failing(target, probe, "timeout", **more)
    without_icmp = target in fleet.by_http or fleet.meets(source, target, "icmp", family, AT)[0] > LOST
    fault = "lossy" if 0 < loss < LOST or (flows and without_icmp) else None
    path = {"fault": fault, "uneven": bool(flows) and not without_icmp, "heard_ago": 3.0}
    if loss > LOST:
        return lost(target, probe, recent=["lost"] * 60, path=path, **more)
    recent = ["lost" if loss and number % round(1 / loss) == 1 else trip for number in range(60)]
    return pair(target, probe, rtt=trip, recent=recent, path=path, **more)


def database(source: str, name: str, fleet: Fleet) -> Iterator[dict[str, Any]]:
    target = fleet.databases[name]
    is_lost = is_cut_off(source, target, fleet, fleet.families)
    for probe, mode in (("login", "cold"), ("query", "warm")):
        reason = fleet.meets_at_database(source, name, mode, AT, Random(0))
        if target != source and is_lost:
            yield lost(target, probe, database=name)
        elif reason:
            yield failing(target, probe, reason, "database", database=name)
        else:
            yield pair(target, probe, database=name)


def pages_of(fleet: Fleet) -> dict[str, HostReport]:
    return {host: page_of(host, fleet) for host in fleet.datacenters if fleet.has_exporter(host)}


def without(pages: Mapping[str, HostReport], missing: Mapping[str, NoPage]) -> dict[str, HostReport | NoPage]:
    return {host: missing.get(host, page) for host, page in pages.items()}


def layout_of(fleet: Fleet, here: str) -> Layout:
    return Layout(
        here=here,
        datacenters=fleet.datacenters,
        hosts=tuple(fleet.datacenters),
        exporters=frozenset(filter(fleet.has_exporter, fleet.datacenters)),
        databases=tuple(fleet.databases),
        maintenance={name: "" for name, until in fleet.maintenance.items() if until > AT},
        probes=ALL_PROBES,
        own_probes=frozenset({"tcp", "ping"}),
    )


def as_alerts(culprit: FleetCulprit) -> set[str]:
    """Return the alerts that say so: of a path and of datacenters each way is one."""
    how = f"{'critical' if culprit.critical else 'warning'} {culprit.alert}"
    if both := re.fullmatch(r"(?:between )?(\w+) and (\w+)", culprit.name):
        first, other = both.groups()
        return {f"{how} {first} to {other}", f"{how} {other} to {first}"}
    return {f"{how} {name}" for name in culprit.name.split(", ")}


def wanted(case: Case) -> set[str]:
    """Return the alerts of a case, without what tells their causes."""
    return {" ".join(word for word in alert.split() if word not in CAUSES) for alert in set().union(*case.arrives)}


def broken_then(fleet: Fleet) -> list[Fault]:
    return [fault for fault in fleet.faults if fault.begins <= AT < fault.ends]


def silent_to_prometheus(fleet: Fleet) -> dict[str, NoPage]:
    unscraped = {name: UNREACHED for fault in broken_then(fleet) for name in fault.unscraped}
    return unscraped | {name: HANGS for fault in broken_then(fleet) for name in fault.hanging}


@pytest.mark.parametrize("name", NAMED)
def test_a_host_that_has_the_pages_that_prometheus_has_names_the_same(name: str) -> None:
    case = CASES[name]
    fleet = case.fleet()
    missing = silent_to_prometheus(fleet)
    here = next(host for host in fleet.datacenters if fleet.has_exporter(host) and host not in missing)
    culprits = view(without(pages_of(fleet), missing), layout_of(fleet, here)).culprits
    assert set().union(*map(as_alerts, culprits)) == wanted(case), culprits


def missing_for(here: str, fleet: Fleet) -> dict[str, NoPage]:
    """Return whose page a host cannot have: of who hangs, and of those to whom all gets lost."""
    others = [host for host in fleet.datacenters if host != here]
    unreached = {host: UNREACHED for host in others if is_cut_off(here, host, fleet, fleet.families)}
    return unreached | {host: HANGS for fault in broken_then(fleet) for host in fault.hanging}


def is_cut_off(source: str, target: str, fleet: Fleet, families: Iterable[str]) -> bool:
    return all(fleet.meets(source, target, "tcp", family, AT)[0] > LOST for family in families)


@pytest.mark.parametrize("name", NAMED)
def test_whoever_is_asked_names_that_or_its_own_link_and_blames_nobody_else(name: str) -> None:
    fleet, alerts = CASES[name].fleet(), wanted(CASES[name])
    right = alerts | ONE_SIDED.get(name, set()) | {re.sub(r"(\w+) to (\w+)", r"\2 to \1", alert) for alert in alerts}
    pages = pages_of(fleet)
    for here in pages:
        missing = missing_for(here, fleet)
        if here in missing:
            continue
        culprits = view(without(pages, missing), layout_of(fleet, here)).culprits
        if [culprit.kind for culprit in culprits] == [CulpritKind.THIS_HOST]:
            others = [host for host in fleet.datacenters if host != here]
            assert all(is_cut_off(here, other, fleet, fleet.families) for other in others)
        else:
            named = set().union(*map(as_alerts, culprits))
            assert named <= right
            assert bool(named) == bool(alerts), here

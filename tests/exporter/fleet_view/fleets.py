"""Whole fleets and what is broken in them, as the pages of their hosts have it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from collectors.terms import Reason
from exporter.fleet_view.culprits import NoPage
from exporter.fleet_view.layout import Layout
from exporter.fleet_view.no_pages import no_page
from exporter.fleet_view.reports import HostReport, read
from exporter.fleet_view.view import View, view
from exporter.http_client.outcome import Trouble

Path = tuple[str, str]
HANGS = no_page(Trouble(Reason.TIMEOUT, "", connected=True), 3.0)
UNREACHED = no_page(Trouble(Reason.TIMEOUT, "", connected=False), 3.0)
PROBES = {"icmp": "icmp", "tcp": "tcp", "ping": "http"}
ALL_PROBES = frozenset({*PROBES, "get", "head", "api", "http", "login", "query", "read"})
ROUND_TRIP = {True: 0.001, False: 0.08}
"""Seconds, within a datacenter and between two."""


def hosts(**datacenters: int) -> dict[str, str]:
    """Give so many hosts to each datacenter: a1, a2, ..."""
    return {f"{name}{number}": name for name, count in datacenters.items() for number in range(1, count + 1)}


def pair(target: str, probe: str = "icmp", **differs: Any) -> dict[str, Any]:
    """Return a pair as the page has it, by default one that is well."""
    well = {
        "target": target,
        "database": None,
        "probe": probe,
        "protocol": PROBES.get(probe, "postgresql"),
        "ip_family": "ipv4",
        "verdict": {"word": "fine", "why": ""},
        "success": True,
        "reason": None,
        "phase": None,
        "age": 4.0,
        "path": {"fault": None, "uneven": False, "heard_ago": 3.0, "others_answer": True},
        "rtt": 0.08,
        "usual_rtt": 0.08,
        "usual_loss": 0.0,
        "recent": [0.08] * 60,
        "something that a newer version has": {"a": [None]},
    }
    return well | differs


def lost(target: str, probe: str = "icmp", **differs: Any) -> dict[str, Any]:
    """Return a pair of which nothing comes back since three probes."""
    verdict = {"word": "network", "why": "no answer: network or host down"}
    silent = {"success": False, "reason": "timeout", "verdict": verdict, "rtt": None, "phase": None}
    silent |= {"path": {"fault": "silent", "uneven": False}}
    return pair(target, probe, **(silent | {"recent": [0.08] * 57 + ["lost"] * 3} | differs))


def failing(target: str, probe: str, reason: str, word: str = "peer", **differs: Any) -> dict[str, Any]:
    """Return a pair that fails for a reason, once it is connected."""
    verdict = {"word": word, "why": f"it says {reason}"}
    failed = {"success": False, "reason": reason, "verdict": verdict, "phase": "processing"}
    return pair(target, probe, **(failed | {"recent": [0.08] * 57 + ["failed"] * 3} | differs))


def report(*pairs: dict[str, Any], word: str = "fine", why: str = "", **health: Any) -> HostReport:
    """Return what a host says."""
    own = {"egress_queue": 0.0, "lateness": 0.001, "skipped": 0, "overflows": 0, "not_reloaded": ""} | health
    page = {"title": "t", "this_host": {**own, "verdict": {"word": word, "why": why}}, "pairs": pairs}
    return read(json.dumps(page).encode())


@dataclass(frozen=True)
class Broken:
    """A fleet that is asked from one of its hosts, and what is broken in it; all hosts probe each other."""

    datacenters: Mapping[str, str]
    loses: Callable[[str, str], bool] = lambda _source, _target: False
    """Whether all probes get lost from host to host."""
    drops: Callable[[str, str], float] = lambda _source, _target: 0.0
    """The share of them that gets lost where not all do."""
    slows: Callable[[str, str], bool] = lambda _source, _target: False
    """Whether round trips take three times as long."""
    uneven: Callable[[str, str], bool] = lambda _source, _target: False
    """Whether handshakes get lost, and ICMP does not."""
    health: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """The verdict of a host on itself, where it is not fine."""
    queue: Mapping[str, float] = field(default_factory=dict)
    """Seconds that packets wait in a host's own queue."""
    hanging: frozenset[str] = frozenset()
    maintenance: frozenset[str] = frozenset()
    without_exporter: frozenset[str] = frozenset()
    further: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Other pairs of a host."""
    databases: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    others: Mapping[str, str] = field(default_factory=dict)
    """Hosts without an exporter that only ``further`` says something of, each with its datacenter."""
    n8n: Mapping[str, str] = field(default_factory=dict)

    def seen_from(self, here: str) -> View:
        """Return the view that a host gives."""
        pages: dict[str, HostReport | NoPage] = {}
        for host in self.datacenters:
            if host in self.without_exporter:
                continue
            if host in self.hanging:
                pages[host] = HANGS
            elif host != here and self.loses(here, host):
                pages[host] = UNREACHED
            else:
                word, why = self.health.get(host, ("fine", ""))
                pairs, queue = (*self._pairs(host), *self.further.get(host, ())), self.queue.get(host, 0.0)
                pages[host] = report(*pairs, word=word, why=why, egress_queue=queue)
        return view(pages, self.layout(here))

    def says_from(self, here: str) -> list[str]:
        """Return the culprits that a host names, with the alert of each."""
        return [f"{culprit} [{culprit.alert}]" for culprit in self.seen_from(here).culprits]

    def layout(self, here: str) -> Layout:
        return Layout(
            here=here,
            datacenters={**self.datacenters, **dict.fromkeys(self.endpoints, ""), **self.others},
            hosts=(*self.datacenters, *self.others),
            exporters=frozenset(self.datacenters) - self.without_exporter,
            endpoints=self.endpoints,
            databases=self.databases,
            n8n=self.n8n,
            maintenance=dict.fromkeys(self.maintenance, ""),
            probes=ALL_PROBES,
            own_probes=frozenset({"tcp", "ping"}),
        )

    def _pairs(self, source: str) -> list[dict[str, Any]]:
        return [
            self._pair(source, target, probe)
            for target in self.datacenters
            if target != source
            for probe in (["icmp"] if target in self.without_exporter else PROBES)
        ]

    def _pair(self, source: str, target: str, probe: str) -> dict[str, Any]:
        trip = ROUND_TRIP[self.datacenters[source] == self.datacenters[target]]
        if self.loses(source, target):
            return lost(target, probe, usual_rtt=trip)
        if target in self.hanging and probe == "ping":
            return failing(target, probe, "timeout", usual_rtt=trip)
        drops = self.drops(source, target)
        recent = ["lost" if drops and number % round(1 / drops) == 1 else trip for number in range(60)]
        slow = self.slows(source, target)
        path = {
            "fault": "lossy" if drops else "slow" if slow else None,
            "uneven": self.uneven(source, target),
            "heard_ago": 3.0,
        }
        return pair(target, probe, rtt=3 * trip if slow else trip, usual_rtt=trip, recent=recent, path=path)


def at(*names: str) -> Callable[[str, str], bool]:
    """Lose all that goes to or from these hosts."""
    return lambda source, target: source in names or target in names


def between(first: str, other: str) -> Callable[[str, str], bool]:
    """Lose all between two datacenters or hosts, which are named by how their names begin."""

    def loses(source: str, target: str) -> bool:
        there = source.startswith(first) and target.startswith(other)
        return there or (source.startswith(other) and target.startswith(first))

    return loses


def both(*faults: Callable[[str, str], bool]) -> Callable[[str, str], bool]:
    """Have several faults at once."""
    return lambda source, target: any(fault(source, target) for fault in faults)

"""What the fleet file promises: which hosts are scraped, with which labels, and which series each has to have.

The addresses and labels are those that ``scrape-configs`` writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from collectors.target import Gives
from exporter.fleet import OWN_JOB, Fleet, Pair, survey
from exporter.scrape_configs import targets_of


class SeriesKey(NamedTuple):
    """What a pair's series are known by; those of a database and of an n8n have no family."""

    target: str
    probe: str
    ip_family: str

    @property
    def pairs(self) -> int:
        """The number of pairs that it stands for: the logins and the queries of a database are two."""
        return 2 if self.probe == DATABASE else 1

    def __str__(self) -> str:
        return f"{self.probe} {self.target}" + (" over ipv6" if self.ip_family == "ipv6" else "")


DATABASE, N8N = "database", "n8n"
"""What stands for the probe of those."""


def of_database(name: str) -> SeriesKey:
    """Return the key of a database's series."""
    return SeriesKey(name, DATABASE, "")


def of_n8n(name: str) -> SeriesKey:
    """Return the key of an n8n's series."""
    return SeriesKey(name, N8N, "")


class ExpectedHost(NamedTuple):
    """A host with an exporter, as Prometheus should know it."""

    name: str
    address: str
    """Host and port where it is scraped."""
    labels: Mapping[str, str]
    series: frozenset[SeriesKey]


def expected(fleet: Fleet) -> list[ExpectedHost]:
    """List the hosts that are scraped, in the file's order; raises BadFile for what no scrape configuration can say.

    No secret of another host is needed: what ``survey`` misses is not asked for.
    """
    scraped = dict(_scraped(fleet))
    return [
        ExpectedHost(host.name, *scraped[host.name], frozenset(map(_series, survey(fleet, host)[0])))
        for host in fleet.hosts
        if host.exporter
    ]


def _scraped(fleet: Fleet) -> Iterator[tuple[str, tuple[str, dict[str, str]]]]:
    for name, text in targets_of(fleet).items():
        if name.partition("@")[0] != OWN_JOB:
            continue
        for group in json.loads(text):
            labels = {key: value for key, value in group["labels"].items() if not key.startswith("__")}
            yield labels["host"], (group["targets"][0], {"job": OWN_JOB, **labels})


def _series(pair: Pair) -> SeriesKey:
    if Gives.READING in pair.aim.gives:
        return of_n8n(pair.name)
    return of_database(pair.database) if pair.database else SeriesKey(pair.target, pair.probe, pair.ip_family.value)

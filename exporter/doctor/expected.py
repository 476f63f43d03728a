"""What the fleet file promises: who is scraped, with which labels, and which series each host has to have.

The addresses and labels are those that ``scrape-configs`` writes, so that one file says both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from exporter.fleet import Fleet, Pair, survey
from exporter.fleet.references import OWN_JOB
from exporter.scrape_configs import targets_of


class Series(NamedTuple):
    """What has to be there of a pair, by its name; of a database with ``DATABASE`` for a probe."""

    target: str
    probe: str
    ip_family: str

    @property
    def pairs(self) -> int:
        """How many pairs it is of, as the page and ``check`` count them: logins and queries of a database are two."""
        return 1 if self.ip_family else 2

    def __str__(self) -> str:
        return f"{self.probe} {self.target}" + (" over ipv6" if self.ip_family == "ipv6" else "")


DATABASE = "database"


def of_database(name: str) -> Series:
    """Name a database's series; no other has no family."""
    return Series(name, DATABASE, "")


class ExpectedHost(NamedTuple):
    """A host with an exporter, as Prometheus should know it."""

    name: str
    address: str
    """Host and port where it is scraped."""
    labels: Mapping[str, str]
    series: frozenset[Series]


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


def _series(pair: Pair) -> Series:
    return of_database(pair.database) if pair.database else Series(pair.target, pair.probe, pair.ip_family.value)

"""What the fleet file promises: which hosts are scraped, with which labels, and which series each has to have.

The addresses and labels are those that ``scrape-configs`` writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from collectors.target import Gives
from exporter.fleet import OWN_JOB, Fleet, Host, survey
from exporter.scrape_configs import targets_of


class SeriesKey(NamedTuple):
    """By which a pair's series are known; a database's have ``DATABASE`` for a probe and no family."""

    target: str
    probe: str
    ip_family: str

    @property
    def pairs(self) -> int:
        """The number of pairs that it stands for: the logins and the queries of a database are two."""
        return 1 if self.ip_family else 2

    def __str__(self) -> str:
        return f"{self.probe} {self.target}" + (" over ipv6" if self.ip_family == "ipv6" else "")


DATABASE = "database"


def of_database(name: str) -> SeriesKey:
    """Return the key of a database's series."""
    return SeriesKey(name, DATABASE, "")


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
        ExpectedHost(host.name, *scraped[host.name], frozenset(_series(fleet, host)))
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


def _series(fleet: Fleet, host: Host) -> Iterator[SeriesKey]:
    for pair in survey(fleet, host)[0]:
        if pair.database:
            yield of_database(pair.database)
        elif Gives.READING not in pair.aim.gives:
            yield SeriesKey(pair.target, pair.probe, pair.ip_family.value)

"""What is wrong in the fleet, and where: each culprit in words, with the alert that Prometheus' rules have for it."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class CulpritKind(enum.StrEnum):
    """What a culprit is, in the order in which culprits are listed."""

    THIS_HOST = "this host"
    HOST = "host"
    ENDPOINT = "endpoint"
    DATACENTERS = "datacenters"
    PATH = "path"
    EXPORTER = "exporter"
    PROGRAM = "program"
    DATABASE = "database"
    N8N = "n8n"
    MEASUREMENT = "measurement"
    CONFIGURATION = "configuration"


class FleetCulprit(NamedTuple):
    """One thing that is wrong."""

    kind: CulpritKind
    name: str
    """Of a host, path, probe or database."""
    text: str
    """What is wrong with it, and what to look at; without its name."""
    alert: str
    """The name of the alert in Prometheus' rules and in the runbook; empty where there is none."""
    critical: bool = False

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.text}" if self.name else f"{self.kind}: {self.text}"


class NoPage(NamedTuple):
    """A host's page could not be had."""

    why: str
    connected: bool = False
    answered: bool = False
    """Something answered there, so the exporter cannot be called down."""
    ours: CulpritKind | None = None
    """Set if it is this host that could not ask: the kind under which this host is named as the culprit."""


def in_order(culprits: Iterable[FleetCulprit]) -> Sequence[FleetCulprit]:
    """Sort culprits: critical ones first, then by kind and name."""
    kinds = list(CulpritKind)
    return sorted(culprits, key=lambda culprit: (not culprit.critical, kinds.index(culprit.kind), culprit.name))

"""What is wrong in the fleet, and where: each culprit in words, with the alert that Prometheus' rules have for it."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class CulpritKind(enum.StrEnum):
    """What a culprit is; in this order they are named."""

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
    """As Prometheus calls it, empty where there is none: the runbook has what to do."""
    critical: bool = False

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.text}" if self.name else f"{self.kind}: {self.text}"


class NoPage(NamedTuple):
    """A host's page could not be had."""

    why: str
    connected: bool = False
    answered: bool = False
    """Something answered there: no reason to call the exporter down."""
    ours: CulpritKind | None = None
    """This host could not ask: as what that is named, of this host."""


def in_order(culprits: Iterable[FleetCulprit]) -> Sequence[FleetCulprit]:
    """Sort them: what is critical first."""
    kinds = list(CulpritKind)
    return sorted(culprits, key=lambda culprit: (not culprit.critical, kinds.index(culprit.kind), culprit.name))

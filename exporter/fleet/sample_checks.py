"""Finds samples that say nothing, or by which a host is probed by nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from exporter.config_files.problems import Finding
from exporter.fleet.mesh import Mesh, MeshParts
from exporter.fleet.schema import Sections
from exporter.wording import counted, quoted


class _Uncovered(NamedTuple):
    """The hosts of a datacenter, of which somebody may be left out, and what would be enough."""

    datacenter: str
    key: str
    least: int


def sample_findings(sections: Sections) -> Iterator[Finding]:
    """Hold the samples against the hosts that there are."""
    for name, probe in sections.probes.items():
        if probe.sample is None:
            continue
        if probe.sample.within is None and probe.sample.across is None:
            message = "says nothing; write within, across or both, or remove it"
            yield Finding(("probes", name, "sample"), message)
            continue
        parts = Mesh(sections.hosts, probe).parts
        worst = {found.key: found for found in sorted(_uncovered(parts), key=lambda found: found.least)}
        for datacenter, key, least in worst.values():
            hosts = counted(len(parts.targets[datacenter]), "host")
            place = f"datacenter {quoted(datacenter)}" if datacenter else "no datacenter"
            message = f"{getattr(probe.sample, key)} is too few for the {hosts} of {place}, some of which nobody probes"
            is_warning = bool(sections.hosts_from)  # hosts come and go without this file
            yield Finding(("probes", name, "sample", key), f"{message}; write {least} at least", is_warning)


def _uncovered(parts: MeshParts) -> Iterator[_Uncovered]:
    """Yield the datacenters of which no other one probes every host, nor their own hosts do."""
    largest = sorted(parts.sources, key=lambda name: len(parts.sources[name]), reverse=True)[:2]
    for datacenter, targets in parts.targets.items():
        others = [name for name in largest if name != datacenter]
        own = [datacenter] if datacenter in parts.sources else []
        if any(parts.pairs(source, datacenter) >= len(targets) for source in (*others[:1], *own)):
            continue
        if others:
            yield _Uncovered(datacenter, "across", -(-len(targets) // len(parts.sources[others[0]])))
        elif own and parts.each(datacenter, datacenter) < len(targets) - 1:
            yield _Uncovered(datacenter, "within", -(-len(targets) // len(parts.sources[datacenter])))

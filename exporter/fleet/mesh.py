"""Which host measures which: what ``from`` and ``to`` mean."""

from __future__ import annotations

from collections.abc import Sequence

from exporter.fleet.schema import Host

WORDS = frozenset({"all", "exporters"})
"""What may stand in ``from`` and ``to`` instead of a host's name."""
STRANGER = "other"
"""The name of a peer that asked our ``/ping`` and is no host of the fleet."""


def measures(host: Host, names: Sequence[str] | None) -> bool:
    """Return whether ``from`` includes a host; without one, every host with an exporter measures."""
    return host.exporter and (names is None or host.name in names or not WORDS.isdisjoint(names))


def probed(hosts: Sequence[Host], names: Sequence[str]) -> list[Host]:
    """List the hosts that ``to`` includes, in the file's order."""
    chosen = set(names)
    if "all" in chosen:
        return list(hosts)
    return [host for host in hosts if host.name in chosen or (host.exporter and "exporters" in chosen)]

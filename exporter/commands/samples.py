"""What the samples of a fleet file leave of its pairs, and what can still be seen by them, in words for ``check``."""

from __future__ import annotations

import math
from collections.abc import Iterator

from collectors.terms import Seconds
from exporter.fleet import Fleet, Mesh
from exporter.wording import legible, plural

_LOSS, _CERTAINTY = 0.01, 0.95
PROBES = math.ceil(math.log(1 - _CERTAINTY) / math.log(1 - _LOSS))
"""So many probes lose one at least, with 95 % certainty, where 1 % gets lost.

By the binomial distribution none of n is lost with a chance of 0.99 ** n; about 3 / 0.01, the rule of three (Hanley and
Lippman-Hand, JAMA 249, 1983).
"""
_MINUTE: Seconds = 60.0


def in_words(fleet: Fleet) -> Iterator[str]:
    """Yield a line for each probe that is a sample."""
    for name, mesh in fleet.meshes.items():
        if mesh.sample:
            yield f"{legible(name)} is a sample: {_of(mesh, fleet.probes[name].interval or fleet.defaults.interval)}"


def _of(mesh: Mesh, interval: Seconds) -> str:
    parts = mesh.parts
    pairs = sum(parts.pairs(source, target) for source in parts.sources for target in parts.targets)
    least, most = parts.in_degree()
    number = f"{most}" if least == most else f"{least} to {most}"
    hosts = f"each host is probed by {number} {plural('other', most)}"
    host, pair = (_minutes(math.ceil(PROBES / (asking or 1)) * interval) for asking in (least, 1))
    of_a_host = f"of one host is seen within {host}" if least else "of a host that nobody probes is not seen"
    return f"{pairs:,} pairs of hosts, {hosts}; 1 % loss {of_a_host}, of one pair within {pair}"


def _minutes(seconds: Seconds) -> str:
    """Write minutes, rounded up to a tenth below ten."""
    minutes = seconds / _MINUTE
    return f"{math.ceil(minutes) if minutes >= 10 else math.ceil(10 * minutes) / 10:g} min"  # noqa: PLR2004 - see above

"""What a host says of its pairs -> its paths: one for each target and IP family, as the host itself judges them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from collectors.terms import Seconds
from exporter.fleet_view.grouping import grouped
from exporter.fleet_view.reports import PATH_PROTOCOLS, HostReport, PairReport, PathReport
from exporter.wording import span

_SEVERAL = 2
"""So many results without an answer, and none with one, are no chance."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FleetPath:
    """The way from one host to another over one IP family."""

    source: str
    target: str
    ip_family: str = "ipv4"
    silent: bool = False
    """Nothing came back of the latest probes; it may be a single one."""
    lost: bool = False
    """Nothing came back of several probes in a row."""
    silent_for: Seconds = math.inf
    """How long ago the first of these probes was decided; infinite where that is not known."""
    heard_ago: Seconds = 0.0
    """How long ago the target answered anything; infinite if not lately."""
    always: bool = False
    """Usually nothing comes back, so that it is no news."""
    loses: bool = False
    """Too many probes get lost, but not all."""
    loss: float = 0.0
    slow: bool = False
    """The round trip is longer than usual."""
    uneven: bool = False
    """Handshakes get lost, and ICMP does not."""
    by_handshakes: bool = False
    """No ICMP comes through, so that handshakes alone tell what it loses."""
    beside_uneven: bool = False
    """That is so, and others between its datacenters lose handshakes unevenly: ICMP takes the bad one of several."""
    rtt: Seconds | None = None
    usual: Seconds | None = None

    @property
    def bad(self) -> bool:
        """Whether it counts against its ends."""
        return self.lost or self.loses or self.slow

    @property
    def is_news(self) -> bool:
        """Whether it is bad, and not always lost."""
        return self.bad and not self.always

    @property
    def badness(self) -> tuple[float, Seconds]:
        """The key by which the worst of several paths is found."""
        return (self.loss if self.loses else float(self.lost), (self.rtt or 0.0) - (self.usual or 0.0))

    def in_words(self) -> str:
        """Write what is bad about it."""
        if self.lost:
            return "all gets lost"
        if self.loses:
            return f"{round(100 * self.loss)} % get lost"
        return f"the round trip takes {span(self.rtt or 0.0)} (usual {span(self.usual or 0.0)})"


def paths(source: str, report: HostReport, targets: Iterable[str]) -> Iterator[FleetPath]:
    """Yield the paths from a host to those of ``targets`` that its report has."""
    known = set(targets)
    pairs = [pair for pair in report.pairs if pair.target in known and pair.is_of_a_path]
    for (target, ip_family), several in grouped(pairs, lambda pair: (pair.target, pair.ip_family)).items():
        seen = next((pair.path for pair in several if pair.path is not None), None)
        if seen is not None:
            yield _path(source, target, ip_family, several, seen)


def _path(source: str, target: str, ip_family: str, pairs: Sequence[PairReport], seen: PathReport) -> FleetPath:
    best = min(pairs, key=lambda pair: (pair.silent, PATH_PROTOCOLS.index(pair.protocol), pair.recent.loss))
    failures = sum(pair.recent.failures for pair in pairs if pair.silent)
    # The host does not call it silent while a query on a kept connection is answered, though nothing new comes through.
    silent = seen.fault == "silent" or all(pair.silent for pair in pairs)
    return FleetPath(
        source=source,
        target=target,
        ip_family=ip_family,
        silent=silent,
        lost=silent and failures >= _SEVERAL,
        silent_for=max(
            (pair.first_failure_ago for pair in pairs if pair.silent and pair.first_failure_ago is not None),
            default=math.inf,
        ),
        heard_ago=math.inf if seen.heard_ago is None else seen.heard_ago,
        always=all(pair.always_lost for pair in pairs),
        loses=seen.fault == "lossy",
        loss=best.recent.loss,
        slow=seen.fault == "slow",
        uneven=seen.uneven,
        by_handshakes=not any(pair.protocol == "icmp" and pair.recent.loss < 1 for pair in pairs),
        rtt=min((pair.rtt for pair in pairs if pair.rtt is not None), default=None),
        usual=min((pair.usual_rtt for pair in pairs if pair.usual_rtt is not None), default=None),
    )


def without_uneven_losses(paths: Sequence[FleetPath], datacenter: Callable[[str], str]) -> list[FleetPath]:
    """Let handshakes alone say nothing of what a path loses where others between its datacenters lose them unevenly."""

    def ends(path: FleetPath) -> tuple[str, str, str]:
        return datacenter(path.source), datacenter(path.target), path.ip_family

    uneven = {ends(path) for path in paths if path.uneven and datacenter(path.target)}
    return [
        dataclasses.replace(path, loses=False, beside_uneven=True)
        if path.by_handshakes and not path.lost and ends(path) in uneven
        else path
        for path in paths
    ]

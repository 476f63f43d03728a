"""What a host says of its pairs -> its paths: one for each target and IP family, as ``recording.yml`` has them.

ICMP says best how much is lost. Where none of it comes through a firewall may eat it, and handshakes decide.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from collectors.terms import Seconds
from exporter.fleet_view.reports import PairReport, Report
from exporter.wording import span

_PROTOCOLS = ("icmp", "tcp", "http")
"""In the order in which they are believed."""
_SEVERAL = 2
"""So many results without an answer, and none with one, are no chance."""
_ALWAYS = 0.99
_NOISE: Seconds = 0.005
_LONGER = 1.5
_UNEVEN, _LOST_HANDSHAKES = 0.04, 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One way from host to host: what gets lost, and how long the round trip is."""

    source: str
    target: str
    ip_family: str = "ipv4"
    lost: bool = False
    """Nothing comes through."""
    always: bool = False
    """That is usual."""
    loses: bool = False
    """Too much gets lost, and not all."""
    loss: float = 0.0
    uneven: float | None = None
    """The share of handshakes that is lost while ICMP is not, where it is too large."""
    round_trip: Seconds | None = None
    usual: Seconds | None = None

    @property
    def longer(self) -> Seconds | None:
        """How much longer than usual the round trip is; None where that is nothing notable."""
        now, usual = self.round_trip, self.usual
        if self.lost or now is None or usual is None or now <= _NOISE + _LONGER * usual:
            return None
        return now - usual

    @property
    def bad(self) -> bool:
        """Whether it is lost, loses or takes longer, unlike what is usual."""
        return self.lost or self.loses or self.longer is not None

    @property
    def ends(self) -> str:
        """Both ends, in words."""
        return f"{self.source} to {self.target}"

    def in_words(self) -> str:
        """Write what is bad about it."""
        if self.lost:
            return "all gets lost"
        parts = [f"{round(100 * self.loss)} % get lost"] if self.loses else []
        if self.longer is not None:
            parts.append(f"the round trip takes {span(self.round_trip or 0.0)} (usual {span(self.usual or 0.0)})")
        return " and ".join(parts)


def paths(source: str, report: Report, targets: Iterable[str]) -> Iterator[Path]:
    """Yield the paths from a host to those of ``targets`` that it says something of."""
    known = set(targets)
    pairs: dict[tuple[str, str], list[PairReport]] = {}
    for pair in report.pairs:
        if pair.target in known and pair.database is None and pair.protocol in _PROTOCOLS and pair.tells:
            pairs.setdefault((pair.target, pair.ip_family), []).append(pair)
    for (target, ip_family), several in pairs.items():
        yield _path(source, target, ip_family, several)


def _path(source: str, target: str, ip_family: str, pairs: Sequence[PairReport]) -> Path:
    silent = [pair for pair in pairs if pair.silent]
    refuted = any(pair.refutes(other) for other in silent for pair in pairs)
    best = min(pairs, key=lambda pair: (pair.silent, _PROTOCOLS.index(pair.protocol), pair.recent.loss))
    trips = [pair.round_trip for pair in pairs if pair.round_trip is not None and not pair.silent]
    usual = [pair.usual_rtt for pair in pairs if pair.usual_rtt is not None]
    return Path(
        source=source,
        target=target,
        ip_family=ip_family,
        lost=not refuted and sum(pair.recent.failures for pair in silent) >= _SEVERAL,
        always=all((pair.usual_loss or 0.0) > _ALWAYS for pair in pairs),
        loses=not best.silent and best.loses,
        loss=best.recent.loss,
        uneven=_uneven(pairs),
        round_trip=min(trips, default=None),
        usual=min(usual, default=None),
    )


def _uneven(pairs: Sequence[PairReport]) -> float | None:
    """Return the share of lost handshakes, if it is far more than that of echoes."""
    icmp = [pair.recent.loss for pair in pairs if pair.protocol == "icmp" and not pair.silent]
    others = [pair for pair in pairs if pair.protocol != "icmp"]
    lost = sum(len(pair.recent.bursts) for pair in others)  # an outage is one
    share = lost / max(1, sum(pair.recent.results for pair in others))
    return share if icmp and lost >= _LOST_HANDSHAKES and share > _UNEVEN + 3 * min(icmp) else None

"""One way from this host to another, over one family: bad or not, by the pairs that go there.

It is judged as ``prometheus/rules/recording.yml`` does, by the results of minutes: bad is what loses more than usual,
what is slower than usual, and where nothing comes back. ICMP says best what gets lost; where there is none, handshakes.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Sequence

from collectors.target import Gives
from collectors.terms import Seconds
from exporter.overview import losses
from exporter.overview.delays import network_delay
from exporter.overview.pair_now import PairNow
from exporter.overview.unreached import refused_by_itself

QUEUE_DROPS = 5
"""A full queue of ours explains fewer failures in a row than this."""
_NAMED = {Gives.RESPONSE, Gives.LOGIN}
"""Probes that look up the name themselves: it may be the look-up that is lost."""
_MORE_LOST, _TIMES_MORE = 0.04, 3
"""Handshakes are lost unevenly from this share on, above so many times what ICMP loses."""


class Fault(enum.StrEnum):
    """Why a path is bad. Closed: programs read it."""

    SILENT = "silent"
    LOSSY = "lossy"
    SLOW = "slow"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One host over one family, as it is seen from here."""

    host: str
    datacenter: str
    ip_family: str
    fault: Fault | None
    heard: Seconds
    """How long ago the host was heard; infinite if its latest results are all silence."""
    answers: bool
    """At least one of its pairs is well."""
    since: Seconds
    """How long ago the silence began; infinite if there is none."""
    failures: int
    """How many probes of all pairs were silent in a row."""
    uneven: bool
    """Handshakes get lost, and ICMP echoes do not."""
    maintenance: bool

    @property
    def bad(self) -> bool:
        """Whether it counts against its ends; the path of a host in maintenance does not."""
        return self.fault is not None and not self.maintenance

    @property
    def well(self) -> bool:
        """Whether it shows that the host and all on the way work."""
        return self.fault is None and self.heard < math.inf


def path_of(host: str, datacenter: str, pairs: Sequence[PairNow], *, queue: bool) -> Path | None:
    """Return the path that these pairs of one family share, None if nothing is known of it.

    ``queue``: our own is full, which explains what is slow or gets lost.
    """
    measured = [seen for seen in pairs if seen.reached is not None]
    if not measured:
        return None
    heard = min([seen.age or 0.0 for seen in measured if seen.reached], default=math.inf)
    fewest = QUEUE_DROPS if queue else 0
    silent = [seen for seen in measured if _is_silent(seen, heard) and seen.in_a_row >= fewest]
    return Path(
        host=host,
        datacenter=datacenter,
        ip_family=measured[0].ip_family,
        fault=Fault.SILENT if silent else None if queue else _fault(measured),
        heard=heard,
        answers=any(seen.reason is None for seen in measured),
        since=max([seen.first_failure for seen in silent], default=math.inf),
        failures=sum(seen.in_a_row for seen in silent),
        uneven=not queue and _uneven(measured),
        maintenance=measured[0].maintenance is not None,
    )


def _is_silent(seen: PairNow, heard: Seconds) -> bool:
    return seen.silent and seen.first_failure < heard and not refused_by_itself(seen)


def _fault(pairs: Sequence[PairNow]) -> Fault | None:
    echoes = [seen for seen in pairs if Gives.ICMP_ECHO in seen.gives]
    heard = [seen for seen in echoes if seen.lost < seen.results]  # else a firewall may eat it
    decisive = heard or [seen for seen in pairs if Gives.ICMP_ECHO not in seen.gives]
    if decisive and all(map(losses.of_packets, decisive)):
        return Fault.LOSSY
    timed = [seen for seen in pairs if seen.rtt is not None and seen.usual_rtt is not None]
    return Fault.SLOW if timed and all(network_delay(seen) for seen in timed) else None


def _uneven(pairs: Sequence[PairNow]) -> bool:
    """Return whether handshakes get lost one by one, and echoes do not."""
    handshakes = [seen for seen in pairs if Gives.HANDSHAKE in seen.gives]
    lost = sum(min(_lost_handshakes(seen), seen.bad + seen.resent - _in_a_row(seen)) for seen in handshakes)
    results = sum(seen.results - _in_a_row(seen) for seen in handshakes)
    kept = [seen.lost / seen.results for seen in pairs if Gives.ICMP_ECHO in seen.gives and seen.results > lost]
    return (
        lost > 0
        and bool(kept)
        and lost > (_MORE_LOST + _TIMES_MORE * min(kept)) * results
        and losses.chance(lost, results, losses.LEAST) < losses.CHANCE
    )


def _in_a_row(seen: PairNow) -> int:
    """Count the longest run of failures: an outage of the program, or a port that is dropped, is no uneven loss."""
    return seen.longest if seen.longest > 1 else 0


def _lost_handshakes(seen: PairNow) -> int:
    return seen.resent + (seen.lost if seen.gives.isdisjoint(_NAMED) else 0)

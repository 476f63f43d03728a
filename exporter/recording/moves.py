"""Which address of a name is measured: a change is logged, and kept with the series of the name's pairs.

Where nobody answers at an address any more, another one of the name is asked for.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from typing import Protocol

from collectors.contract import Facts
from collectors.terms import Reason, Seconds
from exporter.fleet import Pair
from exporter.probing import Move, NameAndFamily
from exporter.recording.latest import Moved
from exporter.recording.series import PairSeries

_log = logging.getLogger(__name__)

_IN_A_ROW = 3
"""Failures of a pair after which another address is asked for. Fewer can be a lossy path, and another address has
another usual round trip."""
_UNREACHED = {Reason.TIMEOUT, Reason.UNREACHABLE, Reason.REFUSED}
_LINES = 5
"""Changes of one name that are logged within an hour: some resolvers give another address each time."""
_HOUR: Seconds = 3600.0


class Choice(Protocol):
    """What chooses among the addresses of a name."""

    def unreached(self, name: NameAndFamily, address: str) -> None:
        """Note that an address answers no probe: the next one of the name is asked."""

    def reached(self, name: NameAndFamily, address: str) -> None:
        """Note that an address answers a probe, after failures in a row."""


class Moves:
    """The names of the pairs, and the changes of their addresses."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self._pairs: dict[NameAndFamily, list[tuple[Pair, PairSeries]]] = {}
        self._logged: dict[NameAndFamily, deque[Seconds]] = {}
        """When the latest changes of each name were logged."""

    def configure(self, states: Iterable[tuple[Pair, PairSeries]]) -> None:
        """Set the pairs that are measured; what is kept with their series stays."""
        self._pairs = {}
        for pair, series in states:
            self._pairs.setdefault(NameAndFamily(pair.place, pair.ip_family), []).append((pair, series))
        self._logged = {name: times for name, times in self._logged.items() if name in self._pairs}

    def moved(self, move: Move, now: Seconds, wall: float) -> None:
        """Keep a change with all pairs of the name, and log it."""
        pairs = self._pairs.get(move.name, ())
        self._log_move(move, ", ".join(sorted({pair.name for pair, _ in pairs})) or move.name.name, now)
        for _, series in pairs:
            series.moved = Moved(move.before, move.after, move.why, now, wall)

    def detoured(self, pair: Pair, facts: Facts, series: PairSeries, now: Seconds, wall: float) -> None:
        """Keep and log that a probe went on to another address of the name, as those of HTTP and databases do."""
        before, _, why = facts.tried[0].partition(": ")
        move = Move(NameAndFamily(pair.place, pair.ip_family), before, facts.address or "", why)
        self._log_move(move, f"{pair.name} {pair.probe}", now)
        series.moved = Moved(move.before, move.after, why, now, wall)

    def _log_move(self, move: Move, whose: str, now: Seconds) -> None:
        times = self._logged.setdefault(move.name, deque(maxlen=_LINES))
        if len(times) == _LINES and now - times[0] < _HOUR:
            return
        times.append(now)
        why = f" ({move.why})" if move.why else ""
        if len(times) == _LINES and now - times[0] < _HOUR:
            why += "; it changes often, and is not reported again within the hour"
        fields = {"name": move.name.name, "ip_family": move.name.ip_family, "address": move.after}
        _log.info("address of %s: %s -> %s%s", whose, move.before, move.after, why, extra={"fields": fields})

    def failed(self, pair: Pair, facts: Facts, series: PairSeries) -> None:
        """Ask for another address after some failures in a row, unless another pair of the name reaches this one.

        ``series`` has counted the failure.
        """
        failure, failing = series.last_failure, series.failing
        if facts.address is None or failure is None or failing is None or failure.reason not in _UNREACHED:
            return
        if failing.in_a_row % _IN_A_ROW or pair.aim.cached_name is None:
            return
        name = NameAndFamily(pair.aim.cached_name, pair.ip_family)
        latest = (other.latest.facts for _, other in self._pairs.get(name, ()) if other.failing is None)
        if not any(seen and seen.address == facts.address for seen in latest):
            self._choice.unreached(name, facts.address)

    def succeeded(self, pair: Pair, facts: Facts) -> None:
        """Report that the address answers, after some failures in a row."""
        if facts.address is not None and pair.aim.cached_name is not None:
            self._choice.reached(NameAndFamily(pair.aim.cached_name, pair.ip_family), facts.address)

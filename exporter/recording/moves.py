"""Which address of a name is measured: a change is told to the log and noted with the name's pairs.

Also finds out when nobody answers at an address any more, so that another one of the name is asked.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from typing import Protocol

from collectors.contract import Facts
from collectors.terms import Reason, Seconds
from exporter.fleet import Pair
from exporter.probing.addresses import Move, Name
from exporter.recording.latest import Moved
from exporter.recording.series import PairSeries

_log = logging.getLogger(__name__)

_IN_A_ROW = 3
"""Failures of a pair after which another address is asked: fewer are a lossy path, which would change its usual."""
_UNREACHED = {Reason.TIMEOUT, Reason.UNREACHABLE, Reason.REFUSED}
_LINES = 5
"""Changes of one name that are told within an hour: some resolvers give another address each time."""
_HOUR: Seconds = 3600.0


class Choice(Protocol):
    """Whoever chooses among the addresses of a name."""

    def unreached(self, name: Name, address: str) -> None:
        """Accept that nobody gets an answer at an address."""

    def reached(self, name: Name, address: str) -> None:
        """Accept that somebody gets one, where others failed before."""


class Moves:
    """The names of the pairs, and what became of their addresses."""

    def __init__(self) -> None:
        self._pairs: dict[Name, list[tuple[Pair, PairSeries]]] = {}
        self._told: dict[Name, deque[Seconds]] = {}

    def configure(self, states: Iterable[tuple[Pair, PairSeries]]) -> None:
        """Say which pairs there are; what was noted with their series stays."""
        self._pairs = {}
        for pair, series in states:
            self._pairs.setdefault(Name(pair.place, pair.ip_family), []).append((pair, series))
        self._told = {name: told for name, told in self._told.items() if name in self._pairs}

    def moved(self, move: Move, now: Seconds, wall: float) -> None:
        """Note a change with all pairs of the name, and tell it."""
        pairs = self._pairs.get(move.name, ())
        self._tell(move, ", ".join(sorted({pair.name for pair, _ in pairs})) or move.name.name, now)
        for _, series in pairs:
            series.moved = Moved(move.before, move.after, move.why, now, wall)

    def detoured(self, pair: Pair, facts: Facts, series: PairSeries, now: Seconds, wall: float) -> None:
        """Note that a probe that asks the next address itself had to."""
        before, _, why = facts.tried[0].partition(": ")
        move = Move(Name(pair.place, pair.ip_family), before, facts.address or "", why)
        self._tell(move, f"{pair.name} {pair.probe}", now)
        series.moved = Moved(move.before, move.after, why, now, wall)

    def _tell(self, move: Move, who: str, now: Seconds) -> None:
        told = self._told.setdefault(move.name, deque(maxlen=_LINES))
        if len(told) == _LINES and now - told[0] < _HOUR:
            return
        told.append(now)
        why = f" ({move.why})" if move.why else ""
        if len(told) == _LINES and now - told[0] < _HOUR:
            why += "; it changes often, and is not reported again within the hour"
        fields = {"name": move.name.name, "ip_family": move.name.ip_family, "address": move.after}
        _log.info("address of %s: %s -> %s%s", who, move.before, move.after, why, extra={"fields": fields})

    def failed(self, pair: Pair, facts: Facts, series: PairSeries, choice: Choice) -> None:
        """Accept a failure that ``series`` has counted."""
        failure, failing = series.last_failure, series.failing
        if facts.address is None or failure is None or failing is None or failure.reason not in _UNREACHED:
            return
        if failing.in_a_row % _IN_A_ROW or pair.aim.cached_name is None:
            return
        name = Name(pair.aim.cached_name, pair.ip_family)
        latest = (other.latest.facts for _, other in self._pairs.get(name, ()) if other.failing is None)
        if not any(seen and seen.address == facts.address for seen in latest):
            choice.unreached(name, facts.address)

    def succeeded(self, pair: Pair, facts: Facts, choice: Choice) -> None:
        """Accept the end of some failures in a row."""
        if facts.address is not None and pair.aim.cached_name is not None:
            choice.reached(Name(pair.aim.cached_name, pair.ip_family), facts.address)

"""All pairs as they are now, each with its verdict: what every format of the overview shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from collectors.n8n.reading import N8nReading
from collectors.replies import Exchange, Login, Query, RoundTrip
from collectors.terms import Reason, Seconds
from exporter.fleet import Pair
from exporter.overview import n8n
from exporter.overview.beside import Suspect
from exporter.overview.pair_now import PairNow, pair_now
from exporter.overview.paths import Path
from exporter.overview.suspects import Suspects
from exporter.overview.verdict import Culprit, Verdict, judge
from exporter.recording.latest import Failure
from exporter.recording.own_health import OwnHealth
from exporter.recording.series import PairSeries
from exporter.wording import span, spans

AT_ONCE = 50
"""Pairs whose state is read before others may run."""


@dataclasses.dataclass(frozen=True, slots=True)
class PairRow:
    """One pair and its verdict."""

    pair: Pair
    seen: PairNow
    verdict: Verdict
    path: Path | None
    """None for a pair toward this host itself, and before there is a result."""
    recent: Sequence[Seconds]
    last_failure: Failure | None

    @property
    def now(self) -> str:
        """What the latest probe measured, in words."""
        return now_in_words(self.seen)

    def order(self) -> tuple[object, ...]:
        """Return the key that sorts the worst first: what fails, by how long; then what is slower than usual.

        What is expected of a host in maintenance comes behind all trouble.
        """
        seen = self.seen
        slower = (seen.rtt or 0) + (seen.server or 0) - (seen.usual_rtt or 0) - (seen.usual_server or 0)
        expected = self.verdict.culprit is Culprit.MAINTENANCE
        failing = seen.reason is not None and not seen.stale and not expected
        return (
            not failing,
            self.verdict.culprit is Culprit.FINE,
            expected,
            -seen.failing_for,
            -slower if self.verdict.culprit is not Culprit.FINE else 0,
            self.pair.name,
            self.pair.probe,
            self.pair.ip_family,
        )


class Snapshot(NamedTuple):
    """All that the overview has, whatever its format."""

    title: str
    """The title, with the host and the time."""
    wall: float
    """When, in seconds since the epoch."""
    rows: Sequence[PairRow]
    """All of them, the worst first."""
    suspects: Sequence[Suspect]
    """What explains several bad pairs; the one that explains the most first."""
    own_health: OwnHealth


class _PairState(NamedTuple):
    """The state from which one pair is judged; all pairs' states are needed before the first one is."""

    pair: Pair
    series: PairSeries
    seen: PairNow


def now_in_words(seen: PairNow) -> str:
    """Write what the latest probe measured, or for how long nothing was measured."""
    if seen.age is None:
        return "no result yet"
    if seen.stale:
        return f"no result for {span(seen.age)}"
    if seen.reason is not None:
        failing = "no answer" if seen.reason is Reason.TIMEOUT else "failing"
        return f"{failing} for {span(seen.failing_for)} ({seen.reason})"
    return _measured(seen) + (", own clock" if seen.own_clock else "")


def _measured(seen: PairNow) -> str:
    match seen.reply:
        case RoundTrip(rtt) if rtt is not None:
            return f"{span(rtt)}{_usual(seen, rtt, seen.usual_rtt)}"
        case Exchange() as exchange:
            return _exchange(exchange, seen)
        case Login() as login:
            return _login(login)
        case Query(response):
            return f"{span(response)}{_usual(seen, response, seen.usual_server)}"
        case N8nReading() as reading:
            ago = f" {span(seen.age)} ago" if seen.age else ""
            return f"read{ago} in {span(reading.took)}: {n8n.in_words(n8n.n8n_now(reading))}"
    return "answered, not measured"


def _exchange(exchange: Exchange, seen: PairNow) -> str:
    """Write network and server apart: 78.1 ms = network 62.5 + server 15.6."""
    if exchange.rtt is None or exchange.server is None:
        return f"{span(exchange.response)}, network and server"
    whole, network, server = spans((exchange.response, exchange.rtt, exchange.server))
    usual = (seen.usual_rtt or 0) + (seen.usual_server or 0)
    return f"{whole} = network {network} + server {server}{_usual(seen, exchange.response, usual)}"


def _login(login: Login) -> str:
    """Write distance and slowness apart: 2.11 s = 6 round trips × 351 ms + server 8 ms."""
    if login.rtt is None:
        return span(login.duration)
    if login.server is None:
        return f"{span(login.duration)}, round trip {span(login.rtt)}"
    distance = f"{login.round_trips} round trips × {span(login.rtt)}"
    return f"{span(login.duration)} = {distance} + server {span(login.server)}"


def _usual(seen: PairNow, now: Seconds, usual: Seconds | None) -> str:
    """Write what is usual, in the unit of ``now`` where that fits; if it is known by few results, also by how many."""
    if usual:
        few = f", of {seen.usual_of} results" if seen.usual_of else ""
        return f" (usual {spans((now, usual))[1]}{few})"
    return " (no usual yet)" if seen.usual_of is not None else ""


def judged(
    states: Sequence[tuple[Pair, PairSeries]], suspects: Suspects, own: OwnHealth, now: Seconds, wall: float
) -> Iterator[Sequence[PairRow]]:
    """Judge all pairs and return their rows in batches, between which others may run; this fills ``suspects``.

    The first batches are empty: the states of all pairs are read before one of them is judged.
    """
    places: dict[str, list[_PairState]] = {}
    for number, (pair, series) in enumerate(states):
        places.setdefault(pair.place, []).append(_PairState(pair, series, pair_now(pair, series, now, wall)))
        if number % AT_ONCE == AT_ONCE - 1:
            yield ()
    named = {name: [(state.pair, state.seen) for state in place] for name, place in places.items()}
    for _ in suspects.add_all(named):
        yield ()
    for name, place in places.items():
        yield [_row(state, place, suspects.path(name, state.pair), suspects, own) for state in place]


def _row(
    state: _PairState, place: Sequence[_PairState], path: Path | None, suspects: Suspects, own: OwnHealth
) -> PairRow:
    pair, series, seen = state
    others = [other.seen for other in place if other is not state]
    verdict = judge(seen, others, own, suspects.beside(path, pair, seen))
    return PairRow(pair, seen, verdict, path, series.recent.values(), series.last_failure)

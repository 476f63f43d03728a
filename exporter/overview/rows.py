"""All pairs as they look now, judged, the worst first: what every format of the overview shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from collectors.replies import Exchange, Login, Query, RoundTrip
from collectors.terms import Reason, Seconds
from exporter.fleet import Pair
from exporter.overview.seen import PairNow, pair_now
from exporter.overview.verdict import Verdict, Word, judge, witness
from exporter.recording.latest import Failure
from exporter.recording.own_health import OwnHealth
from exporter.recording.series import PairSeries
from exporter.wording import span, spans

_SEVERAL = 2
_AT_ONCE = 50
"""Pairs looked at before others have their turn."""


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One pair and its verdict."""

    pair: Pair
    seen: PairNow
    verdict: Verdict
    recent: Sequence[Seconds]
    last_failure: Failure | None

    @property
    def probe(self) -> str:
        """The probe's name, with the family where it is not the ordinary one."""
        return self.pair.probe if self.pair.ip_family == "ipv4" else f"{self.pair.probe} ({self.pair.ip_family})"

    @property
    def now(self) -> str:
        """What the latest probe says, in words."""
        return now_in_words(self.seen)

    @property
    def order(self) -> tuple[object, ...]:
        """The worst come first: who fails, the longest first, then who is slower than usual, by how much."""
        seen = self.seen
        slower = (seen.rtt or 0) + (seen.server or 0) - (seen.usual_rtt or 0) - (seen.usual_server or 0)
        failing = seen.reason is not None and not seen.stale
        return (
            not failing,
            self.verdict.word is Word.FINE,
            -seen.failing_for,
            -slower if self.verdict.word is not Word.FINE else 0,
            self.pair.name,
            self.pair.probe,
            self.pair.ip_family,
        )


class Snapshot(NamedTuple):
    """Everything that the overview shows, whatever the format."""

    title: str
    """Who says it."""
    wall: float
    """When, in seconds since the epoch."""
    rows: Sequence[Row]
    here: OwnHealth


def now_in_words(seen: PairNow) -> str:
    """Write what the latest probe measured, or for how long there was nothing to measure."""
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
    return "answered, not measured"


def _exchange(exchange: Exchange, seen: PairNow) -> str:
    """Tell network and server apart: 78.1 ms = network 62.5 + server 15.6."""
    if exchange.rtt is None or exchange.server is None:
        return f"{span(exchange.response)}, network and server"
    whole, network, server = spans((exchange.response, exchange.rtt, exchange.server))
    usual = (seen.usual_rtt or 0) + (seen.usual_server or 0)
    return f"{whole} = network {network} + server {server}{_usual(seen, exchange.response, usual)}"


def _login(login: Login) -> str:
    """Tell distance from slowness: 2.11 s = 6 round trips × 351 ms + server 8 ms."""
    if login.rtt is None or login.server is None:
        return span(login.duration)
    distance = f"{login.round_trips} round trips × {span(login.rtt)}"
    return f"{span(login.duration)} = {distance} + server {span(login.server)}"


def _usual(seen: PairNow, now: Seconds, usual: Seconds | None) -> str:
    """Write what is usual, in the unit of what is now if it has the same; of few results how few they are."""
    if usual:
        few = f", of {seen.seeds} results" if seen.seeds else ""
        return f" (usual {spans((now, usual))[1]}{few})"
    return " (no usual yet)" if seen.seeds is not None else ""


_Looks = dict[str, list[tuple[Pair, PairSeries, PairNow]]]
"""By place: those that can witness for one another."""


def rows(states: Sequence[tuple[Pair, PairSeries]], here: OwnHealth, now: Seconds) -> Iterator[list[Row]]:
    """Judge all pairs; an empty list every so often, so that others have their turn, and at last all of them."""
    looks: _Looks = {}
    for number, (pair, series) in enumerate(states):
        looks.setdefault(pair.place, []).append((pair, series, pair_now(pair, series, now)))
        if number % _AT_ONCE == _AT_ONCE - 1:
            yield []
    nobody_answers = nobody(looks)
    found: list[Row] = []
    for beside in looks.values():
        for pair, series, seen in beside:
            others = [other for _, _, other in beside if other is not seen]
            verdict = judge(seen, others, here, nobody_answers=nobody_answers)
            found.append(Row(pair, seen, verdict, series.recent.values(), series.last_failure))
        yield []
    yield sorted(found, key=lambda row: row.order)


def nobody(looks: _Looks) -> bool:
    """Tell whether no place out of several answers, as far as anything was heard of it since the silence began."""
    silent: list[list[PairNow]] = []
    heard: list[list[PairNow]] = []
    for beside in looks.values():
        place = [seen for _, _, seen in beside if seen.reached is not None]
        is_silent = any(seen.silent and witness(seen, place) is None for seen in place)
        (silent if is_silent else heard).append(place)
    if len(silent) < _SEVERAL:
        return False
    since = max(seen.first_failure for place in silent for seen in place if seen.silent)
    return all((seen.age or 0) > since for place in heard for seen in place)

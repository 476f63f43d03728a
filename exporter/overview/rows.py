"""All pairs as they look now, judged, the worst first: what every format of the overview shows."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from collectors.contract import Facts, Reason, Reply, Seconds
from exporter.fleet import Pair
from exporter.overview.verdict import Here, Seen, Verdict, Word, judge
from exporter.overview.wording import span, spans
from exporter.series import Failure, PairSeries

Usually = Callable[[Pair], tuple[Seconds | None, Seconds | None]]
"""A pair's usual round trip and its usual server's share."""

_AT_ONCE = 50
"""Pairs looked at before others have their turn."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One pair and its verdict."""

    pair: Pair
    seen: Seen
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
    here: Here


def now_in_words(seen: Seen) -> str:
    """Write what the latest probe measured, or for how long there was nothing to measure."""
    if seen.age is None:
        return "no result yet"
    if seen.stale:
        return f"no result for {span(seen.age)}"
    if seen.reason is not None:
        failing = "no answer" if seen.reason is Reason.TIMEOUT else "failing"
        return f"{failing} for {span(seen.failing_for)} ({seen.reason})"
    return _measured(seen)


def _measured(seen: Seen) -> str:
    if seen.login is not None:
        return _login(seen)
    if seen.response is not None and seen.rtt is not None and seen.server is not None:
        whole, network, server = spans((seen.response, seen.rtt, seen.server))
        usual = (seen.usual_rtt or 0) + (seen.usual_server or 0)
        return f"{whole} = network {network} + server {server}{_usual(seen.response, usual)}"
    if seen.response is not None and seen.server is not None:  # on a kept connection
        return f"{span(seen.response)}{_usual(seen.response, seen.usual_server)}"
    if seen.response is not None:
        return f"{span(seen.response)}, network and server"
    if seen.rtt is not None:
        return f"{span(seen.rtt)}{_usual(seen.rtt, seen.usual_rtt)}"
    return "answered, not measured"


def _login(seen: Seen) -> str:
    """Tell distance from slowness: 2.11 s = 6 round trips × 351 ms + server 8 ms."""
    assert seen.login is not None  # noqa: S101 - it is why we were called
    if seen.rtt is None or seen.server is None:
        return span(seen.login)
    return f"{span(seen.login)} = {seen.round_trips} round trips × {span(seen.rtt)} + server {span(seen.server)}"


def _usual(now: Seconds, usual: Seconds | None) -> str:
    """Write what is usual, in the unit of what is now if it has the same."""
    return f" (usual {spans((now, usual))[1]})" if usual else ""


def look(pair: Pair, series: PairSeries, now: Seconds) -> Seen:
    """Return one pair as it looks at this time of the monotonic clock."""
    lost = [math.isnan(value) for value in series.recent.values()]
    failure = series.last_failure if series.failed_in_a_row else None
    facts = series.facts or Facts()
    return Seen(
        probe=pair.probe,
        protocol=pair.protocol,
        age=None if series.facts is None else now - series.decided_at,
        stale=series.facts is not None and not series.shown(now),
        reason=failure and failure.reason,
        detail=failure.detail if failure else "",
        misconfigured=failure is not None and failure.misconfigured,
        phase=failure and failure.phase,
        failing_for=now - series.failing_since if failure else 0.0,
        **measured(series.reply),
        usual_rtt=series.usual_rtt.median(),
        usual_server=series.usual_server.median(),
        retransmitted=facts.retransmitted,
        lost=sum(lost),
        losses=sum(now and not before for before, now in pairwise([False, *lost])),
        results=len(lost),
    )


def measured(reply: Reply | None) -> dict[str, Any]:
    """Return what a reply says, as it is looked at; on a kept connection all of the time passes for the server's."""
    if reply is None:
        return {}
    kept = reply.rtt is None and reply.duration is None
    return {
        "rtt": reply.rtt,
        "response": reply.response,
        "server": reply.response if kept else reply.server,
        "round_trips": reply.round_trips,
        "login": reply.duration if reply.round_trips is not None else None,
    }


def rows(states: Sequence[tuple[Pair, PairSeries]], here: Here, now: Seconds) -> Iterator[list[Row]]:
    """Judge all pairs; an empty list every so often, so that others have their turn, and at last all of them."""
    looks: dict[str, list[tuple[Pair, PairSeries, Seen]]] = {}
    for number, (pair, series) in enumerate(states):
        looks.setdefault(pair.target, []).append((pair, series, look(pair, series, now)))
        if number % _AT_ONCE == _AT_ONCE - 1:
            yield []
    here = dataclasses.replace(here, nobody_answers=_nobody_answers(looks))
    found: list[Row] = []
    for beside in looks.values():
        for pair, series, seen in beside:
            others = [other for _, _, other in beside if other is not seen]
            found.append(
                Row(
                    pair=pair,
                    seen=seen,
                    verdict=judge(seen, others, here),
                    recent=series.recent.values(),
                    last_failure=series.last_failure,
                )
            )
        yield []
    yield sorted(found, key=lambda row: row.order)


def _nobody_answers(looks: Mapping[str, Sequence[tuple[Pair, PairSeries, Seen]]]) -> bool:
    reached = [seen.reached for beside in looks.values() for _, _, seen in beside]
    return len(looks) > 1 and False in reached and True not in reached

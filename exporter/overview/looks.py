"""One pair as it looks now: what is known of it, as plain values."""

from __future__ import annotations

import dataclasses
import math
from itertools import pairwise
from urllib.parse import urlsplit

from collectors.contract import Clock, Gap, Phase, Reason, Reply, Seconds
from collectors.targets import HttpTarget
from exporter.fleet import Pair
from exporter.history import FAILED
from exporter.series import PairSeries

_NOTHING = Reply(rtt=None, clock=Clock.USER)
_SAYS_NOTHING = {Reason.LOCAL, Reason.DNS}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The latest result and what is usual. Durations in seconds; what was not measured is None."""

    probe: str
    protocol: str
    ip_family: str = "ipv4"
    age: Seconds | None = None
    """Of the latest result."""
    stale: bool = False
    """No result for longer than two intervals and a timeout."""
    reason: Reason | None = None
    """Why the latest probe failed; None if it succeeded."""
    detail: str = ""
    misconfigured: bool = False
    silent: bool = False
    """It failed because nothing came back."""
    phase: Phase | None = None
    """What was begun last."""
    address: str | None = None
    """Which address of the name the latest probe asked; None where it is literal, or nothing was asked."""
    gap: Gap | None = None
    """What of the latest probe's packets got lost once it was connected, as far as that can be known."""
    failing_for: Seconds = 0.0
    """Since the last success, or since the first result."""
    first_failure: Seconds = 0.0
    """How long ago the first of these failures was decided."""
    worked: bool = False
    """It has succeeded before."""
    round_trips: int | None = None
    """Of a login."""
    login: Seconds | None = None
    """How long it took."""
    lookup: Seconds | None = None
    """How long looking the name up took."""
    rtt: Seconds | None = None
    response: Seconds | None = None
    server: Seconds | None = None
    usual_rtt: Seconds | None = None
    usual_server: Seconds | None = None
    retransmitted: bool = False
    lost: int = 0
    """Of the latest ``results``: those that nothing came back of."""
    failed: int = 0
    """Those that failed otherwise."""
    pieces: int = 0
    """In how many pieces both came: an outage, however long, is one."""
    results: int = 0

    @property
    def reached(self) -> bool | None:
        """Whether the latest probe shows that the host is there; None when it says nothing about that."""
        if self.stale or self.age is None or self.reason in _SAYS_NOTHING:
            return None
        return not self.silent


def look(pair: Pair, series: PairSeries, now: Seconds) -> Seen:
    """Return one pair as it looks at this time of the monotonic clock."""
    recent = series.recent.values()
    bad = [math.isnan(value) or value == FAILED for value in recent]
    failure = series.last_failure if series.failed_in_a_row else None
    reply = series.reply or _NOTHING
    kept = series.reply is not None and reply.rtt is None and reply.duration is None
    return Seen(
        probe=pair.probe,
        protocol=pair.protocol,
        ip_family=pair.ip_family,
        age=None if series.facts is None else now - series.decided_at,
        stale=series.facts is not None and not series.shown(now),
        reason=failure and failure.reason,
        detail=failure.detail if failure else "",
        misconfigured=failure is not None and failure.misconfigured,
        silent=failure is not None and failure.silent,
        phase=failure and failure.phase,
        address=series.facts.address if series.facts else None,
        gap=series.facts.gap if failure and series.facts else None,
        failing_for=now - series.failing_since if failure else 0.0,
        first_failure=now - series.first_failure if failure else 0.0,
        worked=series.last_success is not None,
        round_trips=reply.round_trips,
        login=reply.duration if reply.round_trips is not None else None,
        lookup=reply.phases.get(Phase.DNS),
        rtt=reply.rtt,
        response=reply.response,
        server=reply.response if kept else reply.server,  # on a kept connection nobody can tell them apart
        usual_rtt=series.usual_rtt.median(),
        usual_server=series.usual_server.median(),
        retransmitted=series.facts is not None and series.facts.retransmitted,
        lost=sum(map(math.isnan, recent)),
        failed=recent.count(FAILED),
        pieces=sum(now and not before for before, now in pairwise([False, *bad])),
        results=len(recent),
    )


def place_of(pair: Pair) -> str:
    """Return where a pair's packets go, as its address is written: those of one place are witnesses for one another."""
    spec = pair.spec
    address = urlsplit(spec.url).hostname if isinstance(spec, HttpTarget) else spec.address
    return address or pair.target

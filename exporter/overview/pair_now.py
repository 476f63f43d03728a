"""One pair as it is now: all that a verdict depends on, as plain values."""

from __future__ import annotations

import dataclasses
import ipaddress
import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from collectors.contract import Facts
from collectors.literals import literal_family
from collectors.replies import Exchange, Login, Query, Reading, Reply, RoundTrip, Timed
from collectors.target import Gives
from collectors.terms import Clock, Gap, Phase, Reason, Seconds
from exporter.certificate_life import ends_soon
from exporter.fleet import Pair, maintenance_in_words
from exporter.recording.history import FAILED, RESENT
from exporter.recording.series import PairSeries

LATELY: Seconds = 300.0
"""Failures within this time count in the verdict on a pair."""
_LATELY_PROBES = 6
"""Where the interval is long, the failures of so many intervals count instead."""
BEFORE = 4
"""The results before the latest one with which it is compared."""
_BAD = (FAILED, RESENT)
_SAYS_NOTHING = {Reason.LOCAL, Reason.DNS}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PairNow:
    """The latest result, the results before, and what is usual. Durations in seconds; what was not measured is None."""

    probe: str
    gives: frozenset[Gives] = frozenset()
    target: str = ""
    ip_family: str = "ipv4"
    maintenance: str | None = None
    """When that of its host ends, in words: empty without an end, None while there is no maintenance."""
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
    """Which phase the latest probe was in when it failed."""
    address: str | None = None
    """Which address of the name the latest probe asked; None where it is literal, or nothing was asked."""
    asked: str = ""
    """That address, or the literal one, as the kernel writes it, where there is no way to it; else empty."""
    gap: Gap | None = None
    """Which of the latest probe's packets got lost once it was connected, as far as that can be known."""
    failing_for: Seconds = 0.0
    """Since the last success, or since the first result."""
    first_failure: Seconds = 0.0
    """How long ago the first of these failures was decided."""
    in_a_row: int = 0
    """How many they are."""
    ever_succeeded: bool = False
    """It has succeeded, as it is configured now."""
    moved_ago: Seconds | None = None
    """How long ago the address of its name changed; None if it did not."""
    moved: str = ""
    """The address before and the one after; empty if it did not change."""
    reply: Reply | None = None
    """What the latest probe measured, None if it failed; its numbers are among those that follow."""
    round_trips: int | None = None
    """How often a login waited for the server."""
    login: Seconds | None = None
    """How long the login took."""
    lookup: Seconds | None = None
    """How long the look-up of the name took."""
    rtt: Seconds | None = None
    response: Seconds | None = None
    server: Seconds | None = None
    own_clock: bool = False
    """The times are by this program's own clock, which has its delays in it: the kernel's could not be had."""
    usual_rtt: Seconds | None = None
    usual_server: Seconds | None = None
    usual_loss: float | None = None
    """The share of probes that fails usually."""
    steady_loss: float | None = None
    """The usual share over hours, once that is known."""
    usual_of: int | None = None
    """Of how many results the usual is the median, while they are few; None once they are not."""
    before: Sequence[Seconds] | None = None
    """The four results before, as ``Recent`` keeps them: responses, or logins; None where nothing is known."""
    retransmitted: bool = False
    certificate_left: Seconds | None = None
    """How long the served certificate is valid yet, negative once it has expired; None while that is enough."""
    lost: int = 0
    """Of the latest ``results``: those that nothing came back of."""
    failed: int = 0
    """Those that failed otherwise."""
    resent: int = 0
    """Those that were answered when their first SYN had got lost: no failures, but no good path."""
    bursts: int = 0
    """How many times one or more of these came in a row: an outage, however long, is one."""
    longest: int = 0
    """How many results the longest of these bursts has."""
    results: int = 0
    """Those of the last five minutes, 60 at most."""

    @property
    def name(self) -> str:
        """The probe's name, with the family where it is not the ordinary one."""
        return self.probe if self.ip_family == "ipv4" else f"{self.probe} ({self.ip_family})"

    @property
    def reached(self) -> bool | None:
        """Whether the latest probe shows that the host is there; None when it says nothing about that.

        A query that times out says nothing: its connection is kept, and was made when the host was there.
        """
        asked_in_vain = self.reason == Reason.TIMEOUT and self.phase == Phase.QUERY
        if self.stale or self.age is None or self.reason in _SAYS_NOTHING or asked_in_vain:
            return None
        return not self.silent

    @property
    def is_kept(self) -> bool:
        """It was asked on a kept connection: network and server cannot be told apart."""
        return isinstance(self.reply, Query)

    @property
    def bad(self) -> int:
        """Of the latest ``results``: those that failed, however."""
        return self.lost + self.failed


def pair_now(pair: Pair, series: PairSeries, now: Seconds, wall: float) -> PairNow:
    """Return the state of one pair at this time, by the monotonic and by the wall clock.

    What ended after it, as while a page is made, is of that time.
    """
    now = max(now, series.latest.at)
    recent = series.recent.since(now - max(LATELY, _LATELY_PROBES * pair.interval))
    lost, failed, resent = sum(map(math.isnan, recent)), recent.count(FAILED), recent.count(RESENT)
    bursts = _bursts(recent) if lost + failed + resent else ()
    latest, reply, failing = series.latest, series.latest.reply, series.failing
    failure = series.last_failure if failing else None
    return PairNow(
        probe=pair.probe,
        gives=pair.aim.gives,
        target=pair.target,
        ip_family=pair.ip_family,
        maintenance=maintenance_in_words(pair.maintenance, wall),
        age=None if latest.facts is None else now - latest.at,
        stale=latest.facts is not None and not series.is_fresh(now),
        reason=failure and failure.reason,
        detail=failure.detail if failure else "",
        misconfigured=failure is not None and failure.misconfigured,
        silent=failure is not None and failure.silent,
        phase=failure and failure.phase,
        address=latest.facts.address if latest.facts else None,
        asked=_asked(pair, series) if failure and failure.reason is Reason.UNREACHABLE else "",
        gap=latest.facts.gap if failure and latest.facts else None,
        failing_for=now - failing.since if failing else 0.0,
        first_failure=now - failing.first if failing else 0.0,
        in_a_row=failing.in_a_row if failing else 0,
        ever_succeeded=series.ever_succeeded,
        moved_ago=now - series.moved.at if series.moved else None,
        moved=str(series.moved or ""),
        reply=reply,
        own_clock=isinstance(reply, Timed) and reply.clock is Clock.USER and bool(pair.aim.host),
        usual_rtt=series.usual_rtt.median(),
        usual_server=series.usual_server.median(),
        usual_loss=series.usual_loss.median(),
        steady_loss=series.usual_loss.of_hours(),
        usual_of=(series.usual_server if isinstance(reply, Query) else series.usual_rtt).seeds,
        before=series.recent.values()[-1 - BEFORE : -1],
        retransmitted=latest.facts is not None and latest.facts.retransmitted,
        certificate_left=_certificate_left(latest.facts, wall) if latest.facts else None,
        lost=lost,
        failed=failed,
        resent=resent,
        bursts=len(bursts),
        longest=max(bursts, default=0),
        results=len(recent),
        **_measured(reply),
    )


def _bursts(recent: Sequence[Seconds]) -> list[int]:
    """Return how many results each run of bad ones has."""
    return [len(list(run)) for bad, run in groupby(recent, lambda value: math.isnan(value) or value in _BAD) if bad]


def _certificate_left(facts: Facts, wall: float) -> Seconds | None:
    expiry = facts.certificate_expiry
    if expiry is None or not ends_soon(facts.certificate_not_before, expiry, wall):
        return None
    return expiry - wall


def _measured(reply: Reply | None) -> dict[str, Any]:
    """Return what was measured, by the names that ``PairNow`` has for it."""
    if reply is None:
        return {}
    common = {"server": reply.server, "lookup": reply.phases.get(Phase.DNS)}
    match reply:
        case RoundTrip():
            return common | {"rtt": reply.rtt}
        case Exchange():
            return common | {"rtt": reply.rtt, "response": reply.response}
        case Login():
            return common | {"rtt": reply.rtt, "login": reply.duration, "round_trips": reply.round_trips}
        case Query():
            return common | {"response": reply.response}
        case Reading():
            return common


def _asked(pair: Pair, series: PairSeries) -> str:
    address = (series.latest.facts and series.latest.facts.address) or pair.place
    return str(ipaddress.ip_address(address)) if literal_family(address) else ""

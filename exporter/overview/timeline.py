"""One probe, explained: its phases as a time line, what was seen on the way, and the verdict."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from collectors.contract import Facts, ProbeFailed
from collectors.replies import Reply, RoundTrip
from collectors.terms import Seconds
from exporter.fleet import Pair
from exporter.overview.pair_now import BEFORE, PairNow, pair_now
from exporter.overview.rows import AT_ONCE, now_in_words
from exporter.overview.suspects import Suspects
from exporter.overview.verdict import judge
from exporter.probing import ProbeResult
from exporter.recording.own_health import OwnHealth
from exporter.recording.series import PairSeries
from exporter.wording import printable, span

_WIDTH = 40
_OF_THE_PAIR = (
    "usual_rtt",
    "usual_server",
    "usual_loss",
    "steady_loss",
    "usual_of",
    "lost",
    "failed",
    "resent",
    "bursts",
    "longest",
    "results",
)
"""What a single probe does not know: these values are its pair's."""


class VerdictContext(NamedTuple):
    """What the verdict on a single probe depends on, beside its result."""

    states: Sequence[tuple[Pair, PairSeries]]
    own_health: OwnHealth
    now: Seconds
    """By the monotonic clock."""
    wall: float
    """In seconds since the epoch."""


def explain(answers: Sequence[ProbeResult], context: VerdictContext) -> Iterator[str]:
    """Write some lines on each result; the verdict depends also on the other results and on the state of all pairs.

    The first texts are empty: the states of all pairs are read, in batches between which others may run.
    """
    probed = {answer.pair.identity: _single_probe_now(answer, context) for answer in answers}
    places: dict[str, list[tuple[Pair, PairNow]]] = {}
    for answer in answers:
        places.setdefault(answer.pair.place, []).append((answer.pair, probed[answer.pair.identity]))
    for number, (pair, series) in enumerate(context.states):
        if pair.identity not in probed:
            places.setdefault(pair.place, []).append((pair, pair_now(pair, series, context.now)))
        if number % AT_ONCE == AT_ONCE - 1:
            yield ""
    suspects = Suspects(context.own_health)
    yield from ("" for _ in suspects.add_all(places))
    for answer in answers:
        pair, seen = answer.pair, probed[answer.pair.identity]
        others = [other for of, other in places[pair.place] if of is not pair]
        verdict = judge(seen, others, context.own_health, suspects.beside(suspects.path(pair.place, pair), pair, seen))
        lines = [_title(pair), *_result(answer, seen, context.wall), f"verdict: {verdict}"]
        yield printable_lines([lines[0], *(f"  {line}" for line in lines[1:])])


def printable_lines(lines: Sequence[str]) -> str:
    """Join lines, and let none of them command a terminal."""
    return "".join(f"{printable(line)}\n" for line in lines)


def is_well(answer: ProbeResult) -> bool:
    """Return whether the target answered as it should."""
    return not isinstance(answer.outcome, ProbeFailed)


def _single_probe_now(answer: ProbeResult, context: VerdictContext) -> PairNow:
    """Return the state of a pair whose latest probe is this one; what is usual is the pair's."""
    pair, known = answer.pair, {pair.identity: series for pair, series in context.states}
    alone = PairSeries(pair.aim.reasons).for_configuration((), (), fresh_for=math.inf)
    alone.record(answer.facts, answer.outcome, context.now, context.wall)
    seen = pair_now(pair, alone, context.now)
    if (series := known.get(pair.identity)) is None:
        return dataclasses.replace(seen, failing_for=answer.took, usual_of=None)
    before = pair_now(pair, series, context.now)
    return dataclasses.replace(
        seen,
        **{name: getattr(before, name) for name in _OF_THE_PAIR},
        failing_for=before.failing_for or answer.took,
        first_failure=before.first_failure,
        in_a_row=before.in_a_row,
        before=series.recent.values()[-BEFORE:],
        ever_succeeded=seen.ever_succeeded or before.ever_succeeded,
        moved_ago=before.moved_ago,
        moved=before.moved,
    )


def _title(pair: Pair) -> str:
    return f"{pair.name} {pair.probe}: {pair.aim} over {pair.ip_family}"


def _result(answer: ProbeResult, seen: PairNow, wall: float) -> Iterator[str]:
    facts, outcome = answer.facts, answer.outcome
    if isinstance(outcome, ProbeFailed):
        during = f" during {facts.phase}" if facts.phase else ""
        yield f"failed{during}, after {span(answer.took)}: {outcome.reason}: {outcome.detail}"
    else:
        yield from _phases(outcome)
        yield now_in_words(seen)
        if seen.own_clock:
            yield "timed by this program's own clock instead of the kernel's: its own delays are in it"
        if isinstance(outcome, RoundTrip) and outcome.egress_queue is not None:
            yield f"{span(outcome.egress_queue)} of it in this host's own egress queue"
    yield from _seen_on_the_way(facts, wall)


def _phases(reply: Reply) -> Iterator[str]:
    """Draw each phase behind the one before."""
    total = sum(reply.phases.values())
    before = 0.0
    for phase, took in reply.phases.items():
        start, end = round(_WIDTH * before / total), round(_WIDTH * (before + took) / total)
        bar = "#" * max(1, end - start)
        yield f"{phase:<11}{span(took):>9}  |{' ' * min(start, _WIDTH - len(bar))}{bar}".ljust(_WIDTH + 23) + "|"
        before += took
    if len(reply.phases) > 1:
        yield f"{'in all':<11}{span(total):>9}"


def _seen_on_the_way(facts: Facts, wall: float) -> Iterator[str]:
    if facts.address is not None:
        yield f"address {facts.address}"
        yield from (f"before it, {tried}" for tried in facts.tried)
    if facts.retransmitted:
        yield "the first SYN got lost and was sent again: no round trip was measured"
    if facts.hop_limit is not None:
        yield f"hop limit {facts.hop_limit} left"
    if facts.status_code is not None:
        yield f"status {facts.status_code}"
    if facts.peer_processing is not None:
        yield f"the peer says that {span(facts.peer_processing)} were its own program's"
    if facts.certificate_not_before is not None and facts.certificate_not_before > wall:
        begins = datetime.fromtimestamp(facts.certificate_not_before, UTC)
        yield f"certificate valid from {begins:%Y-%m-%d %H:%M} UTC on: it is new, or a clock is wrong"
    if facts.certificate_expiry is not None:
        date = datetime.fromtimestamp(facts.certificate_expiry, UTC).date().isoformat()
        left = facts.certificate_expiry - wall
        yield (
            f"certificate until {date}, {span(left)} left"
            if left > 0
            else f"certificate expired {span(-left)} ago, on {date}"
        )

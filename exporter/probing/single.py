"""One probe of some pairs now, because a person asked: which pairs, and how each probe ends.

Nothing of it is counted, and no schedule changes.
"""

from __future__ import annotations

import asyncio
import dataclasses
import heapq
import itertools
import operator
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from collectors.contract import Facts, Outcome, Probe, ProbeFailed
from collectors.terms import Reason, Seconds
from exporter.fleet import Pair
from exporter.probing.scheduler import Scheduler
from exporter.wording import did_you_mean, legible

_NEVER: Seconds = 1e6
"""The interval of a probe that is not repeated."""
_LONGEST = 100
"""Characters of a wrong name that are compared and repeated in the message."""
_COMPARED = 20
"""Names that a wrong one is compared with: a thousand would hold the loop for 60 ms."""
_NAMED = 20
"""Known names that the message lists."""


class ProbeResult(NamedTuple):
    """How a probe ended."""

    pair: Pair
    facts: Facts
    outcome: Outcome
    took: Seconds
    """By this program's own clock, with all that this host did meanwhile."""


class NoSuchPair(Exception):
    """This host does not measure such a target, or not by such a probe; the message is for people."""


def chosen(pairs: Sequence[Pair], target: str, probe: str | None, *, helps: bool = True, here: str = "") -> list[Pair]:
    """Return the pairs toward a target, by one probe or by all; raises NoSuchPair.

    With ``helps`` its message says what was probably meant; finding that takes a millisecond. ``here`` is the name of
    this host.
    """
    toward = [pair for pair in pairs if target in (pair.target, pair.database)]
    if not toward and target == here:
        raise NoSuchPair(f"{legible(target)} is this host itself, and a host does not probe itself")
    if not toward:
        raise NoSuchPair(_unknown("target", "", target, {pair.name for pair in pairs} if helps else None))
    selected = [pair for pair in toward if probe in (None, pair.probe)]
    if not selected:
        known = {pair.probe for pair in toward} if helps else None
        raise NoSuchPair(_unknown("probe", f" toward {target}", probe or "", known))
    return selected


def _unknown(what: str, where: str, name: str, known: set[str] | None) -> str:
    name = name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…"
    unknown = f"this host measures no {what} {name!r}{where}"
    if known is None:
        return f"{unknown}; the page / shows what it measures"
    near = heapq.nlargest(_COMPARED, sorted(known), key=lambda other: _alike(other, name))
    names = ", ".join(sorted(known)[:_NAMED]) or "none"
    return f"{unknown}; {did_you_mean(name, near, f'there are: {names}')}"


def _alike(one: str, other: str) -> int:
    """Count the characters that two names begin and end with alike."""
    return sum(
        sum(itertools.takewhile(bool, map(operator.eq, this, that)))
        for this, that in ((one, other), (one[::-1], other[::-1]))
    )


class _FirstAnswers:
    """A watcher that keeps how each of ``count`` jobs ended first, and ignores how it ended later."""

    def __init__(self, count: int) -> None:
        self._count, self._began = count, time.monotonic()
        self.answers: dict[tuple[str, ...], ProbeResult] = {}
        self.complete = asyncio.Event()

    def probe_ended(self, job: Pair, facts: Facts, outcome: Outcome) -> None:
        """Keep how a probe ended."""
        self.answers.setdefault(job.identity, ProbeResult(job, facts, outcome, time.monotonic() - self._began))
        if len(self.answers) == self._count:
            self.complete.set()

    def started_late(self, lateness: Seconds, probes: int) -> None:  # noqa: ARG002 - the watcher's interface
        """Count the time of the answers from here."""
        self._began = time.monotonic()

    def skipped(self, probes: int) -> None:  # noqa: ARG002 - the watcher's interface
        """Wait no longer: each job has one date, and this host was held up on it."""
        self.complete.set()


async def ask(pairs: Sequence[Pair], probes: Mapping[str, Probe[Any]]) -> list[ProbeResult]:
    """Probe each pair, all at once; the answers come in the pairs' order, after a timeout at the latest."""
    if not pairs:
        return []
    # Targets of their own: what comes too late of these probes must not be counted as the scheduled ones'.
    jobs = [dataclasses.replace(pair, interval=_NEVER, aim=pair.aim.for_once()) for pair in pairs]
    first = _FirstAnswers(len(jobs))
    async with Scheduler("", first, at_once=True) as scheduler:
        scheduler.replace((job, probes[job.protocol]) for job in jobs)
        await first.complete.wait()
    held_up = ProbeFailed(Reason.LOCAL, "this host was held up; ask again")
    missing = {pair.identity: ProbeResult(pair, Facts(), held_up, 0.0) for pair in pairs}
    return [(missing | first.answers)[pair.identity]._replace(pair=pair) for pair in pairs]

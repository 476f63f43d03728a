"""``/probe``: a configured pair is probed now, because somebody asked; never another address, and not too often."""

from __future__ import annotations

import difflib
import heapq
import itertools
import operator
import time
from collections.abc import Awaitable, Callable, Sequence

from collectors.contract import Seconds
from exporter.fleet import Pair
from exporter.overview import States
from exporter.overview.timeline import Answer, Around, explain
from exporter.overview.verdict import Here
from exporter.server import Refused

_APART: Seconds = 1.0
"""Between two probes of one pair that were asked for, and between two searches for what a wrong name meant."""
_LONGEST = 100
"""Of a wrong name, so much is looked at and repeated."""
_COMPARED = 20
"""Names that difflib looks at: a thousand would hold the loop for 60 ms."""

Ask = Callable[[Sequence[Pair]], Awaitable[Sequence[Answer]]]


def chosen(pairs: Sequence[Pair], target: str, probe: str | None, *, helps: bool = True) -> list[Pair]:
    """Return the pairs toward a target, by one probe or by all; Refused(404), with what there is if it ``helps``."""
    toward = [pair for pair in pairs if target in (pair.target, pair.database)]
    if not toward:
        raise Refused(404, _unknown("target", target, {pair.name for pair in pairs} if helps else None))
    found = [pair for pair in toward if probe in (None, pair.probe)]
    if not found:
        there_are = {pair.probe for pair in toward} if helps else None
        raise Refused(404, _unknown(f"probe toward {target}", probe or "", there_are))
    return found


def _unknown(what: str, name: str, there_are: set[str] | None) -> str:
    name = name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…"
    if there_are is None:
        return f"this host measures no {what} {name!r}; the page / shows what it measures"
    near = heapq.nlargest(_COMPARED, sorted(there_are), key=lambda known: _common(known, name))
    close = difflib.get_close_matches(name, near, n=1)
    some = ", ".join(sorted(there_are)[:20]) or "none"
    hint = f"did you mean {close[0]!r}?" if close else f"there are: {some}"
    return f"this host measures no {what} {name!r}; {hint}"


def _common(one: str, other: str) -> int:
    """Count the characters that two names begin and end with alike."""
    return sum(
        sum(itertools.takewhile(bool, map(operator.eq, this, that)))
        for this, that in ((one, other), (one[::-1], other[::-1]))
    )


class OnRequest:
    """Answers ``/probe``; ``ask`` probes, ``states`` and ``here`` say what the verdict needs."""

    def __init__(self, states: States, ask: Ask, here: Callable[[float], Here]) -> None:
        self._states, self._ask, self._here = states, ask, here
        self._asked: dict[tuple[str, ...], Seconds] = {}
        self._helped = -_APART

    async def explain(self, target: str, probe: str | None) -> str:
        """Probe and explain; Refused where there is no such pair, or it was asked for a moment ago."""
        now = time.monotonic()
        pairs = self._chosen(target, probe, now)
        self._asked = {pair: at for pair, at in self._asked.items() if now - at < _APART}
        if any(pair.identity in self._asked for pair in pairs):
            raise Refused(429, f"a pair is probed at most once in {_APART:g} s when asked for; try again")
        self._asked |= dict.fromkeys((pair.identity for pair in pairs), now)
        answers = await self._ask(pairs)
        now, wall = time.monotonic(), time.time()  # noqa: TID251 - to tell how many days a certificate has left
        return "\n".join(explain(answers, Around(self._states(), self._here(now), now, wall)))

    def _chosen(self, target: str, probe: str | None, now: Seconds) -> list[Pair]:
        helps = now - self._helped >= _APART
        try:
            return chosen([pair for pair, _ in self._states()], target, probe, helps=helps)
        except Refused:
            self._helped = now if helps else self._helped
            raise

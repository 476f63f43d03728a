"""``/probe``: a configured pair is probed now, because somebody asked; never another address, and not too often."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from http import HTTPStatus

from collectors.target import Gives
from collectors.terms import Seconds
from exporter.clock import wall_clock
from exporter.fleet import Pair
from exporter.overview import States
from exporter.overview.timeline import VerdictContext, explain
from exporter.probing import ProbeResult, single
from exporter.recording.own_health import OwnHealth
from exporter.web.pages import in_turns
from exporter.web.server import Refused
from exporter.wording import legible

_APART: Seconds = 1.0
"""Between two probes of one pair that were asked for, and between two searches for what a wrong name meant."""
_READS_APART: Seconds = 15.0
"""The same for what is read: it begins with a look through the whole database."""

Ask = Callable[[Sequence[Pair]], Awaitable[Sequence[ProbeResult]]]


class ProbeEndpoint:
    """Answers ``/probe``: ``ask`` probes, and the verdict needs ``states`` and ``own_health`` beside the answer."""

    def __init__(
        self,
        states: States,
        ask: Ask,
        own_health: Callable[[Seconds], OwnHealth],
        outside_sample: Callable[[], Collection[str]] = tuple,
    ) -> None:
        """``outside_sample`` names the hosts that this one does not probe because of a sample."""
        self._states, self._ask, self._own_health = states, ask, own_health
        self._outside_sample = outside_sample
        self._asked: dict[tuple[str, ...], Seconds] = {}
        """Until when each pair is not probed again, by its identity."""
        self._helped = -_APART
        """When a wrong name was last looked up among the known ones."""

    async def explain(self, target: str, probe: str | None) -> str:
        """Probe and explain; Refused where there is no such pair, or it was asked for a moment ago."""
        now = time.monotonic()
        pairs = self._chosen(target, probe, now)
        self._asked = {pair: until for pair, until in self._asked.items() if now < until}
        for pair in pairs:
            if pair.identity in self._asked:
                text = f"a pair is probed at most once in {_apart(pair):g} s when asked for; try again"
                raise Refused(HTTPStatus.TOO_MANY_REQUESTS, text)
        self._asked |= {pair.identity: now + _apart(pair) for pair in pairs}
        answers = await self._ask(pairs)
        now, wall = time.monotonic(), wall_clock()
        texts = await in_turns(explain(answers, VerdictContext(self._states(), self._own_health(now), now, wall)))
        return "\n".join(filter(None, texts))

    def _chosen(self, target: str, probe: str | None, now: Seconds) -> list[Pair]:
        left_out, own = target in self._outside_sample(), self._own_health(now)
        helps = not left_out and now - self._helped >= _APART
        try:
            return single.chosen([pair for pair, _ in self._states()], target, probe, helps=helps, here=own.host)
        except single.NoSuchPair as error:
            if left_out:
                name = legible(target)
                text = f"{name} is not in this host's sample; `latency-exporter probe {name}` probes it all the same"
                raise Refused(HTTPStatus.NOT_FOUND, text) from error
            self._helped = now if helps else self._helped
            text = "; ".join(filter(None, (str(error), own.hosts_missing)))
            raise Refused(HTTPStatus.NOT_FOUND, text) from error


def _apart(pair: Pair) -> Seconds:
    return _READS_APART if Gives.READING in pair.aim.gives else _APART

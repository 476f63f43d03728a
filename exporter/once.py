"""One probe of some pairs now, for people: nothing of it is counted, and nobody's schedule moves."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any

from collectors.contract import Facts, Outcome, Probe, ProbeFailed, Reason, Seconds
from exporter.fleet import Pair
from exporter.overview.timeline import Answer
from exporter.scheduler import Scheduler

_NEVER: Seconds = 1e6
"""The interval of a probe that does not come round again."""


class _Once:
    """The watcher of jobs that are done once; it takes the first end of each, and looks at no other."""

    def __init__(self, count: int) -> None:
        self._missing, self._began = count, time.monotonic()
        self.answers: dict[tuple[str, ...], Answer] = {}
        self.complete = asyncio.Event()

    def decided(self, job: Pair, facts: Facts, outcome: Outcome) -> None:
        """Take the end of a probe."""
        self.answers.setdefault(job.identity, Answer(job, facts, outcome, time.monotonic() - self._began))
        if len(self.answers) == self._missing:
            self.complete.set()

    def started_late(self, lateness: Seconds, probes: int) -> None:  # noqa: ARG002 - the watcher's interface
        """Take the slot's beginning: the answers count from there."""
        self._began = time.monotonic()

    def skipped(self, probes: int) -> None:  # noqa: ARG002 - the watcher's interface
        """End all: there is only one turn, and this host was held up when it came."""
        self.complete.set()


async def ask(pairs: Sequence[Pair], probes: Mapping[str, Probe[Any]]) -> list[Answer]:
    """Probe each pair, all at once; the answers come in the pairs' order, after a timeout at the latest."""
    if not pairs:
        return []
    # Targets of their own: what comes too late of these probes must not be counted as the scheduled ones'.
    jobs = [dataclasses.replace(pair, interval=_NEVER, spec=pair.spec.for_once()) for pair in pairs]
    once = _Once(len(jobs))
    async with Scheduler("", once, at_once=True) as scheduler:
        scheduler.replace((job, probes[job.protocol]) for job in jobs)
        await once.complete.wait()
    held_up = ProbeFailed(Reason.LOCAL, "this host was held up; ask again")
    missing = {pair.identity: Answer(pair, Facts(), held_up, 0.0) for pair in pairs}
    return [(missing | once.answers)[pair.identity]._replace(pair=pair) for pair in pairs]

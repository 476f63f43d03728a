"""A process that reads an n8n beside an event loop that ticks, and tells how long the loop was held.

``python -m benchmarks.n8n_reader PORT``: it writes a line of JSON when it is ready, and for each line of stdin, for
which it reads once; for the line ``idle`` it lets the loop tick without a read.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import json
import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.process import memory_of
from collectors import icmp
from collectors.contract import Attempt, Context, Facts, Outcome, Probe, ProbeFailed
from collectors.icmp.target import IcmpTarget
from collectors.replies import RoundTrip
from collectors.secret import Secret
from collectors.terms import IpFamily, Reason

if TYPE_CHECKING:
    from collectors.n8n.target import N8nTarget

_TICK = 0.001
_IDLE = 0.2
_BETWEEN_ECHOES = 0.01
_PASSWORD = "c4nary-Pa55word"  # noqa: S105 - that of the tests' servers; to import them costs memory
IDLE = "idle"


@dataclasses.dataclass
class Report:
    """What the process tells of itself after a line."""

    memory: int
    """Bytes that are resident."""
    wall: float = 0.0
    held: float = 0.0
    """By how much a tick was late at most, in seconds."""
    ended: int = 0
    """Executions that were counted so far."""
    open: int = 0
    nodes: int = 0
    echoes: list[float] = dataclasses.field(default_factory=list)
    """Round trips to this machine meanwhile, one each 10 ms, in seconds."""
    unanswered: int = 0
    """Echoes so far without a reply, but for one that is under way."""


class Ticker:
    """Wakes up each millisecond."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def tick(self) -> None:
        """Never ends."""
        while True:
            due = time.monotonic() + _TICK
            await asyncio.sleep(_TICK)
            self.longest = max(self.longest, time.monotonic() - due)


class Echoes:
    """Asks this machine for an echo each 10 ms, as the exporter probes beside its reads."""

    def __init__(self) -> None:
        self.round_trips: list[float] = []
        self.sent = self.answered = 0

    async def send(self, probe: Probe[IcmpTarget]) -> None:
        """Never ends."""
        target = IcmpTarget(address="127.0.0.1", ip_family=IpFamily.IPV4, payload_bytes=56, dscp=0, source_address=None)
        while True:
            self.sent += 1
            probe([Attempt(target, self._note)])
            await asyncio.sleep(_BETWEEN_ECHOES)

    def _note(self, _: Attempt[IcmpTarget], outcome: Outcome) -> None:
        if isinstance(outcome, RoundTrip) and outcome.rtt is not None:
            self.answered += 1
            self.round_trips.append(outcome.rtt)


async def _main(port: int) -> None:
    context = Context(address=_same, lookup=_no_lookup, notice=lambda _: None)
    async with icmp.collector(context) as probe:
        echoes = Echoes()
        echoing = asyncio.create_task(echoes.send(probe))
        await _read(port, context, echoes)
        echoing.cancel()


async def _read(port: int, context: Context, echoes: Echoes) -> None:
    ticker = Ticker()
    ticking = asyncio.create_task(ticker.tick())
    gc.collect()
    gc.freeze()  # as the exporter does when it has started
    _write(Report(_memory()))
    from collectors.n8n.reader import Reader  # noqa: PLC0415 - its memory is measured too

    target = _target(port)
    with contextlib.closing(Reader(context)) as reader:
        while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
            ticker.longest, began, report = 0.0, time.monotonic(), Report(0)
            echoes.round_trips.clear()
            if line == IDLE:
                await asyncio.sleep(_IDLE)
            else:
                reading = await reader.read(target, Facts())
                report.ended = sum(reading.finished.values())
                report.open = sum(one.number for one in reading.open.values())
                report.nodes = sum(one.runs for one in reading.node_runs.values())
            report.wall, report.held, report.memory = time.monotonic() - began, ticker.longest, _memory()
            report.echoes, report.unanswered = echoes.round_trips, max(0, echoes.sent - echoes.answered - 1)
            _write(report)
    ticking.cancel()


def _target(port: int) -> N8nTarget:
    from collectors.n8n.target import N8nTarget  # noqa: PLC0415 - as above

    return N8nTarget(
        address="127.0.0.1",
        ip_families=(IpFamily.IPV4,),
        port=port,
        socket=None,
        user="latency_exporter",
        password=Secret(_PASSWORD),
        dbname="n8n",
        tls="disable",
        tls_ca_file=None,
        nodes=True,
        timeout=10.0,
    )


def _same(name: str, _family: IpFamily) -> str:
    return name


async def _no_lookup(name: str, _family: IpFamily) -> Sequence[str]:
    raise ProbeFailed(Reason.DNS, f"{name} is no address")


def _memory() -> int:
    return memory_of(os.getpid()).resident


def _write(report: Report) -> None:
    sys.stdout.write(json.dumps(dataclasses.asdict(report)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))

"""Warns in the log when the maintenance of a host has ended by its date."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence

from collectors.terms import Seconds
from exporter.clock import wall_clock
from exporter.fleet import Host, maintenance_is_over

_log = logging.getLogger(__name__)

_EVERY: Seconds = 10.0
"""How often the wall clock is read: it may be set meanwhile, so that nobody can wait for a time by it."""


async def warn_of_ended_maintenance(hosts: Callable[[], Sequence[Host]]) -> None:
    """Warn of each maintenance whose date passes; of one that is over when the file is read, that warns."""
    before = wall_clock()
    while True:
        await asyncio.sleep(_EVERY)  # noqa: TID251 - no measurement: see _EVERY
        now = wall_clock()
        for warning in ended(hosts(), before, now):
            _log.warning("%s", warning)
        before = now


def ended(hosts: Sequence[Host], before: float, now: float) -> Iterator[str]:
    """Yield a line for each host whose maintenance ended after the one time, and not after the other."""
    for host in hosts:
        if host.maintenance is not None and before < host.maintenance <= now:
            yield maintenance_is_over(host.name, host.maintenance)

"""The list of collectors, and all of them entered."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator, Mapping
from typing import Any

from collectors import http, icmp, tcp
from collectors.contract import Collector, Context, Probe
from collectors.n8n import reader
from collectors.sql import mysql, postgresql
from exporter import __version__
from exporter.fleet import PROTOCOLS, BadFile, Problem

COLLECTORS: Mapping[str, Collector[Any]] = {
    "icmp": icmp.collector,
    "tcp": tcp.collector,
    "http": functools.partial(http.collector, user_agent=f"latency-exporter/{__version__}"),
    "postgresql": postgresql.collector,
    "mysql": mysql.collector,
    "n8n": reader.collector,
}
"""Every protocol that can be measured, or read; a new one is one more word here."""

Probes = Mapping[str, Probe[Any]]
"""By protocol."""


def ensure_complete() -> None:
    """Raise BadFile for each protocol that can be written and not measured, or measured and not written."""
    here = "which is a fault of this program:"
    unmeasured = [
        f"{protocol!r} can be written in the fleet file and has no collector, {here} add it to COLLECTORS"
        for protocol in sorted(set(PROTOCOLS) - COLLECTORS.keys())
    ]
    unwritten = [
        f"{protocol!r} has a collector and no keys in the fleet file, {here} add its class to exporter/fleet/probes"
        for protocol in sorted(COLLECTORS.keys() - set(PROTOCOLS))
    ]
    if faults := unmeasured + unwritten:
        raise BadFile(Problem("exporter/probing/collectors.py", 0, "COLLECTORS", fault) for fault in faults)


@contextlib.asynccontextmanager
async def probes(context: Context) -> AsyncIterator[Probes]:
    """Enter every collector, and leave all at the end."""
    async with contextlib.AsyncExitStack() as stack:
        yield {
            protocol: await stack.enter_async_context(collector(context)) for protocol, collector in COLLECTORS.items()
        }

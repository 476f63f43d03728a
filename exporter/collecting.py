"""The collectors there are, and all of them entered."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator, Mapping
from typing import Any

from collectors import http, icmp, mysql, postgresql, tcp
from collectors.contract import Collector, Context, Probe
from exporter import __version__

COLLECTORS: Mapping[str, Collector[Any]] = {
    "icmp": icmp.collector,
    "tcp": tcp.collector,
    "http": functools.partial(http.collector, user_agent=f"latency-exporter/{__version__}"),
    "postgresql": postgresql.collector,
    "mysql": mysql.collector,
}
"""Every protocol there is; a new one is one more word here."""

Probes = Mapping[str, Probe[Any]]
"""By protocol."""


@contextlib.asynccontextmanager
async def probes(context: Context) -> AsyncIterator[Probes]:
    """Enter every collector; leaving ends what they hold."""
    async with contextlib.AsyncExitStack() as stack:
        yield {
            protocol: await stack.enter_async_context(collector(context)) for protocol, collector in COLLECTORS.items()
        }

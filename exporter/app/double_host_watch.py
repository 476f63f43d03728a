"""Warns in the log of hosts of the fleet that are this very machine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from collectors.terms import Seconds
from exporter.configuration import Configuration
from exporter.fleet import double_host_warning
from exporter.probing import Addresses

_log = logging.getLogger(__name__)

_ALL_LOOKUPS: Seconds = 6.0
"""How long the look-ups of all names may take after a reload."""


async def warn_of_double_hosts(addresses: Addresses, current: Callable[[], Configuration]) -> None:
    """Look after each reload, when all names were looked up, and when a name's address changes; repeat no warning."""
    seen, before = None, ""
    while await addresses.changed.wait():
        addresses.changed.clear()
        await addresses.answered(_ALL_LOOKUPS)
        now = current()
        warning = await asyncio.to_thread(double_host_warning, now.fleet, now.host, addresses.of)
        if warning and (seen is not now or warning != before):
            _log.warning("%s", warning)
        seen, before = now, warning

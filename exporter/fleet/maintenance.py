"""Hosts in maintenance: they are probed as ever, and their troubles are expected."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from collectors.terms import Seconds
from exporter.fleet.schema import Host
from exporter.wording import moment, quoted


def in_maintenance(hosts: Iterable[Host], wall: float) -> Mapping[str, Seconds]:
    """Return the hosts that are in maintenance at this time, and when it ends, each in seconds since the epoch.

    Infinite: no end was written.
    """
    return {host.name: host.maintenance for host in hosts if host.maintenance is not None and wall < host.maintenance}


def maintenance_in_words(end: Seconds | None, wall: float) -> str | None:
    """Write when a maintenance that lasts at this time ends, empty without an end; None while there is none."""
    return None if end is None or wall >= end else until_in_words(end)


def until_in_words(end: Seconds) -> str:
    """Write when a maintenance ends; empty where no end was written."""
    return f"until {moment(end)}" if end < math.inf else ""


def maintenance_is_over(host: str, end: Seconds) -> str:
    """Write that a host's maintenance is over, and what to do about it."""
    return f"the maintenance of {quoted(host)} is over since {moment(end)}: it alerts again; remove its state and until"

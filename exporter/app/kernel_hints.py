"""Warns in the log of what the kernel does not give this program: ICMP sockets, or packet stamps."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from collectors import kernel
from collectors.contract import SocketOpened
from collectors.terms import IpFamily
from exporter.fleet import Pair
from exporter.recording import icmp_sockets

_log = logging.getLogger(__name__)

_NO_STAMPS = (
    "this kernel stamps no packets (SO_TIMESTAMPING; an emulator, a sandbox or WSL 1?): ICMP, HTTP and databases are "
    "timed by this program's own clock, which bears its delays, and are counted as clock='user'"
)


def hint_at_stamps() -> None:
    """Say it if this kernel stamps no packets."""
    if not kernel.can_stamp():
        _log.warning("%s", _NO_STAMPS)


class SocketHints:
    """Says once for each family that is used what its ICMP socket lacks, and what to do about it."""

    def __init__(self) -> None:
        self._opened: dict[IpFamily, SocketOpened] = {}
        self._hinted: set[IpFamily] = set()

    def opened(self, notice: SocketOpened) -> None:
        """Keep which socket a family got."""
        self._opened[notice.ip_family] = notice

    def hint(self, pairs: Iterable[Pair]) -> None:
        """Warn of sockets that these pairs use, unless that was done."""
        for ip_family in sorted(icmp_sockets.families(pairs) - self._hinted):
            opened = self._opened.get(ip_family)
            if opened is not None and (warning := icmp_sockets.warning(opened)):
                self._hinted.add(ip_family)
                _log.warning("%s", warning)

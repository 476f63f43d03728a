"""Warns in the log of what the kernel does not give this program: ICMP sockets, or packet stamps."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from collectors import kernel
from collectors.contract import SocketOpened
from collectors.terms import IpFamily
from exporter.recording import icmp_sockets

_log = logging.getLogger(__name__)

_NO_STAMPS = (
    "this kernel stamps no packets (SO_TIMESTAMPING; an emulator, a sandbox or WSL 1?): ICMP, HTTP and databases are "
    "timed by this program's own clock, which bears its delays, and are counted as clock='user'"
)


def hint_at_stamps() -> None:
    """Log a warning if this kernel stamps no packets."""
    if not kernel.can_stamp():
        _log.warning("%s", _NO_STAMPS)


class SocketHints:
    """Warns once for each family of what its ICMP socket lacks, and what to do about it."""

    def __init__(self) -> None:
        self._hinted: set[IpFamily] = set()

    def hint(self, sockets: Mapping[IpFamily, SocketOpened | None]) -> None:
        """Log a warning for each of the sockets in use that lacks something; None: it is not open yet."""
        for ip_family, opened in sockets.items():
            if ip_family not in self._hinted and opened and (warning := icmp_sockets.warning(opened)):
                self._hinted.add(ip_family)
                _log.warning("%s", warning)

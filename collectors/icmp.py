"""ICMP echo toward all targets over one socket per family, timed from the kernel's stamp to the kernel's stamp.

The round trip runs from SCHED, taken before this host's own egress queue, to the receipt: so it is
comparable with TCP's. The time in that queue, SCHED to the driver's stamp, is told apart beside it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NoReturn

from collectors import failures
from collectors.contract import Attempt, Context, IpFamily, Probe, ProbeFailed, Reason, SocketOpened
from collectors.icmp_socket import open_socket
from collectors.pinger import Pinger
from collectors.targets import IcmpTarget


class _Pingers:
    """One pinger per family, opened on entering; one more for each source address, when it is first used."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._pingers: dict[tuple[IpFamily, str | None], Pinger] = {}

    def open(self, ip_family: IpFamily, source_address: str | None = None) -> Pinger | None:
        """Open a socket if we may, and tell of which kind; OSError for a source address that is not ours."""
        opened = open_socket(ip_family, source_address)
        self._context.notice(SocketOpened(ip_family, opened.kind if opened else "none"))
        if opened is None:
            return None
        pinger = self._pingers[ip_family, source_address] = Pinger(ip_family, opened, self._context)
        return pinger

    def probe(self, slot: Sequence[Attempt[IcmpTarget]]) -> Sequence[NoReturn]:
        """Send to all targets of a slot, those alike together, and take what has come of it by then."""
        alike: dict[tuple[IpFamily, str | None, int, int], list[Attempt[IcmpTarget]]] = {}
        for attempt in slot:
            to = attempt.target
            alike.setdefault((to.ip_family, to.source_address, to.payload_bytes, to.dscp), []).append(attempt)
        for (ip_family, source_address, payload_bytes, dscp), attempts in alike.items():
            try:
                pinger = self._pinger(ip_family, source_address)
            except (OSError, ProbeFailed) as error:
                failed = failures.from_os_error(error) if isinstance(error, OSError) else error
                for attempt in attempts:
                    attempt.end(failed)
            else:
                pinger.send(attempts, payload_bytes, dscp)
                pinger.receive()
        return ()

    def _pinger(self, ip_family: IpFamily, source_address: str | None) -> Pinger:
        pinger = self._pingers.get((ip_family, source_address)) or self.open(ip_family, source_address)
        if pinger is None:
            raise ProbeFailed(Reason.LOCAL, "no permission to open an ICMP socket")
        return pinger

    def close(self) -> None:
        for pinger in self._pingers.values():
            pinger.close()


@asynccontextmanager
async def collector(context: Context) -> AsyncIterator[Probe[IcmpTarget]]:
    """Open both families' sockets; without permission each probe of that family fails as LOCAL."""
    pingers = _Pingers(context)
    try:
        for ip_family in IpFamily:
            pingers.open(ip_family)
        yield pingers.probe
    finally:
        pingers.close()

"""ICMP echo toward all targets over one socket per family, timed from the kernel's stamp to the kernel's stamp.

The round trip runs from SCHED, taken before this host's own egress queue, to the receipt: so it is
comparable with TCP's. The time in that queue, SCHED to the driver's stamp, is told apart beside it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from collectors import echo, failures, kernel
from collectors.contract import Context, Facts, IpFamily, Probe, ProbeFailed, Reason, Reply, SocketOpened
from collectors.icmp_socket import open_socket
from collectors.pinger import Pinger, Sent
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

    def probe(self, slot: Sequence[tuple[IcmpTarget, Facts]]) -> Sequence[asyncio.Future[Reply]]:
        """Send to all targets of a slot, then take the transmit stamps that are there already."""
        random = os.urandom(echo.RANDOM_BYTES * len(slot))
        futures = [
            self._send(target, facts, random[start : start + echo.RANDOM_BYTES])
            for (target, facts), start in zip(slot, range(0, len(random), echo.RANDOM_BYTES), strict=True)
        ]
        now = kernel.now().monotonic
        for pinger in self._pingers.values():
            pinger.read_stamps()
            pinger.forget_old(now)
        return futures

    def close(self) -> None:
        for pinger in self._pingers.values():
            pinger.close()

    def _send(self, target: IcmpTarget, facts: Facts, random: bytes) -> asyncio.Future[Reply]:
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        try:
            self._pinger(target).send(Sent(target, facts, future), random)
        except ProbeFailed as failed:
            future.set_exception(failed)
        except OSError as error:
            future.set_exception(failures.from_os_error(error))
        return future

    def _pinger(self, target: IcmpTarget) -> Pinger:
        key = target.ip_family, target.source_address
        pinger = self._pingers.get(key) or self.open(*key)
        if pinger is None:
            raise ProbeFailed(Reason.LOCAL, "no permission to open an ICMP socket")
        return pinger


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

"""ICMP echo toward all targets over one socket per family, timed from the kernel's stamp to the kernel's stamp.

The round trip runs from SCHED, taken before this host's own egress queue, to the receipt: so it is
comparable with TCP's. The time in that queue, SCHED to the driver's stamp, is measured apart.
"""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NoReturn

from collectors import routes
from collectors.contract import Attempt, Context, Probe, ProbeFailed, SocketOpened
from collectors.icmp import burst
from collectors.icmp.echo_socket import open_socket
from collectors.icmp.pinger import Pinger
from collectors.icmp.target import IcmpTarget
from collectors.terms import IpFamily, Reason


class _Pingers:
    """One pinger per family, opened on entering; one more for each source address, when it is first used."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._pingers: dict[tuple[IpFamily, str | None], Pinger] = {}
        self._missing: dict[IpFamily, str] = {}
        """Why a family has no socket."""
        self._buffers: dict[IpFamily, int] = {}
        """How large the receive buffer of each family's socket is."""

    def open(self, ip_family: IpFamily) -> None:
        """Open a family's socket, and notice its kind, or why there is none."""
        try:
            opened = open_socket(ip_family)
        except OSError as error:
            self._missing[ip_family] = _why(ip_family, error)
            self._context.notice(SocketOpened(ip_family, "none", error=error.errno or 0))
            return
        self._buffers[ip_family] = opened.receive_buffer
        self._pingers[ip_family, None] = Pinger(opened, self._context)
        self._context.notice(
            SocketOpened(ip_family, opened.kind, stamped=opened.stamped, reads_ancillary=opened.reads_ancillary)
        )

    def probe(self, slot: Sequence[Attempt[IcmpTarget]]) -> Sequence[NoReturn]:
        """Send to all targets of a slot, those alike together, and read what has come by then."""
        alike: dict[tuple[IpFamily, str | None, int, int], list[Attempt[IcmpTarget]]] = {}
        for attempt in slot:
            target = attempt.target
            likeness = target.ip_family, target.source_address, target.payload_bytes, target.dscp
            alike.setdefault(likeness, []).append(attempt)
        for (ip_family, source_address, payload_bytes, dscp), attempts in alike.items():
            try:
                pinger = self._pinger(ip_family, source_address)
            except (OSError, ProbeFailed) as error:
                failed = ProbeFailed(Reason.LOCAL, _why(ip_family, error)) if isinstance(error, OSError) else error
                for attempt in attempts:
                    attempt.end(failed)
            else:
                pinger.send(attempts, payload_bytes, dscp)
        return ()

    def share(self, target: IcmpTarget) -> float:
        """Return which share of a burst a target's probe is."""
        buffer = self._buffers.get(target.ip_family)
        return burst.share(target.ip_family, target.payload_bytes, buffer) if buffer else 0.0

    def _pinger(self, ip_family: IpFamily, source_address: str | None) -> Pinger:
        """Return the pinger of a source address.

        It must be ours now, else ProbeFailed(LOCAL): a socket that was bound to it may go on sending from it.
        """
        if source_address and not routes.is_ours(ip_family, source_address):
            raise ProbeFailed(Reason.LOCAL, f"source_address {source_address} is no address of this host")
        pinger = self._pingers.get((ip_family, source_address))
        if pinger is None:
            if ip_family in self._missing:
                raise ProbeFailed(Reason.LOCAL, self._missing[ip_family])
            pinger = self._pingers[ip_family, source_address] = Pinger(
                open_socket(ip_family, source_address), self._context
            )
        return pinger

    def close(self) -> None:
        for pinger in self._pingers.values():
            pinger.close()


def _why(ip_family: IpFamily, error: OSError) -> str:
    """Return in words why there is no socket."""
    if error.errno == errno.EAFNOSUPPORT:
        return f"this host's kernel has no {ip_family}"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return "no permission to open an ICMP socket"
    return f"no ICMP socket: {error.strerror or error}"


@asynccontextmanager
async def collector(context: Context) -> AsyncIterator[Probe[IcmpTarget]]:
    """Open both families' sockets; each probe of a family without one fails as LOCAL."""
    pingers = _Pingers(context)
    try:
        for ip_family in IpFamily:
            pingers.open(ip_family)
        yield Probe(pingers.probe, share=pingers.share)
    finally:
        pingers.close()

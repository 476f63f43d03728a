"""The ICMP sockets of this host; what one lacks and what to do about it, in words for the log and the overview."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping

from collectors.contract import SocketOpened
from collectors.target import Gives
from collectors.terms import IpFamily
from exporter.fleet import Pair

_PERMISSION = (
    "no permission for %s echo requests: ICMP probes fail as 'local', the others go on. Grant CAP_NET_RAW (container: "
    "cap_add NET_RAW and user 0:0), or let the kernel open ping sockets to all: "
    "sysctl -w net.ipv4.ping_group_range='0 2147483647'"
)
_NO_FAMILY = (
    "this host's kernel has no %s: all probes over it fail as 'local'. Take it out of 'ip_families' of what this host "
    "measures, or start the kernel with it (without ipv6.disable=1)"
)
_OTHER = "no socket for %s echo requests (%s): ICMP probes fail as 'local', the others go on"
_OWN_CLOCK = (
    "%s echo requests are timed by this program's own clock, and bear no dscp: this kernel, older than 6.1, reads "
    "nothing beside a packet of an ICMPv6 datagram socket. Grant CAP_NET_RAW, or take a newer kernel"
)


class IcmpSockets:
    """The sockets that were opened, and the families that are used; one that no pair uses is not reported."""

    def __init__(self) -> None:
        self._opened: dict[IpFamily, SocketOpened] = {}
        self._used: set[IpFamily] = set()

    def configure(self, pairs: Iterable[Pair]) -> None:
        """Use the families of these pairs."""
        self._used = {pair.ip_family for pair in pairs if Gives.ICMP_ECHO in pair.aim.gives}

    def opened(self, socket: SocketOpened) -> None:
        """Record that a family's socket was opened, or could not be; it takes the place of the one before."""
        self._opened[socket.ip_family] = socket

    def used(self) -> Mapping[IpFamily, SocketOpened | None]:
        """Return the socket of each family that is used; None: it is not open yet."""
        return {ip_family: self._opened.get(ip_family) for ip_family in sorted(self._used)}

    def why_no_echo(self) -> str:
        """Return, for the overview, why a family that is used has no echo requests; empty if all have."""
        return next(filter(None, (why_no_echo(socket) for socket in self.used().values() if socket)), "")


def warning(opened: SocketOpened) -> str:
    """Return, for the log, what a socket lacks, and the remedy; empty if it lacks nothing."""
    family = opened.ip_family.value
    if opened.kind != "none":
        return _OWN_CLOCK % family if not opened.reads_ancillary else ""
    if opened.error == errno.EAFNOSUPPORT:
        return _NO_FAMILY % family
    if opened.error in {errno.EACCES, errno.EPERM}:
        return _PERMISSION % family
    return _OTHER % (family, os.strerror(opened.error))


def why_no_echo(opened: SocketOpened) -> str:
    """Return, for the overview, why a family has no echo requests; empty if it has."""
    if opened.kind != "none":
        return ""
    if opened.error == errno.EAFNOSUPPORT:
        return f"its kernel has no {opened.ip_family}: take that out of ip_families, or start the kernel with it"
    if opened.error in {errno.EACCES, errno.EPERM}:
        return "no permission for ICMP: grant CAP_NET_RAW, or open net.ipv4.ping_group_range"
    return f"no socket for ICMP over {opened.ip_family}: {os.strerror(opened.error)}"

"""What every target says of itself: all that the exporter asks of one, whatever its protocol."""

from __future__ import annotations

import abc
import copy
import dataclasses
from typing import ClassVar, Self

from collectors.terms import IpFamily, LabelValue, Phase, Reason

TCP_REASONS = (Reason.TIMEOUT, Reason.REFUSED, Reason.RESET, Reason.UNREACHABLE, Reason.DNS, Reason.LOCAL)
"""Why a connection may fail."""


class Gives(LabelValue):
    """What the probes of a target measure or see. Closed: the metric families are chosen by it."""

    ROUND_TRIP = "round trip"
    HANDSHAKE = "handshake"
    """TCP's, which may need another SYN."""
    HOP_LIMIT = "hop limit"
    ICMP_ECHO = "ICMP echo"
    """Replies by ICMP's sockets; some come too late, or twice."""
    RESPONSE = "response"
    """An HTTP exchange: request out to first byte in, and all of it; what the peer says of its own time."""
    STATUS = "status"
    CERTIFICATE = "certificate"
    LOGIN = "login"
    QUERY = "query"
    READING = "reading"
    """What a database holds, read in the background: no round trip."""


class Target(abc.ABC):
    """The base of each collector's own, which is a frozen dataclass. ``str()`` of it is for people."""

    __slots__ = ()

    reasons: ClassVar[tuple[Reason, ...]]
    """Why its probes may fail, ``LOCAL`` among them."""

    @property
    @abc.abstractmethod
    def protocol(self) -> str:
        """As in the fleet file and in the label."""

    @property
    @abc.abstractmethod
    def gives(self) -> frozenset[Gives]:
        """What its probes can measure or see."""

    @property
    @abc.abstractmethod
    def host(self) -> str:
        """Where its packets go, as it is written: a name or an address. Empty: they do not leave this machine."""

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases that its probes have, in order."""
        return ()

    @property
    def cached_name(self) -> str | None:
        """The name whose last good address is used; None: names, if any, are looked up in the probe."""
        return None

    def for_once(self) -> Self:
        """Return an equal target, of which nothing is kept once it has been probed."""
        return copy.copy(self)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CachedTarget(Target):
    """The base of those whose name is looked up apart from their probes."""

    address: str
    """A name, or a literal address of this family."""
    ip_family: IpFamily

    @property
    def host(self) -> str:
        return self.address

    @property
    def cached_name(self) -> str:
        return self.address

"""The terms of measurements, as closed sets: families, clocks, reasons, phases. Each value is a label's value."""

from __future__ import annotations

import enum
import socket

Seconds = float


class LabelValue(enum.StrEnum):
    """One word of a closed set; its hash is its text's, because Enum's own is a function in Python."""

    __hash__ = str.__hash__


class IpFamily(LabelValue):
    """The family a pair is measured over; never chosen by whichever answers first."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"

    @property
    def address_family(self) -> socket.AddressFamily:
        """The same as sockets name it."""
        return socket.AF_INET if self is IpFamily.IPV4 else socket.AF_INET6


class Clock(LabelValue):
    """Which clock took a measurement: the kernel's stamps, or our own around the system calls."""

    KERNEL = "kernel"
    USER = "user"


class Reason(LabelValue):
    """Why a probe failed. Closed: every value is a label value that stands at 0 from the start."""

    TIMEOUT = "timeout"
    REFUSED = "refused"
    RESET = "reset"
    UNREACHABLE = "unreachable"
    DNS = "dns"
    TLS = "tls"
    AUTH = "auth"
    LIMIT = "limit"
    QUERY = "query"
    STATUS = "status"
    BODY = "body"
    PROTOCOL = "protocol"
    LOCAL = "local"


class Gap(LabelValue):
    """What a connection that fell silent shows of its packets: the network lost them, whatever the program does."""

    ANSWER = "answer"
    """A later part of the answer came and an earlier one did not: where packets differ, the large one gets lost."""
    REQUEST = "request"
    """What we sent was not acknowledged, though it was sent again: a program that hangs has a kernel that does."""


class Phase(LabelValue):
    """The parts of an exchange, in order; each its own duration, none includes another."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    AUTH = "auth"
    QUERY = "query"
    PROCESSING = "processing"
    TRANSFER = "transfer"

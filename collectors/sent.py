"""What a pinger remembers of its requests: those without a reply, and whose were the latest that had one."""

from __future__ import annotations

from collectors import echo, kernel
from collectors.contract import Attempt, Clock, RoundTrip, Seconds
from collectors.icmp_target import IcmpTarget

_REMEMBERED_ANSWERS = 1 << 14
"""How many answered requests are known, so that a second reply is told as a duplicate: 16 s at 1,000 a second."""


class Sent:
    """A request that has no reply yet: its probe is under way, or was given up and may still be answered late."""

    __slots__ = ("attempt", "before", "forget_at", "host", "request", "scheduled", "token", "transmitted")

    def __init__(
        self, attempt: Attempt[IcmpTarget], token: bytes, request: bytes, host: bytes, before: kernel.Moment
    ) -> None:
        self.attempt, self.token, self.request, self.host, self.before = attempt, token, request, host, before
        self.scheduled: int | None = None
        self.transmitted: int | None = None
        self.forget_at: Seconds | None = None


class Answered:
    """Whose were the latest requests that were answered: another reply to one of them is a duplicate.

    Flat tables, because an object each would be many to keep and to look through for the garbage collector.
    """

    def __init__(self) -> None:
        self._targets: list[IcmpTarget | None] = [None] * _REMEMBERED_ANSWERS
        self._tokens = bytearray(_REMEMBERED_ANSWERS * echo.TOKEN_BYTES)

    def add(self, sequence: int, target: IcmpTarget, token: bytes) -> None:
        """Remember an answered request."""
        at = sequence % _REMEMBERED_ANSWERS
        self._targets[at] = target
        self._tokens[at * echo.TOKEN_BYTES : (at + 1) * echo.TOKEN_BYTES] = token

    def get(self, sequence: int, token: bytes | bytearray) -> IcmpTarget | None:
        """Return whose request with this token was answered."""
        at = sequence % _REMEMBERED_ANSWERS
        return self._targets[at] if self._tokens.startswith(token, at * echo.TOKEN_BYTES) else None


def reply(sent: Sent, received: int | None, after: kernel.Moment) -> RoundTrip:
    """Measure from stamp to stamp where both can be believed, and else by our own clock."""
    scheduled, transmitted = sent.scheduled, sent.transmitted
    if scheduled is not None and received is not None:
        rtt = kernel.elapsed(scheduled, received, sent.before, after)
        if rtt is not None:
            queue = None if transmitted is None else kernel.elapsed(scheduled, transmitted, sent.before, after)
            return RoundTrip(rtt, Clock.KERNEL, queue)
    return RoundTrip(after.monotonic - sent.before.monotonic, Clock.USER)

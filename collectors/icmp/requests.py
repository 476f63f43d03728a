"""What a pinger remembers of its requests: those without a reply, and whose were the latest that had one."""

from __future__ import annotations

import os

from collectors import kernel
from collectors.contract import Attempt, ProbeFailed
from collectors.icmp import echo
from collectors.icmp.target import IcmpTarget
from collectors.replies import RoundTrip
from collectors.terms import Clock, Reason, Seconds

_SEQUENCES = 1 << 16
_REMEMBERED_FOR: Seconds = 15.0
"""How long a request is kept after its probe was seen to be given up, so that a late reply is known as one."""
_BETWEEN_SWEEPS: Seconds = 1.0
_REMEMBERED_ANSWERS = 1 << 14
"""How many answered requests are known, so that a second reply is a duplicate: 16 s at 1,000 a second."""


class SentRequest:
    """A request that has no reply yet: its probe is under way, or was given up and may still be answered late."""

    __slots__ = ("attempt", "before", "forget_at", "host", "request", "scheduled", "token", "transmitted")

    def __init__(
        self, attempt: Attempt[IcmpTarget], token: bytes, request: bytes, host: bytes, before: kernel.Moment
    ) -> None:
        self.attempt, self.token, self.request, self.host, self.before = attempt, token, request, host, before
        self.scheduled: int | None = None
        """The kernel's stamp on entering the queueing discipline; nanoseconds since the epoch."""
        self.transmitted: int | None = None
        """The driver's stamp; nanoseconds since the epoch."""
        self.forget_at: Seconds | None = None


class AnsweredRequests:
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
        """Return the target whose request with this token was answered."""
        at = sequence % _REMEMBERED_ANSWERS
        return self._targets[at] if self._tokens.startswith(token, at * echo.TOKEN_BYTES) else None


class SentRequests:
    """The requests of one pinger, each with a sequence of its own while its probe is under way."""

    def __init__(self) -> None:
        self.unanswered: dict[int, SentRequest] = {}
        """By sequence, in the order of their sending."""
        self.answered = AnsweredRequests()
        self._sequence = int.from_bytes(os.urandom(2), "big")
        self._swept_at: Seconds = 0.0

    def next_sequence(self) -> int:
        """Return the next sequence that no probe under way has; ProbeFailed(LOCAL) if there is none."""
        for _ in range(_SEQUENCES):
            self._sequence = (self._sequence + 1) % _SEQUENCES
            known = self.unanswered.get(self._sequence)
            if known is None or known.attempt.over:
                return self._sequence
        raise ProbeFailed(Reason.LOCAL, "65,536 echo requests are under way")

    def sweep(self, now: Seconds) -> list[SentRequest]:
        """Drop the requests that nobody will answer any more, once a second (``now`` is monotonic).

        Return those whose probes have been given up since the last sweep: they stay, for a late reply.
        """
        given_up: list[SentRequest] = []
        if now - self._swept_at < _BETWEEN_SWEEPS:
            return given_up
        self._swept_at = now
        for sequence, sent in list(self.unanswered.items()):
            if sent.forget_at is not None and sent.forget_at <= now:
                del self.unanswered[sequence]
            elif sent.forget_at is None and sent.attempt.over:
                sent.forget_at = now + _REMEMBERED_FOR
                given_up.append(sent)
        return given_up


def reply(sent: SentRequest, received: int | None, after: kernel.Moment) -> RoundTrip:
    """Measure from stamp to stamp where both can be believed, and else by our own clock."""
    scheduled, transmitted = sent.scheduled, sent.transmitted
    if scheduled is not None and received is not None:
        rtt = kernel.elapsed(scheduled, received, sent.before, after)
        if rtt is not None:
            queue = None if transmitted is None else kernel.elapsed(scheduled, transmitted, sent.before, after)
            return RoundTrip(rtt, Clock.KERNEL, queue)
    return RoundTrip(after.monotonic - sent.before.monotonic, Clock.USER)

"""The latest of a pair, as small objects: its probe, its failure, its failures in a row, its change of address."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from collectors.contract import Facts
from collectors.replies import Reply
from collectors.terms import Phase, Reason, Seconds

_SILENCE = (Reason.TIMEOUT, Reason.UNREACHABLE)
_CONNECTED = (Phase.TLS, Phase.AUTH, Phase.QUERY, Phase.PROCESSING, Phase.TRANSFER)


@dataclasses.dataclass(slots=True)
class LastProbe:
    """The latest probe that was decided. Each one overwrites it: a new object would cost a tenth of all recording."""

    facts: Facts | None = None
    """What it saw; None before the first."""
    reply: Reply | None = None
    """What it measured; None if it failed."""
    at: Seconds = 0.0
    """When it was decided, by the monotonic clock."""

    def copy(self) -> LastProbe:
        """Return a copy that is not overwritten; ``copy.copy`` would take ten times as long."""
        return LastProbe(self.facts, self.reply, self.at)


class Failure(NamedTuple):
    """How a probe failed: what is kept of a ``ProbeFailed``, whose traceback would keep all that it passed through."""

    reason: Reason
    detail: str
    misconfigured: bool
    phase: Phase | None
    """Which phase was begun last."""
    wall: float
    """When, in seconds since the epoch."""

    @property
    def silent(self) -> bool:
        """Nothing came back before anything was connected: no answer, or a router's answer that there is no way."""
        return is_silent(self.reason, self.phase)


def is_silent(reason: str | None, phase: str | None) -> bool:
    """Return whether a probe that failed so, in this phase, got nothing back at all."""
    return reason in _SILENCE and phase not in _CONNECTED


class Failing(NamedTuple):
    """The failures since the last success, by the monotonic clock."""

    since: Seconds
    """When the last probe succeeded; if none ever did, when the first one failed."""
    first: Seconds
    """When the first of them was decided."""
    in_a_row: int
    """How many they are."""


class Moved(NamedTuple):
    """The latest change of the address that a pair measures."""

    before: str
    after: str
    why: str
    """What was wrong with the address before; empty where the resolver gave another one."""
    at: Seconds
    """When, by the monotonic clock."""
    wall: float
    """When, in seconds since the epoch."""

    def __str__(self) -> str:
        return f"{self.before} -> {self.after}" + (f" ({self.why})" if self.why else "")

"""What a collector is. Read this file, then write yours.

A collector measures one *protocol*. It is an async context manager: entering it takes what is
ours (sockets, contexts), and what it yields, a ``Probe``, measures what is theirs::

    entering fails     our fault: the exporter says what is missing
    the probe fails    their fault: ``ProbeFailed``, with one Reason of a closed set
    anything else      a bug: counted as ``Reason.LOCAL`` and logged once with its traceback

The caller decides when to probe, cancels what has reached its deadline, logs, counts and labels, and
says when a target is no longer probed (``Probe.forget``). A collector therefore never sleeps, logs,
spawns, repeats a probe or knows a label; a long computation goes to a thread. The smallest one::

    async def probe(target: Target, facts: Facts) -> RoundTrip:
        return RoundTrip(rtt=await something(target), clock=Clock.USER)

    @asynccontextmanager
    async def collector(context: Context) -> AsyncIterator[Probe[Target]]:
        yield one_by_one(probe)

A protocol whose probes are cheaper together takes the slot as it is, and ends each ``Attempt`` itself.

What a success measured is one of the kinds of ``Reply``: a round trip, an exchange, a login, a query or a reading.
Each says which of its numbers people look at first (``headline``), what the server took, and how long it took in all.

Its ``Target`` is a frozen dataclass of what the probe needs to know. It says of itself what ``collectors.target``
asks, and holds no secret in its ``repr``. All durations are seconds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar

from collectors.replies import Reply
from collectors.terms import Gap, IpFamily, Phase, Reason, Seconds

T = TypeVar("T")


@dataclasses.dataclass
class Facts:
    """The notebook of one probe: what was seen so far, kept whatever the probe's end.

    The caller hands in an empty one, so that a probe that is cancelled at its deadline still says
    what it saw. A measured duration is no fact: it goes into the ``Reply`` of a success.
    """

    retransmitted: bool = False
    """The TCP handshake needed another SYN (or has not finished for want of an answer to one)."""
    silence: Reason = Reason.TIMEOUT
    """What it means if the deadline comes first: LOCAL when our own receive buffer overflowed meanwhile, so
    that the answer may have been lost here; PROTOCOL when something came that was not the answer; DNS
    while a name is looked up."""
    phase: Phase | None = None
    """What was begun last: where a probe that failed came to its end."""
    address: str | None = None
    """Which address of a name was asked, or asked last; None: nothing was, or what the target has is literal."""
    tried: tuple[str, ...] = ()
    """Addresses that were asked before it, each with what was wrong there."""
    gap: Gap | None = None
    """Noted when a connection ends before its answer is complete."""
    is_queued: bool = False
    """Nothing of it was begun yet: its thread is still busy with a probe that was given up."""
    answered_late: bool = False
    """A reply came, longer after its request than the timeout allows; set by the caller."""
    hop_limit: int | None = None
    status_code: int | None = None
    redirect: str | None = None
    """Where a 3xx answer points; it is not followed."""
    certificate_not_before: float | None = None
    """When it began to be valid: the same certificate as of the expiry."""
    certificate_expiry: float | None = None
    """Of the certificate that was served, trusted or not; seconds since the epoch."""
    peer_processing: Seconds | None = None
    """What the peer says of its own time (``Server-Timing``)."""
    withdrawal: Callable[[], Coroutine[Any, Any, None]] | None = None
    """Tells the server to stop what it still works on for a probe that was given up. The caller runs it when the probe
    is over, beside whatever comes next, and cancels it after a while."""


class ProbeFailed(Exception):
    """The target did not answer as it should: the one exception that a probe raises on purpose."""

    def __init__(self, reason: Reason, detail: str = "", *, misconfigured: bool = False) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.misconfigured = misconfigured
        """What was asked cannot succeed, whoever is well: a name that does not exist, a login that is refused."""


Outcome = Reply | ProbeFailed


class Attempt(Facts, Generic[T]):
    """One probe under way: its target, the notebook of what was seen, and its end, which comes once."""

    def __init__(self, target: T, decided: Callable[[Attempt[T], Outcome], None]) -> None:
        # What was not noted yet is read from the class, where a dataclass keeps its defaults.
        self.target = target
        self.over = False
        self._decided = decided

    def end(self, outcome: Outcome) -> None:
        """Decide it, unless that was done: by a reply, by its deadline, or because its target has gone."""
        if not self.over:
            self.over = True
            self._decided(self, outcome)


@dataclasses.dataclass(frozen=True, slots=True)
class LateReply:
    """A reply that came after its probe's deadline."""

    target: object


@dataclasses.dataclass(frozen=True, slots=True)
class DuplicateReply:
    """One more reply to a probe that was answered."""

    target: object


@dataclasses.dataclass(frozen=True, slots=True)
class ReceiveOverflow:
    """The kernel dropped packets because our receive buffer was full."""

    packets: int


@dataclasses.dataclass(frozen=True, slots=True)
class SocketOpened:
    """Which kind of ICMP socket a family got: ``datagram``, ``raw`` or ``none``."""

    ip_family: IpFamily
    kind: str
    error: int = 0
    """Why there is none: an errno."""
    stamped: bool = True
    """The kernel's clock measures; else it is the user's."""
    reads_ancillary: bool = True
    """A probe's traffic class is sent."""


Notice = LateReply | DuplicateReply | ReceiveOverflow | SocketOpened


@dataclasses.dataclass(frozen=True, slots=True)
class Context:
    """What a collector is given by its caller."""

    address: Callable[[str, IpFamily], str]
    """The last good address of a name, at once; ProbeFailed(DNS) while none was ever obtained."""
    lookup: Callable[[str, IpFamily], Awaitable[Sequence[str]]]
    """A fresh lookup of all addresses of a name, off the loop; ProbeFailed(DNS)."""
    notice: Callable[[Notice], None]
    """Accepts what belongs to no probe under way."""
    others: Callable[[str, IpFamily], Sequence[str]] = lambda _name, _family: ()
    """What ``address`` might have returned instead."""


def _nothing_is_kept(_target: object) -> None:
    """Do nothing: most collectors keep nothing of a target."""


def _no_share(_target: object) -> float:
    """Return 0: however many there are, they may begin together."""
    return 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class Probe(Generic[T]):
    """What a collector does for its targets."""

    start: Callable[[Sequence[Attempt[T]]], Sequence[Coroutine[Any, Any, Reply]]]
    """Starts one probe toward each target of a slot. Returns a coroutine for each, in the same order, which the caller
    runs; or none at all, if the collector ends the attempts itself as their answers come in."""
    forget: Callable[[T], None] = _nothing_is_kept
    """Ends what is kept for a target, this very object, because it is no longer probed. Its last probe is over by then,
    or is cancelled in the same moment. The target may never have been probed."""
    share: Callable[[T], float] = _no_share
    """Returns which share of a burst a probe of a target is: those that begin together make 1 at most, if they can."""

    def __call__(self, slot: Sequence[Attempt[T]]) -> Sequence[Coroutine[Any, Any, Reply]]:
        """Start a slot."""
        return self.start(slot)


Collector = Callable[[Context], AbstractAsyncContextManager[Probe[T]]]


def one_by_one(
    probe: Callable[[T, Facts], Coroutine[Any, Any, Reply]],
    forget: Callable[[T], None] = _nothing_is_kept,
    share: Callable[[T], float] = _no_share,
) -> Probe[T]:
    """Turn a probe of one target into a probe of a slot, for protocols that gain nothing by batches."""

    def probe_slot(slot: Sequence[Attempt[T]]) -> Sequence[Coroutine[Any, Any, Reply]]:
        return [probe(attempt.target, attempt) for attempt in slot]

    return Probe(probe_slot, forget, share)

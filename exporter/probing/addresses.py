"""The last good address of every name, refreshed apart from the probes.

ICMP and TCP measure toward a cached address, so that a slow or dead resolver is never on the
measuring path: a refresh that fails keeps what was known. A refresh is a job of a scheduler like
any probe, with ``Addresses.refresh`` in the collector's place. It is due as often as the target
is probed, and as a rule the address is still fresh. So a name that has none yet, or whose resolver is
back, gets one within one interval and not after ``resolve_interval``.

Of several addresses one is measured: at first the smallest, then the same while it is among the answers. Where none
of the name's pairs is answered any more, the next address is measured, and stays if it answers.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple

from collectors.contract import Facts, Outcome, ProbeFailed
from collectors.literals import literal_family
from collectors.replies import RoundTrip
from collectors.terms import Clock, IpFamily, Reason, Seconds
from collectors.transport import resolver
from exporter.fleet import Pair

Lookup = Callable[[str, IpFamily], Awaitable[Sequence[str]]]

_TIMEOUT: Seconds = 5.0
_FRESH = 0.9
"""The share of ``resolve_interval`` for which an address is fresh. It is less than one because a refresh may start a
little early: the one that is due when the interval is over must find the address no longer fresh."""
_MEASURES_NOTHING = RoundTrip(rtt=None, clock=Clock.USER)
"""The reply of a refresh: the scheduler and ``Addresses.decided`` ask only whether it failed."""


class Name(NamedTuple):
    """A name, and the family of the addresses that are asked for."""

    name: str
    ip_family: IpFamily


class Move(NamedTuple):
    """Another address of a name is measured."""

    name: Name
    before: str
    after: str
    why: str = ""
    """Empty where the resolver no longer gives the former one."""


@dataclasses.dataclass(frozen=True, slots=True)
class Refresh:
    """A job of the scheduler: every ``interval`` a target's name is looked up, if its address is no longer fresh."""

    target: str
    aim: Name
    interval: Seconds

    @property
    def identity(self) -> tuple[str, ...]:
        """What distinguishes it from all other refreshes."""
        return ("refresh", self.target, self.aim.name, self.aim.ip_family)

    @property
    def slots(self) -> int:
        """One: nothing is gained by waiting for other refreshes."""
        return 1

    @property
    def timeout(self) -> Seconds:
        """Long enough to ask a second name server. A refresh that is due while the one before still runs is skipped."""
        return _TIMEOUT


def refreshes(pairs: Iterable[Pair], keep: Seconds) -> list[Refresh]:
    """Return the refreshes that these pairs need; none for names that a probe looks up itself, as HTTP's do.

    ``keep`` is how many seconds an address is kept.
    """
    intervals: dict[tuple[str, Name], Seconds] = {}
    for pair in pairs:
        name = pair.aim.cached_name
        if name is not None and literal_family(name) is None:
            key = pair.target, Name(name, pair.ip_family)
            intervals[key] = min(keep, pair.interval, intervals.get(key, keep))
    return [Refresh(target, name, keep / math.ceil(keep / interval)) for (target, name), interval in intervals.items()]


class Addresses:
    """A cache of addresses, filled by the refreshes of a scheduler whose watcher it is.

    ``failed`` is called with the target of a refresh that failed, ``moved`` with each change of a name's address.
    """

    def __init__(
        self, lookup: Lookup, failed: Callable[[str], None], moved: Callable[[Move], None] = lambda _: None
    ) -> None:
        self._lookup, self._failed, self._moved = lookup, failed, moved
        self._loop = asyncio.get_running_loop()
        self._known: dict[tuple[str, IpFamily], str] = {}
        self._answers: dict[Name, Sequence[str]] = {}
        """All addresses of the cached names."""
        self._reported: dict[Name, str] = {}
        """Which address was last reported, of cached names and of others that were looked up."""
        self._failures: dict[Name, tuple[str, bool]] = {}
        """Detail and ``misconfigured`` of the last look-up of a name, where that failed."""
        self._fresh_until: dict[Name, Seconds] = {}
        self._keep: Seconds = 0.0
        self._expected: frozenset[Name] = frozenset()
        self.changed = asyncio.Event()
        """Set when a name has another address than before; its reader clears it."""
        self._unanswered: set[Name] = set()
        self._all_answered = asyncio.Event()

    def get(self, name: str, ip_family: IpFamily) -> str:
        """Return the last good address at once; while there was none, ProbeFailed(DNS) as the look-up failed."""
        address = self._known.get((name, ip_family)) or self._literal(name, ip_family)
        if address is None:
            unknown = f"{name} has no known {ip_family} address", False
            why, misconfigured = self._failures.get(Name(name, ip_family), unknown)
            raise ProbeFailed(Reason.DNS, why, misconfigured=misconfigured)
        return address

    def others(self, name: str, ip_family: IpFamily) -> Sequence[str]:
        """Return the addresses that a name has beside the one that ``get`` returns."""
        known = self._known.get((name, ip_family))
        return [address for address in self._answers.get(Name(name, ip_family), ()) if address != known]

    def of(self, name: str) -> list[tuple[IpFamily, str]]:
        """Return the addresses of a name that are measured now, of either family."""
        names = [Name(name, family) for family in IpFamily]
        addresses = [self._known.get(each) or self._reported.get(each) for each in names]
        return [(each.ip_family, address) for each, address in zip(names, addresses, strict=True) if address]

    def _literal(self, name: str, ip_family: IpFamily) -> str | None:
        address = resolver.literal(name, ip_family)
        if address is not None:
            self._known[Name(name, ip_family)] = address
        return address

    def expect(self, refreshes: Iterable[Refresh], keep: Seconds) -> None:
        """Prepare for the refreshes of these names, whose addresses are kept for ``keep`` seconds.

        ``answered`` waits for names that are new. Those expected until now stay known until the next call: their pairs
        are probed meanwhile.
        """
        names = frozenset(refresh.aim for refresh in refreshes)
        kept = names | self._expected
        self._known = {name: address for name, address in self._known.items() if name in kept}
        self._fresh_until = {name: until for name, until in self._fresh_until.items() if name in names}
        self._failures = {name: failed for name, failed in self._failures.items() if name in names}
        self._answers = {name: answers for name, answers in self._answers.items() if name in kept}
        self._keep, self._expected, self._unanswered = keep, names, set(names - self._known.keys())
        self._all_answered.clear()
        if not self._unanswered:
            self._all_answered.set()

    async def answered(self, within: Seconds) -> None:
        """Wait until each new name was looked up once, but at most ``within``: first probes need addresses."""
        try:
            async with asyncio.timeout(within):  # noqa: TID251 - of the start, not of a probe
                await self._all_answered.wait()
        except TimeoutError:
            return

    async def refresh(self, name: Name, _facts: Facts) -> RoundTrip:
        """Look a name up, if it is time to; keep its address while that is still among the answers."""
        if self._loop.time() >= self._fresh_until.get(name, 0.0):
            await self._look_up(name)
        return _MEASURES_NOTHING

    async def _look_up(self, name: Name) -> None:
        started = self._loop.time()
        answers = self._answers[name] = await self._lookup(name.name, name.ip_family)
        if self._known.get(name) not in answers:
            self._known[name] = answers[0]
        self._note(name, answers, self._known[name])
        self._fresh_until[name] = started + _FRESH * self._keep

    async def look_up(self, name: str, ip_family: IpFamily) -> Sequence[str]:
        """Look a name up for a probe that does so itself: nothing of it is cached, but a change is noted."""
        answers = await self._lookup(name, ip_family)
        self._note(Name(name, ip_family), answers, answers[0])
        return answers

    def _note(self, name: Name, answers: Sequence[str], chosen: str) -> None:
        if self._reported.setdefault(name, chosen) not in answers:
            self._report(name, chosen)

    def _report(self, name: Name, address: str, why: str = "") -> None:
        before, self._reported[name] = self._reported[name], address
        self._moved(Move(name, before, address, why))
        self.changed.set()

    def unreached(self, name: Name, address: str) -> None:
        """Record that a cached name's address answers none of its pairs: the next one is measured from now on."""
        answers = self._answers.get(name, ())
        if self._known.get(name) == address and address in answers:
            self._known[name] = answers[(answers.index(address) + 1) % len(answers)]

    def reached(self, name: Name, address: str) -> None:
        """Record that an address answers; where it replaces one that did not, that is reported."""
        if self._known.get(name) == address and self._reported.get(name, address) != address:
            self._report(name, address, "the former does not answer")

    # As the scheduler's watcher

    def decided(self, job: Refresh, _facts: Facts, outcome: Outcome) -> None:
        """Record how a refresh ended."""
        self._unanswered.discard(job.aim)
        if not self._unanswered:
            self._all_answered.set()
        if isinstance(outcome, ProbeFailed):
            self._failures[job.aim] = outcome.detail, outcome.misconfigured
            self._failed(job.target)
        else:
            self._failures.pop(job.aim, None)

    def started_late(self, lateness: Seconds, probes: int) -> None:
        """Ignore it: a refresh has no hurry."""

    def skipped(self, probes: int) -> None:
        """Ignore it: the next refresh will do."""

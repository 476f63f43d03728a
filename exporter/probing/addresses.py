"""The last good address of every name, refreshed apart from the probes.

ICMP and TCP measure toward a cached address, so that a slow or dead resolver is never on the
measuring path: a refresh that fails keeps what was known. A refresh is a job of a scheduler like
any probe, with ``Addresses.refresh`` in the collector's place. It comes round as often as the target
is probed and as a rule finds the address fresh; so a name that has none yet, or whose resolver is
back, is found within one interval and not after ``resolve_interval``.

Of several addresses one is measured, the smallest at first, and stays while it is among the answers. Where none
of the name's pairs gets an answer any more the next one is asked, and stays if somebody answers there.
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
_OF_AN_INTERVAL = 0.9
"""Of the time that an address is kept: a little less than one, so that the nth turn, then due, is not too early."""


class Name(NamedTuple):
    """What is looked up for a target."""

    name: str
    ip_family: IpFamily


class Move(NamedTuple):
    """Another address of a name is measured."""

    name: Name
    before: str
    after: str
    why: str = ""
    """Empty where the resolver gave another one."""


@dataclasses.dataclass(frozen=True, slots=True)
class Refresh:
    """A job of the scheduler: one target's name, whose freshness is looked at every ``interval``."""

    target: str
    aim: Name
    interval: Seconds

    @property
    def identity(self) -> tuple[str, ...]:
        """Tell it from all other refreshes."""
        return ("refresh", self.target, self.aim.name, self.aim.ip_family)

    @property
    def slot(self) -> Seconds:
        """Nothing is gained by waiting for others."""
        return 0.1

    @property
    def timeout(self) -> Seconds:
        """Long enough to ask a second name server; a look-up that outlasts its turn misses the next one."""
        return _TIMEOUT


def refreshes(pairs: Iterable[Pair], keep: Seconds) -> list[Refresh]:
    """Return the refreshes that these pairs need: of names, and not of HTTP's, which are looked up in the probe."""
    intervals: dict[tuple[str, Name], Seconds] = {}
    for pair in pairs:
        name = pair.aim.cached_name
        if name is not None and literal_family(name) is None:
            key = pair.target, Name(name, pair.ip_family)
            intervals[key] = min(keep, pair.interval, intervals.get(key, keep))
    return [Refresh(target, name, keep / math.ceil(keep / interval)) for (target, name), interval in intervals.items()]


class Addresses:
    """A cache of addresses, and who fills it.

    ``failed`` is given the target of a refresh that failed, ``moved`` each change of a name's address.
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
        """Which address people know of, of cached names and of others that were looked up."""
        self._why: dict[tuple[str, IpFamily], tuple[str, bool]] = {}
        self._fresh_until: dict[Name, Seconds] = {}
        self._keep: Seconds = 0.0
        self._expected: frozenset[Name] = frozenset()
        self.changed = asyncio.Event()
        """Set when a name leads elsewhere than before, for whoever clears it."""
        self._unanswered: set[Name] = set()
        self._all_answered = asyncio.Event()

    def get(self, name: str, ip_family: IpFamily) -> str:
        """Return the last good address at once; while none was ever obtained ProbeFailed(DNS), as the look-up said."""
        address = self._known.get((name, ip_family)) or self._literal(name, ip_family)
        if address is None:
            why, misconfigured = self._why.get((name, ip_family), (f"{name} has no known {ip_family} address", False))
            raise ProbeFailed(Reason.DNS, why, misconfigured=misconfigured)
        return address

    def others(self, name: str, ip_family: IpFamily) -> Sequence[str]:
        """Return the addresses that a name has beside the one that ``get`` returns."""
        known = self._known.get((name, ip_family))
        return [address for address in self._answers.get(Name(name, ip_family), ()) if address != known]

    def of(self, name: str) -> list[tuple[IpFamily, str]]:
        """Return the addresses that a name leads to now, of either family."""
        names = [Name(name, family) for family in IpFamily]
        found = [(known, self._known.get(known) or self._reported.get(known)) for known in names]
        return [(known.ip_family, address) for known, address in found if address]

    def _literal(self, name: str, ip_family: IpFamily) -> str | None:
        address = resolver.literal(name, ip_family)
        if address is not None:
            self._known[Name(name, ip_family)] = address
        return address

    def expect(self, refreshes: Iterable[Refresh], keep: Seconds) -> None:
        """Say which names will be looked up, every ``keep`` seconds; ``answered`` waits for those that are new.

        Those expected until now stay known until the next time: their pairs probe on while we wait.
        """
        names = frozenset(refresh.aim for refresh in refreshes)
        kept = names | self._expected
        self._known = {name: address for name, address in self._known.items() if name in kept}
        self._fresh_until = {name: until for name, until in self._fresh_until.items() if name in names}
        self._why = {name: why for name, why in self._why.items() if name in names}
        self._answers = {name: answers for name, answers in self._answers.items() if name in kept}
        self._keep, self._expected, self._unanswered = keep, names, set(names - self._known.keys())
        self._all_answered.clear()
        if not self._unanswered:
            self._all_answered.set()

    async def answered(self, within: Seconds) -> None:
        """Wait until each new name was looked up once, well or not, so that no first probe fails for haste."""
        try:
            async with asyncio.timeout(within):  # noqa: TID251 - of the start, not of a probe
                await self._all_answered.wait()
        except TimeoutError:
            return

    async def refresh(self, name: Name, _facts: Facts) -> RoundTrip:
        """Look a name up, if it is time to; keep its address while that is still among the answers."""
        if self._loop.time() >= self._fresh_until.get(name, 0.0):
            await self._look_up(name)
        return RoundTrip(rtt=None, clock=Clock.USER)

    async def _look_up(self, name: Name) -> None:
        started = self._loop.time()
        answers = self._answers[name] = await self._lookup(name.name, name.ip_family)
        if self._known.get(name) not in answers:
            self._known[name] = answers[0]
        self._note(name, answers, self._known[name])
        self._fresh_until[name] = started + _OF_AN_INTERVAL * self._keep

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
        """Accept that nobody gets an answer at a cached name's address: the next one is asked from now on."""
        answers = self._answers.get(name, ())
        if self._known.get(name) == address and address in answers:
            self._known[name] = answers[(answers.index(address) + 1) % len(answers)]

    def reached(self, name: Name, address: str) -> None:
        """Accept that somebody answers at an address where others did not: what it is there for is reported."""
        if self._known.get(name) == address and self._reported.get(name, address) != address:
            self._report(name, address, "the former does not answer")

    # The scheduler's watcher

    def decided(self, job: Refresh, _facts: Facts, outcome: Outcome) -> None:
        """Take the end of a refresh."""
        self._unanswered.discard(job.aim)
        if not self._unanswered:
            self._all_answered.set()
        if isinstance(outcome, ProbeFailed):
            self._why[job.aim] = outcome.detail, outcome.misconfigured
            self._failed(job.target)
        else:
            self._why.pop(job.aim, None)

    def started_late(self, lateness: Seconds, probes: int) -> None:
        """Ignore it: a refresh has no hurry."""

    def skipped(self, probes: int) -> None:
        """Ignore it: the next refresh will do."""

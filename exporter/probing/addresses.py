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
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple

from collectors.contract import Facts, Outcome, ProbeFailed, one_by_one
from collectors.replies import RoundTrip
from collectors.terms import Clock, IpFamily, Reason, Seconds
from collectors.transport import resolver
from exporter.probing.refresh_jobs import NameAndFamily, Refresh
from exporter.probing.scheduler import Scheduler

Lookup = Callable[[str, IpFamily], Awaitable[Sequence[str]]]

_FRESH = 0.9
"""The share of ``resolve_interval`` for which an address is fresh.

Below 1, so that a refresh that starts slightly early still looks up."""
_MEASURES_NOTHING = RoundTrip(rtt=None, clock=Clock.USER)
"""The reply of a refresh: the scheduler and ``Addresses.probe_ended`` ask only whether it failed."""


class Move(NamedTuple):
    """Another address of a name is measured."""

    name: NameAndFamily
    before: str
    after: str
    why: str = ""
    """Empty where the resolver no longer gives the former one."""


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
        self._answers: dict[NameAndFamily, Sequence[str]] = {}
        """All addresses of the cached names."""
        self._reported: dict[NameAndFamily, str] = {}
        """Which address was last reported, of cached names and of others that were looked up."""
        self._failures: dict[NameAndFamily, tuple[str, bool]] = {}
        """Detail and ``misconfigured`` of the last look-up of a name, where that failed."""
        self._fresh_until: dict[NameAndFamily, Seconds] = {}
        self._keep: Seconds = 0.0
        self._expected: frozenset[NameAndFamily] = frozenset()
        self.changed = asyncio.Event()
        """Set when a name has another address than before; its reader clears it."""
        self._unanswered: set[NameAndFamily] = set()
        self._all_answered = asyncio.Event()

    def get(self, name: str, ip_family: IpFamily) -> str:
        """Return the last good address at once; while there was none, ProbeFailed(DNS) as the look-up failed."""
        address = self._known.get((name, ip_family)) or self._literal(name, ip_family)
        if address is None:
            unknown = f"{name} has no known {ip_family} address", False
            why, misconfigured = self._failures.get(NameAndFamily(name, ip_family), unknown)
            raise ProbeFailed(Reason.DNS, why, misconfigured=misconfigured)
        return address

    def others(self, name: str, ip_family: IpFamily) -> Sequence[str]:
        """Return the addresses that a name has beside the one that ``get`` returns."""
        known = self._known.get((name, ip_family))
        return [address for address in self._answers.get(NameAndFamily(name, ip_family), ()) if address != known]

    def of(self, name: str) -> list[tuple[IpFamily, str]]:
        """Return the addresses of a name that are measured now, of either family."""
        names = [NameAndFamily(name, family) for family in IpFamily]
        addresses = [self._known.get(each) or self._reported.get(each) for each in names]
        return [(each.ip_family, address) for each, address in zip(names, addresses, strict=True) if address]

    def _literal(self, name: str, ip_family: IpFamily) -> str | None:
        address = resolver.literal(name, ip_family)
        if address is not None:
            self._known[NameAndFamily(name, ip_family)] = address
        return address

    def keep_fresh(self, refreshes: Sequence[Refresh], keep: Seconds, refresher: Scheduler[Refresh]) -> None:
        """Let ``refresher`` do these refreshes and no others; addresses are kept for ``keep`` seconds.

        ``answered`` waits for names that are new. Those refreshed until now stay known until the next call: their pairs
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
        probe = one_by_one(self.refresh)
        refresher.replace((refresh, probe) for refresh in refreshes)

    def forget_others(self, names: Iterable[str]) -> None:
        """Forget which addresses were reported of other names than these, which nobody measures any more."""
        measured = set(names)
        self._reported = {name: address for name, address in self._reported.items() if name.name in measured}

    async def answered(self, within: Seconds) -> None:
        """Wait until each new name was looked up once, but at most ``within`` seconds: first probes need addresses."""
        try:
            async with asyncio.timeout(within):  # noqa: TID251 - of the start, not of a probe
                await self._all_answered.wait()
        except TimeoutError:
            return

    async def refresh(self, name: NameAndFamily, _facts: Facts) -> RoundTrip:
        """Look a name up, if it is time to; keep its address while that is still among the answers."""
        if self._loop.time() >= self._fresh_until.get(name, 0.0):
            await self._look_up(name)
        return _MEASURES_NOTHING

    async def _look_up(self, name: NameAndFamily) -> None:
        started = self._loop.time()
        answers = self._answers[name] = await self._lookup(name.name, name.ip_family)
        if self._known.get(name) not in answers:
            self._known[name] = answers[0]
        self._note(name, answers, self._known[name])
        self._fresh_until[name] = started + _FRESH * self._keep

    async def look_up(self, name: str, ip_family: IpFamily) -> Sequence[str]:
        """Look a name up for a probe that does so itself: nothing of it is cached, but a change is noted."""
        answers = await self._lookup(name, ip_family)
        self._note(NameAndFamily(name, ip_family), answers, answers[0])
        return answers

    def _note(self, name: NameAndFamily, answers: Sequence[str], chosen: str) -> None:
        if self._reported.setdefault(name, chosen) not in answers:
            self._report(name, chosen)

    def _report(self, name: NameAndFamily, address: str, why: str = "") -> None:
        before, self._reported[name] = self._reported[name], address
        self._moved(Move(name, before, address, why))
        self.changed.set()

    def unreached(self, name: NameAndFamily, address: str) -> None:
        """Record that a cached name's address answers none of its pairs: the next one is measured from now on."""
        answers = self._answers.get(name, ())
        if self._known.get(name) == address and address in answers:
            self._known[name] = answers[(answers.index(address) + 1) % len(answers)]

    def reached(self, name: NameAndFamily, address: str) -> None:
        """Record that an address answers; where it replaces one that did not, that is reported."""
        if self._known.get(name) == address and self._reported.get(name, address) != address:
            self._report(name, address, "the former does not answer")

    # As the scheduler's watcher

    def probe_ended(self, job: Refresh, _facts: Facts, outcome: Outcome) -> None:
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

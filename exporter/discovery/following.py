"""All lists of the fleet file in force, asked for again and again; one that fails, empties or shrinks is not taken.

What is in force is the configuration's to know (``Fleet.lists``): here is only how each list did of late.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Iterator
from typing import Protocol

from collectors.terms import Seconds
from exporter.clock import wall_clock
from exporter.config_files.problems import BadFile
from exporter.discovery.no_list import NoList
from exporter.discovery.source import Hosts, Source, unusable, without_source
from exporter.fleet import Fleet, HostsFrom
from exporter.wording import counted

_log = logging.getLogger(__name__)

FIRST_ANSWERS: Seconds = 2.0
"""How long a start waits for the lists: what answers later comes to a program that probes already."""
_SOON: Seconds = 5.0
"""How long a list is waited for again that was never there."""
_EARLIER, _LATER = 0.9, 1.1
"""Of a refresh interval: a server is not asked by all hosts at once for ever, only because they started at once."""

Take = Callable[[HostsFrom, Hosts], Awaitable[None]]
"""Lets a list take effect; raises BadFile where it does not go together with the fleet file and the other lists."""


class Counts(Protocol):
    """What is counted of each mechanism."""

    def configure(self, mechanisms: Collection[str]) -> None:
        """Count these mechanisms, and no others."""

    def show(self, mechanism: str, hosts: int, failing: int, last_success: float | None) -> None:
        """Show the hosts of the lists in force, how many lists fail, and when the one was had that waits longest."""

    def failed(self, mechanism: str) -> None:
        """Count a list that could not be had, or was not taken."""


@dataclasses.dataclass(eq=False, slots=True)
class _Followed:
    source: Source
    gone: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    fault: str = ""
    """Why the last answer was not taken; empty if it was."""
    last_success: float | None = None
    has_shrunk: bool = False
    """Whether the last answer was not taken because it had lost more than half."""


class Discovery:
    """Asks for the lists of a fleet file, and of each later one."""

    def __init__(self, fleet: Callable[[], Fleet], take: Take, counts: Counts) -> None:
        """``fleet`` returns the one in force; what ``take`` has taken is in it."""
        self._fleet, self._take, self._counts = fleet, take, counts
        self._followed: dict[HostsFrom, _Followed] = {}
        self._group: asyncio.TaskGroup | None = None
        self._taking = asyncio.Lock()

    async def first(self, take: Take) -> None:
        """Ask for each list once, before probes begin; ``take`` takes what comes in time."""
        self.follow()
        async with asyncio.TaskGroup() as group:
            for followed in self._followed.values():
                group.create_task(self._refresh(followed, take, FIRST_ANSWERS))

    async def run(self) -> None:
        """Ask until cancelled."""
        async with asyncio.TaskGroup() as self._group:
            for followed in self._followed.values():
                self._group.create_task(self._keep_asking(followed))
            await asyncio.get_running_loop().create_future()

    def follow(self) -> None:
        """Ask for the lists of the fleet file in force from now on, and for no others."""
        fleet = self._fleet()
        for entry in self._followed.keys() - fleet.hosts_from:
            self._followed.pop(entry).gone.set()
        for entry in fleet.hosts_from:
            if entry not in self._followed:
                self._add(fleet, entry)
        self._counts.configure({entry.mechanism.mechanism for entry in fleet.hosts_from})
        self._show()

    def _add(self, fleet: Fleet, entry: HostsFrom) -> None:
        followed = self._followed[entry] = _Followed(Source(fleet.file, entry))
        if entry in fleet.lists:
            followed.last_success = wall_clock()  # it was asked for when its fleet file was read
        if self._group is not None:
            self._group.create_task(self._keep_asking(followed))

    def missing(self) -> str:
        """Write which lists are not as they should be, and what holds instead; empty if all are."""
        return "; ".join(self._missing())

    def never_had(self) -> str:
        """List what has given no hosts yet; empty if all lists have."""
        fleet = self._fleet()
        return ", ".join(str(entry) for entry in fleet.hosts_from if entry not in fleet.lists)

    def _missing(self) -> Iterator[str]:
        fleet = self._fleet()
        for index, (entry, followed) in enumerate(self._followed.items()):
            if followed.fault:
                yield f"hosts_from[{index}] ({entry}): {followed.fault}; {_kept(fleet, entry)}"

    async def _keep_asking(self, followed: _Followed) -> None:
        while not followed.gone.is_set():
            every = followed.source.entry.mechanism.refresh_interval
            pause = every if followed.last_success is not None else min(every, _SOON)
            try:
                async with asyncio.timeout(pause * random.uniform(_EARLIER, _LATER)):  # noqa: S311, TID251 - it is no secret, and no probe's deadline
                    await followed.gone.wait()
            except TimeoutError:
                await self._refresh(followed, self._take, None)

    async def _refresh(self, followed: _Followed, take: Take, within: Seconds | None) -> None:
        """Ask for a list, and take it; whatever comes of it, the next one is asked for."""
        try:
            await self._ask_and_take(followed, take, within)
        except NoList as none:
            self._failed(followed, str(none))
        except BadFile as bad:
            self._failed(followed, str(unusable(bad)))
        except Exception as bug:  # noqa: BLE001 - the program goes on with the list that it has
            _log.exception("%s: not taken, by a bug", followed.source.entry)
            self._failed(followed, f"a bug: {type(bug).__name__}")
        else:
            self._succeeded(followed)
        self._show()

    async def _ask_and_take(self, followed: _Followed, take: Take, within: Seconds | None) -> None:
        try:
            async with asyncio.timeout(within):  # noqa: TID251 - of the start, not of a probe
                hosts = await followed.source.ask()
        except TimeoutError:
            raise NoList(f"no answer within {within:g} s of the start; it is asked again") from None
        entry = followed.source.entry
        async with self._taking:
            if followed.gone.is_set():
                return
            before = self._fleet().lists.get(entry, ())
            if (lost := _lost(before, hosts)) and not followed.has_shrunk:
                followed.has_shrunk = True
                raise NoList(
                    f"it lacks {lost} of {len(before)} hosts, more than half; the next time such a list is taken"
                )
            if [each.host for each in hosts] != [each.host for each in before]:
                await take(entry, hosts)

    def _succeeded(self, followed: _Followed) -> None:
        entry = followed.source.entry
        if followed.fault and not followed.gone.is_set():
            _log.info("%s: its list is well again, of %s", entry, _hosts_of(self._fleet(), entry))
        followed.fault, followed.has_shrunk, followed.last_success = "", False, wall_clock()

    def _failed(self, followed: _Followed, fault: str) -> None:
        if followed.gone.is_set():  # nobody asks any longer; its mechanism may have no series
            return
        entry = followed.source.entry
        fault = without_source(entry, fault)
        if fault != followed.fault:
            _log.warning("%s: %s; %s", entry, fault, _kept(self._fleet(), entry))
        followed.fault = fault
        self._counts.failed(entry.mechanism.mechanism)

    def _show(self) -> None:
        fleet = self._fleet()
        for mechanism in {entry.mechanism.mechanism for entry in self._followed}:
            lists = {entry: each for entry, each in self._followed.items() if entry.mechanism.mechanism == mechanism}
            times = [each.last_success for each in lists.values()]
            known = [each for each in times if each is not None]
            hosts = sum(len(fleet.lists.get(entry, ())) for entry in lists)
            failing = sum(bool(each.fault) for each in lists.values())
            self._counts.show(mechanism, hosts, failing, min(known) if len(known) == len(times) else None)


def _kept(fleet: Fleet, entry: HostsFrom) -> str:
    """Write what holds while the list of an entry cannot be had."""
    return (
        f"its last list, of {_hosts_of(fleet, entry)}, stays" if entry in fleet.lists else "there is no list of it yet"
    )


def _hosts_of(fleet: Fleet, entry: HostsFrom) -> str:
    return counted(len(fleet.lists.get(entry, ())), "host")


def _lost(before: Hosts, after: Hosts) -> int:
    """Return how many hosts of a list are gone if that is more than half of them, else 0."""
    names = {each.host.name for each in before}
    gone = len(names - {each.host.name for each in after})
    return gone if 2 * gone > len(names) else 0

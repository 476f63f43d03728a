"""One fault is played: it breaks, notifications arrive, it is mended, and it is silent again."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from tests.culprits.faults import Fault
from tests.culprits.receiver import Message
from tests.culprits.watching import Watch
from tests.culprits.world import World

CALM = 60
"""Seconds without an alert, not even a pending one, before a fault and after its repair."""
LATER = 240
"""Seconds that a notification may be late, to be seen all the same."""
FOLLOWERS = 60
"""Seconds at least that a fault lasts after its notification."""


@dataclass(frozen=True)
class Seen:
    """What one evaluator made of a fault: the notifications, and seconds as a fleet has them."""

    watch: str
    arrived: tuple[frozenset[str], ...]
    texts: tuple[str, ...]
    notified: float | None
    """From the fault to the last of the notifications that are wanted; none if none arrived."""
    over: float | None
    """From the repair to the last resolved notification."""


@dataclass(frozen=True)
class Played:
    """What came of a fault."""

    seen: tuple[Seen, ...]
    page: str
    """Whom the witness' page blames."""


def play(world: World, fault: Fault, by: Collection[str]) -> Played:
    """Break and mend in a world that is quiet; what arrived, by these evaluators, is for the caller to judge."""
    watches = [watch for watch in world.watches if watch.name in by]
    factor = world.pace.factor
    began = time.time()
    mend = fault.breaks(world)
    try:
        _wait(world, fault.within + LATER, lambda: all(_has_all(watch, fault, began) for watch in watches))
        _wait(world, max(fault.lasts - (time.time() - began) * factor, FOLLOWERS))
        page = world.says(fault.witness)
    finally:
        mended = time.time()
        mend()
    _wait(world, fault.over_within, lambda: all(not _open(watch, began) for watch in watches))
    world.quiet(CALM, 1800)
    return Played(tuple(_seen(watch, fault, began, mended, factor) for watch in watches), page)


def _wait(world: World, fleet_seconds: float, until: Callable[[], bool] = lambda: False) -> None:
    """Let time pass, at most until something holds."""
    end = time.monotonic() + world.pace.seconds(fleet_seconds)
    while not until() and time.monotonic() < end:
        time.sleep(world.pace.between_looks)


def _has_all(watch: Watch, fault: Fault, began: float) -> bool:
    arrived = _groups(watch.receiver.since(began)).values()
    return all(any(wanted <= alerts for alerts in arrived) for wanted in fault.arrives)


def _groups(messages: Iterable[Message]) -> dict[str, frozenset[str]]:
    """Group -> all alerts that it ever had."""
    groups: dict[str, frozenset[str]] = {}
    for message in messages:
        groups[message.group] = groups.get(message.group, frozenset()) | message.alerts.keys()
    return groups


def _open(watch: Watch, began: float) -> set[str]:
    """Return the groups whose last notification has an alert that fires."""
    last = {message.group: message for message in watch.receiver.since(began)}
    return {group for group, message in last.items() if not message.is_over}


def _seen(watch: Watch, fault: Fault, began: float, mended: float, factor: int) -> Seen:
    messages = watch.receiver.since(began)
    groups = _groups(messages)
    firsts = [next(message.at for message in messages if message.group == group) for group in groups]
    ends = [message.at for message in messages if message.is_over]
    return Seen(
        watch.name,
        tuple(groups.values()),
        tuple(sorted({text for message in messages for text in message.texts})),
        (max(firsts) - began) * factor if firsts else None,
        (max(ends) - mended) * factor if ends and not _open(watch, began) else None,
    )

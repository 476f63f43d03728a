"""What of a slot is too much for one burst is spread over the time until the next slot ends.

A collector says which share of a burst a probe is (``Probe.share``). Where the probes of a slot come to more than one
burst, slots have several, equally large and equally far apart. How many is one number for all slots, so that probes of
different intervals, whose slots meet now and then, make no larger burst together. A job keeps its place in its slots
until the next reload.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from collectors.terms import Seconds
from exporter.probing.cadence import SLOT
from exporter.probing.jobs import Group, J

_MOST_BURSTS = 20
"""Of a slot: 5 ms apart. Where more would be asked for, bursts are larger."""
_Slot = tuple[Seconds, int]
"""An interval, and which of its slots."""


def spread(groups: Sequence[Group[J]]) -> Sequence[Group[J]]:
    """Return the groups, each divided into as many as a slot has bursts."""
    slots = defaultdict[_Slot, float](float)
    for group in groups:
        slots[_slot_of(group)] += group.share
    bursts = _bursts(slots)
    if bursts <= 1:
        return groups
    before = defaultdict[_Slot, float](float)
    parts: list[Group[J]] = []
    for group in groups:
        slot = _slot_of(group)
        parts += _divided(group, before[slot], slots[slot], bursts)
        before[slot] += group.share
    return parts


def _slot_of(group: Group[J]) -> _Slot:
    return group.interval, int(group.dates[-1] % group.interval / SLOT)


def _bursts(slots: Mapping[_Slot, float]) -> int:
    """Return how many bursts hold the fullest slots of all intervals together."""
    fullest: dict[Seconds, float] = {}
    for (interval, _), share in slots.items():
        fullest[interval] = max(share, fullest.get(interval, 0.0))
    return min(math.ceil(sum(fullest.values())), _MOST_BURSTS)


def _divided(group: Group[J], before: float, total: float, bursts: int) -> list[Group[J]]:
    """Divide a group whose slot has ``total`` shares, ``before`` of them in earlier groups."""
    parts: dict[int, Group[J]] = {}
    for scheduled in group.jobs:
        share = group.probe.share(scheduled.job.aim)
        number = int((before + share / 2) / total * bursts) if share else 0  # its middle, so that no rounding decides
        before += share
        part = parts.get(number) or parts.setdefault(number, group.part(number * SLOT / bursts))
        part.add(scheduled, share)
    return list(parts.values())

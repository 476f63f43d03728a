"""What a reload has changed, in one line."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from exporter.fleet.fleet import Fleet
from exporter.fleet.pair import Pair
from exporter.wording import plural


def reload_summary(before: Fleet, after: Fleet, pairs_before: Sequence[Pair], pairs_after: Sequence[Pair]) -> str:
    """Return for example: +2 hosts, −1 probe; 14 pairs kept (3 with other settings), +6 pairs."""
    parts = [
        *_added_and_removed("host", _names(before.hosts), _names(after.hosts)),
        *_added_and_removed("probe", before.probes, after.probes),
        *_added_and_removed("endpoint", _names(before.endpoints), _names(after.endpoints)),
        *_added_and_removed("database", _names(before.databases), _names(after.databases)),
        *_added_and_removed("n8n", _names(before.n8n), _names(after.n8n)),
    ]
    old, new = ({pair.identity: pair for pair in pairs} for pairs in (pairs_before, pairs_after))
    kept = old.keys() & new.keys()
    other = sum(old[identity] != new[identity] for identity in kept)
    parts += _added_and_removed("pair", old, new)
    parts.append(f"{len(kept)} {plural('pair', len(kept))} kept" + (f" ({other} with other settings)" if other else ""))
    return ", ".join(parts)


class _Named(Protocol):
    @property
    def name(self) -> str: ...


def _names(things: Iterable[_Named]) -> list[str]:
    return [thing.name for thing in things]


def _added_and_removed(what: str, before: Collection[object], after: Collection[object]) -> list[str]:
    old, new = set(before), set(after)
    counts = (("+", len(new - old)), ("−", len(old - new)))
    return [f"{sign}{count} {plural(what, count)}" for sign, count in counts if count]

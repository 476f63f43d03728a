"""Bad paths of a whole fleet -> the ends, the pairs of datacenters and the single paths that are to blame.

These are the rules of ``latency_culprits`` in ``prometheus/rules/recording.yml``, for one IP family:

- A host is to blame if it is bad from every datacenter that asks, its own included. Two witnesses are needed, or one
  while its page cannot be had either.
- A source likewise, by its paths to those that are not to blame.
- What neither end explains is blamed on the pair of datacenters, if it is most of their paths and two at least.
- What is left are single paths.
- A datacenter of several hosts of which no page can be had, and all are bad from outside, is dark: the way to it is to
  blame, not each host.
- A host that no other of its datacenter asks is not to blame while it reaches one of them; nor, as target or as source,
  while its page can be had and another host there is bad as well: the way to both explains more.
- Bad paths to and from a host in maintenance are left out; good ones show that the other end lives.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from exporter.fleet_view.grouping import grouped
from exporter.fleet_view.layout import Layout
from exporter.fleet_view.paths import FleetPath

_MOST = 0.5
_SEVERAL = 2
Datacenters = tuple[str, str]
_Bad = Mapping[str, Sequence[FleetPath]]
"""Hosts, and their bad paths."""


class Blame(NamedTuple):
    """Who is to blame; of each the bad paths that show it."""

    targets: _Bad
    sources: _Bad
    datacenters: Mapping[Datacenters, Sequence[FleetPath]]
    single: Sequence[FleetPath]
    dark: frozenset[str]
    """Datacenters of which nothing is heard."""


def blame(paths: Sequence[FleetPath], layout: Layout, mute: Collection[str], unasked: Collection[str]) -> Blame:
    """Decide who is to blame.

    The pages of ``mute`` hosts cannot be had; those of ``unasked`` ones neither, by this host's own fault, which shows
    nothing.
    """
    paths = [
        path for path in paths if not (path.bad and (layout.is_quiet(path.source) or layout.is_quiet(path.target)))
    ]
    dark = frozenset(_dark(paths, layout, unasked))
    targets, living = _targets(paths, layout, mute, dark)
    to_others = [path for path in paths if path.target not in targets]
    sources = _sources(to_others, layout, living)
    left = [path for path in to_others if path.source not in sources]
    datacenters = between_datacenters(left, layout, lambda path: path.is_news)
    explained = {path for several in datacenters.values() for path in several}
    single = [path for path in left if path.is_news and path not in explained]
    return Blame(targets, sources, datacenters, single, dark)


def _targets(
    paths: Sequence[FleetPath], layout: Layout, mute: Collection[str], dark: Collection[str]
) -> tuple[_Bad, frozenset[str]]:
    """Return the hosts to blame, and those that are alive, so that they are not to blame as sources either."""
    by_target = grouped(paths, lambda path: path.target)
    bad_from_everywhere = {
        target: bad
        for target, several in by_target.items()
        if (bad := _bad_everywhere(several, lambda path: layout.datacenter(path.source)))
    }
    living = _living(paths, layout, bad_from_everywhere)
    targets = {
        target: bad
        for target, bad in bad_from_everywhere.items()
        if (len({path.source for path in by_target[target]}) >= _SEVERAL or target in mute)
        and layout.datacenter(target) not in dark
        and target not in living.reaching | living.one_of_several
    }
    return targets, living.one_of_several


def _sources(paths: Sequence[FleetPath], layout: Layout, living: Collection[str]) -> _Bad:
    return {
        source: bad
        for source, several in grouped(paths, lambda path: path.source).items()
        if (bad := _bad_everywhere(several, lambda path: layout.datacenter(path.target)))
        and len({path.target for path in several}) >= _SEVERAL
        and source not in living
    }


def between_datacenters(
    paths: Iterable[FleetPath], layout: Layout, is_bad: Callable[[FleetPath], bool]
) -> dict[Datacenters, list[FleetPath]]:
    """Return the pairs of datacenters of whose paths most are bad, and two at least, with these paths."""
    ways = grouped(paths, lambda path: (layout.datacenter(path.source), layout.datacenter(path.target)))
    bad = {ends: [path for path in several if is_bad(path)] for ends, several in ways.items() if all(ends)}
    return {ends: some for ends, some in bad.items() if len(some) >= _SEVERAL and len(some) > _MOST * len(ways[ends])}


def _dark(paths: Sequence[FleetPath], layout: Layout, unasked: Collection[str]) -> Iterable[str]:
    """Yield the datacenters that are dark: where no page can be had, one probe of each host is enough."""
    heard = {layout.datacenter(host) for host in (*unasked, *(path.source for path in paths))}
    by_target = grouped(paths, lambda path: path.target)
    for datacenter, hosts in grouped(by_target, layout.datacenter).items():
        least = min(_share(by_target[host], lambda path: path.bad or path.silent) for host in hosts)
        if datacenter and datacenter not in heard and len(hosts) >= _SEVERAL and least > _MOST:
            yield datacenter


class _Living(NamedTuple):
    """Hosts that are alive, and that no other host of their datacenter asks."""

    reaching: frozenset[str]
    """They reach one of the other hosts there."""
    one_of_several: frozenset[str]
    """Their page can be had, and other hosts of their datacenter are bad, too."""


def _living(paths: Sequence[FleetPath], layout: Layout, bad: Collection[str]) -> _Living:
    """Return the hosts that are alive; ``bad`` are the hosts that are bad from everywhere."""
    within = [path for path in paths if layout.datacenter(path.source) == layout.datacenter(path.target) != ""]
    asked = {path.target for path in within}
    reaching = {path.source for path in within if not path.bad}
    several = (names for own, names in grouped(bad, layout.datacenter).items() if own and len(names) >= _SEVERAL)
    one_of_several = {name for names in several for name in names} & {path.source for path in paths}
    return _Living(frozenset(reaching - asked), frozenset(one_of_several - asked))


def _bad_everywhere(paths: Sequence[FleetPath], place: Callable[[FleetPath], str]) -> list[FleetPath]:
    """Return the bad paths, if most paths from or to each place are bad; else none."""
    least = min(_share(several, lambda path: path.bad) for several in grouped(paths, place).values())
    return [path for path in paths if path.bad] if least > _MOST else []


def _share(paths: Sequence[FleetPath], which: Callable[[FleetPath], bool]) -> float:
    return sum(map(which, paths)) / len(paths)

"""Who is to blame, by all that this one host sees: itself, the way to a datacenter, a host, or one probe everywhere.

The rules are those of the alerts (group ``latency_culprits`` of ``prometheus/rules/recording.yml``), from one view:

    most paths to each datacenter are bad, its own included   this host's own link
    most paths to one datacenter are bad, two at least        the way to that datacenter
    others of its datacenter are well                         the host, or the path to it alone
    it is alone in its datacenter                             the host, or its only link: nobody can tell

A host without a datacenter is in none. One in maintenance blames nobody, but shows that it lives. What was heard before
the silence of the others began says nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from collectors.terms import Seconds
from exporter.fleet import Pair
from exporter.overview.alike import AlikeFailures
from exporter.overview.beside import FAR, NOTHING, Beside, Suspect, SuspectKind
from exporter.overview.pair_now import PairNow
from exporter.overview.path_group import PathGroup
from exporter.overview.paths import Fault, Path, path_of
from exporter.overview.unreached import UNEVEN, all_are_silent
from exporter.recording.own_health import OwnHealth
from exporter.wording import cleaned, plural, some

_SEVERAL = 2
"""So many paths have to be bad before what they have in common is suspected."""
_AT_ONCE = 50
"""Places that are added before others may run."""
_Key = tuple[str, str]
"""A family and a datacenter."""


class Suspects:
    """Finds what explains several bad pairs. All that is measured is added first; then each pair is asked about."""

    def __init__(self, own: OwnHealth) -> None:
        self._own = own
        self._places: list[list[PairNow]] = []
        self._paths: dict[tuple[str, str], Path] = {}
        self._alike = AlikeFailures()

    def add_all(self, places: Mapping[str, Sequence[tuple[Pair, PairNow]]]) -> Iterator[None]:
        """Add all pairs by place; other tasks may run whenever it yields."""
        for number, (place, pairs) in enumerate(places.items()):
            self._add(place, pairs)
            if number % _AT_ONCE == _AT_ONCE - 1:
                yield
        self._conclude()
        if len(places) >= _AT_ONCE:
            yield

    def _add(self, place: str, pairs: Sequence[tuple[Pair, PairNow]]) -> None:
        """Add all pairs toward a place; those toward this host itself say nothing of the network."""
        away = [(pair, seen) for pair, seen in pairs if pair.target != self._own.host]
        if not away:
            return
        self._places.append([seen for _, seen in away if seen.maintenance is None or seen.reached])
        datacenter = next((pair.target_datacenter for pair, _ in away if pair.target_datacenter), "")
        for family in dict.fromkeys(seen.ip_family for _, seen in away):
            alike = [(pair, seen) for pair, seen in away if seen.ip_family == family]
            path = path_of(away[0][0].target, datacenter, [seen for _, seen in alike], queue=self._own.full_queue > 0)
            if path is not None:
                self._paths[place, family] = path
                for pair, seen in alike:
                    if _counts(pair, seen, path):
                        self._alike.add(seen, answers=path.answers)

    def _conclude(self) -> None:
        """Decide what is to blame, once all has been added."""
        grouped: dict[_Key, list[Path]] = defaultdict(list)
        by_family: dict[str, list[Path]] = defaultdict(list)
        for path in self._paths.values():
            grouped[path.ip_family, path.datacenter].append(path)
            by_family[path.ip_family].append(path)
        self._groups = {key: PathGroup(paths) for key, paths in grouped.items()}
        self._families = {family: PathGroup(paths) for family, paths in by_family.items()}
        self.nobody_answers = all_are_silent(self._places)
        self._common = dict(self._in_common())

    def path(self, place: str, pair: Pair) -> Path | None:
        """Return the path of a pair; None if it leads to this host itself, or has no result yet."""
        return None if pair.target == self._own.host else self._paths.get((place, pair.ip_family.value))

    def beside(self, path: Path | None, pair: Pair, seen: PairNow) -> Beside:
        """Return what bears on the verdict on a pair that goes this path."""
        if path is None:
            return NOTHING
        own = self._own.datacenter
        far = own != path.datacenter and bool(own and path.datacenter)
        if path.fault is None and not path.uneven and seen.reason is None:
            return FAR if far else NOTHING
        return Beside(
            nobody_answers=self.nobody_answers,
            suspect=self._suspect(path),
            uneven=path.uneven,
            everywhere=self._alike.of(seen) if path.answers and _counts(pair, seen, path) else "",
            far=far,
        )

    def __iter__(self) -> Iterator[Suspect]:
        """Yield all suspects, for the head of a page; the one that explains the most comes first."""
        if self.nobody_answers:
            yield Suspect(SuspectKind.OWN_LINK, "this host's own link", "nobody at all answers")
        else:
            yield from dict.fromkeys(self._common.values())
            yield from self._silent_hosts()
        yield from self._alike
        yield from self._uneven_hosts()

    # What many have in common

    def _in_common(self) -> Iterator[tuple[_Key, Suspect]]:
        for family, everybody in self._families.items():
            over = f" over {family}" if len(self._families) > 1 else ""
            groups = {name: group for (of, name), group in self._groups.items() if of == family}
            if self._is_own_link(groups, everybody.since):
                own = Suspect(SuspectKind.OWN_LINK, f"this host's own link{over}", everybody.evidence("the {} {}"))
                yield from (((family, name), own) for name in groups)
                continue
            for name, group in groups.items():
                if name and len(group.bad) >= _SEVERAL and group.mostly_bad(group.since):
                    yield (family, name), self._way_to(name, group, over)

    def _is_own_link(self, groups: Mapping[str, PathGroup], since: Seconds) -> bool:
        known = {name: group for name, group in groups.items() if group.bad or group.well_since(since)}
        if sum(len(group.bad) for group in known.values()) < _SEVERAL:
            return False
        if len(known) == 1:  # of a single way out nobody can tell which end is bad
            ((name, only),) = known.items()
            return name in {"", self._own.datacenter} and not only.well_since(since)
        return all(group.mostly_bad(since) for group in known.values())

    def _way_to(self, datacenter: str, group: PathGroup, over: str) -> Suspect:
        own = datacenter == self._own.datacenter
        who = f"the {'network within' if own else 'path to'} datacenter {cleaned(datacenter)}{over}"
        hosts = "its {} other {}" if own else "its {} {}"
        if datacenter in self._own.sampled:
            hosts += " in the sample"
        return Suspect(SuspectKind.DATACENTER, who, group.evidence(hosts))

    # One host

    def _suspect(self, path: Path) -> Suspect | None:
        if path.fault is None:
            return None
        common = self._common.get((path.ip_family, path.datacenter)) if path.bad else None
        return common or self._one_host(path)

    def _one_host(self, path: Path) -> Suspect | None:
        if not path.datacenter:
            return None
        group, silent = self._groups[path.ip_family, path.datacenter], path.fault is Fault.SILENT
        name, there = cleaned(path.host), f"datacenter {cleaned(path.datacenter)}"
        if well := group.well_since(path.since):
            others = f"{well} other {plural('host', well)} of {there} {_are_well(well, answer=silent)}"
            who = f"{name}, its firewall or the path to it" if silent else f"{name} or the path to it"
            return Suspect(SuspectKind.HOST, who, others)
        if silent and len(group.paths) == 1 and self._families[path.ip_family].well_since(path.since):
            if path.datacenter in self._own.sampled:
                return Suspect(SuspectKind.HOST, f"{name} or the path to {there}", "the sample has no other host there")
            return Suspect(SuspectKind.HOST, f"{name} or its only link", f"no other host of {there} is measured")
        return None

    def _silent_hosts(self) -> Iterator[Suspect]:
        """Yield the silent hosts that nothing else explains, in one suspect; a single silent probe is not enough."""
        silent = {path.host: self._one_host(path) for path in self._paths.values() if self._is_silent_alone(path)}
        if silent:
            (only, *more) = silent.values()
            yield Suspect(SuspectKind.HOST, some(silent) if more or not only else only.who, "no answer by any probe")

    def _is_silent_alone(self, path: Path) -> bool:
        return (
            path.bad
            and path.fault is Fault.SILENT
            and path.failures >= _SEVERAL
            and (path.ip_family, path.datacenter) not in self._common
            and self._families[path.ip_family].well_since(path.since) > 0
        )

    # Handshakes

    def _uneven_hosts(self) -> Iterator[Suspect]:
        uneven = [path for path in self._paths.values() if path.uneven and not path.maintenance]
        if uneven:
            yield Suspect(SuspectKind.HANDSHAKES, some(dict.fromkeys(self._places_of(uneven))), UNEVEN)

    def _places_of(self, uneven: Iterable[Path]) -> Iterator[str]:
        """Yield the datacenter of an uneven path where most of its hosts, and two at least, have one; else the host."""
        of = Counter((path.ip_family, path.datacenter) for path in uneven)
        for path in uneven:
            key = path.ip_family, path.datacenter
            many = path.datacenter and of[key] >= _SEVERAL and 2 * of[key] > len(self._groups[key].paths)
            yield f"datacenter {path.datacenter}" if many else path.host


def _counts(pair: Pair, seen: PairNow, path: Path) -> bool:
    """Return whether a pair is compared with the others of its probe; a database's login has users of its own."""
    expected = path.maintenance or (seen.misconfigured and not seen.ever_succeeded)
    return seen.reached is not None and not pair.database and not (expected and seen.reason)


def _are_well(number: int, *, answer: bool) -> str:
    if answer:
        return "answers" if number == 1 else "answer"
    return "is well" if number == 1 else "are well"

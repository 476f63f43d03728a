"""Hosts that were found, in Prometheus' own format: target groups -> hosts that hold to all that holds for the file's.

A list is read as strictly as the file: a host with a fault makes the whole list unusable, and each fault is reported.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from exporter.config_files.hints import Hints
from exporter.config_files.problems import BadFile, Finding, Loc, Problem, key_of
from exporter.config_files.schema_errors import Keys, findings_of
from exporter.fleet.schema import Host
from exporter.fleet.sections import Place
from exporter.wording import listed, quoted

MAX_HOSTS = 10_000
_MAX_PROBLEMS = 20
_MAX_PORT = 65535
_KEYS = ("name", "location", "datacenter", "country", "exporter")
_KEY_OF_LABEL = {
    **{key: key for key in _KEYS},
    "host": "name",
    "source": "name",
    **{f"source_{key}": key for key in ("location", "datacenter", "country")},
}
"""The second and third lines are what ``/sd/prometheus`` of an exporter has."""
_OF_SCRAPES = frozenset({"instance", "job"})
"""Labels of the scrapes that a list is made for, as all that begin with ``__`` are: they say nothing of a host."""
_TARGET = re.compile(r"(?:\[([^\]]*)\]|([^:\]\[]+)):(?P<port>[0-9]{1,9})|\[([^\]]*)\]|([^\]\[]+)")
"""``host:port``, ``[address]:port``, or either without a port."""
_COLONS_ALONE = re.compile(r"[0-9a-fA-F:]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*")
"""An IPv6 address without brackets: nobody can tell whether it ends with a port."""


class ListPlace(NamedTuple):
    """Where a list comes from, and the line of a place in it; 0 where there are none."""

    name: str
    line_of: Callable[[Loc], int] = lambda _: 0

    def problem(self, finding: Finding) -> Problem:
        """Make the problem of a place of the list."""
        return Problem(self.name, self.line_of(finding.loc), key_of(finding.loc), finding.message)


class FoundHost(NamedTuple):
    """A host of a list, and where it stands there."""

    host: Host
    place: ListPlace
    loc: Loc

    def problem(self, message: str) -> Problem:
        """Make a problem of this host."""
        return self.place.problem(Finding(self.loc, message))


def hosts_in(groups: object, place: ListPlace, defaults: Place) -> tuple[FoundHost, ...]:
    """Return the hosts of target groups, sorted by name; raises BadFile.

    ``defaults`` is where those are that say nothing of their place.
    """
    reader = _Reader(defaults)
    hosts = [FoundHost(host, place, loc) for host, loc in reader.hosts(groups)]
    if reader.findings:
        raise BadFile(map(place.problem, reader.findings))
    return tuple(sorted(hosts, key=lambda found: found.host.name))


def refuse_doubles(hosts: Iterable[FoundHost], taken: Mapping[str, str]) -> None:
    """Raise BadFile where a name is given twice; ``taken`` are names of the file, and where they stand."""
    seen, problems = dict(taken), list[Problem]()
    for found in hosts:
        name = found.host.name
        if name in seen:
            problems.append(found.problem(f"{quoted(name)} is the name of {seen[name]} already; name each host once"))
        seen.setdefault(name, f"{key_of(found.loc)} of {found.place.name}")
    if problems:
        raise BadFile(problems[:_MAX_PROBLEMS])


class _Reader:
    """Reads one list and collects what is wrong with it."""

    def __init__(self, defaults: Place) -> None:
        self._defaults = {key: value for key, value in defaults if key in Place.model_fields and value}
        self._hints = Hints()
        self.findings: dict[Finding, None] = {}
        """In their order, each once."""

    def hosts(self, groups: object) -> Iterator[tuple[Host, Loc]]:
        if not isinstance(groups, list):
            self._add((), f"expected a list of target groups, as Prometheus reads it, not {quoted(groups)}")
            return
        room = MAX_HOSTS
        for index, group in enumerate(groups):
            targets, labels = self._group((index,), group)
            room -= len(targets)
            if room < 0:
                self._add((index,), f"begins behind {MAX_HOSTS:,} hosts, or has more itself; use fewer")
            if room < 0 or self._is_full:
                return
            for number, target in enumerate(targets):
                if (host := self._host((index, "targets", number), target, labels)) is not None:
                    yield host, (index, "targets", number)

    @property
    def _is_full(self) -> bool:
        """Whether nothing more has to be looked for."""
        return len(self.findings) >= _MAX_PROBLEMS

    def _group(self, loc: Loc, group: object) -> tuple[list[object], dict[str, str]]:
        """Return the targets of a group, and what its labels say of them."""
        if not isinstance(group, dict):
            self._add(loc, f"expected a map with targets and labels, not {quoted(group)}")
            return [], {}
        for key in sorted(map(str, group.keys() - {"targets", "labels"}))[:_MAX_PROBLEMS]:
            self._add((*loc, key), "unknown key; a target group has targets and labels")
        targets, labels = group.get("targets") or [], group.get("labels") or {}
        if not isinstance(targets, list):
            self._add((*loc, "targets"), f'expected a list, such as ["wf001:9102"], not {quoted(targets)}')
            targets = []
        if not isinstance(labels, dict):
            self._add((*loc, "labels"), f"expected a map of 'label: text', not {quoted(labels)}")
            labels = {}
        return targets, self._labels((*loc, "labels"), labels)

    def _labels(self, loc: Loc, labels: Mapping[Any, object]) -> dict[str, str]:
        said: dict[str, str] = {}
        by: dict[str, str] = {}
        for label, value in itertools.takewhile(lambda _: not self._is_full, labels.items()):
            key = _KEY_OF_LABEL.get(label)
            if key is None:
                if not str(label).startswith("__") and label not in _OF_SCRAPES:
                    self._unknown(loc, str(label))
            elif not isinstance(value, str):
                self._add((*loc, label), f"expected text, not {quoted(value)}; a label is text, in quotes")
            elif key == "name" and "\n" in value:
                self._add((*loc, label), "holds a line break; remove it")
            elif value and said.setdefault(key, value) != value:
                self._add((*loc, label), f"is {quoted(value)}, and {by[key]} is {quoted(said[key])}; keep one")
            by.setdefault(key or "", str(label))
        return said

    def _unknown(self, loc: Loc, label: str) -> None:
        hint = self._hints.suggestion(label, _KEYS)
        self._add((*loc, label), f"unknown label{hint or f'; known here: {listed(_KEYS)}; leave it out'}")

    def _host(self, loc: Loc, target: object, labels: Mapping[str, str]) -> Host | None:
        match = _TARGET.fullmatch(target) if isinstance(target, str) else None
        if isinstance(target, str) and _COLONS_ALONE.fullmatch(target):
            self._add(loc, f"write the address in brackets, such as [2001:db8::1]:9102, not {quoted(target)}")
            return None
        if match is None:
            self._add(loc, f"expected a host with or without its port, such as wf001:9102, not {quoted(target)}")
            return None
        if (port := match["port"]) and not 1 <= int(port) <= _MAX_PORT:
            self._add(loc, f"expected a port from 1 to {_MAX_PORT}, not {port}")
            return None
        address = next(filter(None, match.group(1, 2, 4, 5)), "")
        try:
            return Host.model_validate({"name": address, **self._defaults, **labels, "address": address})
        except ValidationError as error:
            for finding in findings_of(error, lambda _: Keys((), {}), self._hints):
                self._add(self._place_of(loc, finding), finding.message)
            return None

    @staticmethod
    def _place_of(loc: Loc, finding: Finding) -> Loc:
        """Return the place of what is wrong: of an address the target, of all else the label."""
        key = str(finding.loc[0])
        return loc if key == "address" else (loc[0], "labels", key)

    def _add(self, loc: Loc, message: str) -> None:
        if not self._is_full:
            self.findings[Finding(loc, message)] = None

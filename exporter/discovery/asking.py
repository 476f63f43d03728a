"""Every list asked for once: for commands, and for a fleet file that names other lists than the one before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping
from pathlib import Path
from typing import Any

from exporter.config_files.problems import BadFile, Problem
from exporter.discovery.no_list import NoList
from exporter.discovery.source import Hosts, Source, unusable, without_source
from exporter.fleet import CheckedFile, Fleet, HostsFrom, Lists, fleet_of, read_fleet_file

Answers = Mapping[HostsFrom, Hosts | NoList]
"""What was said of each list."""
Run = Callable[[Coroutine[Any, Any, Answers]], Answers]
"""Runs a coroutine to its end."""


def with_hosts_from(path: Path, *, at_length: bool = False) -> tuple[Fleet, list[Problem]]:
    """Read a fleet file and ask for its lists; return the fleet with those that can be used, and what is wrong.

    ``at_length`` each fault of a list is a problem, else the first. Raises BadFile where the file cannot be used.
    """
    file = read_fleet_file(path)
    problems, lists = list[Problem](), dict[HostsFrom, Hosts]()
    for entry, answer in asyncio.run(_answers(file, file.sections.hosts_from)).items():
        try:
            lists = _joined(file, lists, entry, answer)
        except NoList as none:
            faults = none.faults if at_length else (str(none),)
            problems += [_problem(file, entry, fault) for fault in faults]
    return fleet_of(file, lists), problems


def known_or_asked(file: CheckedFile, before: Fleet, run: Run = asyncio.run) -> Lists:
    """Return the lists that a file names, those that it names anew asked for now; raises BadFile if one cannot be had.

    For the thread of a reload, which changes nothing then: hosts that moved to a list would lose their counters.
    ``run`` asks in the program's own loop, so that the end of the program ends that, too.
    """
    entries = file.sections.hosts_from
    lists = {entry: hosts for entry, hosts in before.lists.items() if entry in entries}
    problems, new = [], [entry for entry in entries if entry not in before.hosts_from]
    for entry, answer in (run(_answers(file, new)) if new else {}).items():
        if isinstance(answer, NoList):
            problems.append(_problem(file, entry, str(answer)))
        else:
            lists[entry] = answer
    if problems:
        raise BadFile(problems)
    return lists


def _problem(file: CheckedFile, entry: HostsFrom, fault: str) -> Problem:
    return file.problem_of_list(entry, f"{entry}: {without_source(entry, fault)}")


def _joined(file: CheckedFile, lists: Lists, entry: HostsFrom, answer: Hosts | NoList) -> dict[HostsFrom, Hosts]:
    """Return the lists with one more; raises NoList where it does not go together with them."""
    if isinstance(answer, NoList):
        raise answer
    joined = {**lists, entry: answer}
    try:
        fleet_of(file, joined)
    except BadFile as bad:
        raise unusable(bad) from bad
    return joined


async def _answers(file: CheckedFile, entries: Collection[HostsFrom]) -> Answers:
    async with asyncio.TaskGroup() as group:
        tasks = {entry: group.create_task(_answer(Source(file, entry))) for entry in entries}
    return {entry: task.result() for entry, task in tasks.items()}


async def _answer(source: Source) -> Hosts | NoList:
    try:
        return await source.ask()
    except NoList as none:
        return none

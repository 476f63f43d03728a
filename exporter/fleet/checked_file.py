"""A fleet file without faults of its own, and what is found beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from exporter.config_files.problems import Finding, Loc, Problem
from exporter.config_files.reading import located
from exporter.config_files.source import Node
from exporter.fleet.found import FoundHost
from exporter.fleet.hosts_from import HostsFrom
from exporter.fleet.schema import Sections

Lists = Mapping[HostsFrom, tuple[FoundHost, ...]]
"""What was found by each entry of ``hosts_from``; an entry that has given nothing yet is left out."""


class CheckedFile(NamedTuple):
    """A fleet file as it was read, to whose hosts those are added that are found."""

    source_file: str
    sections: Sections
    tree: Node
    """What was written, with its lines."""
    digest: bytes
    """The SHA-256 of its bytes."""
    warnings: tuple[Problem, ...]

    def problem(self, loc: Loc, message: str) -> Problem:
        """Make the problem of a place of the file; without a place, of the whole file."""
        return located(Finding(loc, message), self.source_file, self.tree)

    def problem_of_list(self, entry: HostsFrom, message: str) -> Problem:
        """Make the problem of an entry of ``hosts_from``."""
        index = self.sections.hosts_from.index(entry)
        return self.problem(("hosts_from", index, entry.mechanism.mechanism), message)

"""A fleet file that has passed every check."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from exporter.config_files.problems import Loc, Problem
from exporter.fleet.checked_file import CheckedFile, Lists
from exporter.fleet.database import Database
from exporter.fleet.found import FoundHost
from exporter.fleet.hosts_from import HostsFrom
from exporter.fleet.mesh import Mesh
from exporter.fleet.n8n import N8n
from exporter.fleet.probes.settings import Settings
from exporter.fleet.schema import Defaults, Endpoint, Host, Rules, Scrape, Stack
from exporter.fleet.sections import Peers


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fleet:
    """The file's sections, and where they come from."""

    defaults: Defaults
    hosts_from: tuple[HostsFrom, ...]
    hosts: tuple[Host, ...]
    """Those of the file, and behind them those that were found, by name."""
    probes: Mapping[str, Settings]
    meshes: Mapping[str, Mesh]
    """Who measures whom, by probe."""
    endpoints: tuple[Endpoint, ...]
    databases: tuple[Database, ...]
    n8n: tuple[N8n, ...]
    scrape: Scrape
    rules: Rules
    peers: Peers
    stack: Stack
    file: CheckedFile
    lists: Lists
    found: tuple[FoundHost, ...]
    """The last ones of ``hosts``, with the lists that they are from."""
    config_hash: int
    """The first 48 bits of the SHA-256 of the file's bytes, and of what was found: exact as a float."""
    warnings: tuple[Problem, ...]

    @property
    def source_file(self) -> str:
        """The path of the file."""
        return self.file.source_file

    def problem(self, loc: Loc, message: str) -> Problem:
        """Make the problem of a place of the file, or of a host that was found; without a place, of the whole file."""
        match loc:
            case ("hosts", int(index), *_) if index >= (first := len(self.hosts) - len(self.found)):
                return self.found[index - first].problem(message)
        return self.file.problem(loc, message)

"""A fleet file that has passed every check."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from exporter.config_files.problems import Finding, Loc, Problem
from exporter.config_files.reading import located
from exporter.config_files.source import Node
from exporter.fleet.database import Database
from exporter.fleet.mesh import Mesh
from exporter.fleet.n8n import N8n
from exporter.fleet.probes.settings import Settings
from exporter.fleet.schema import Defaults, Endpoint, Host, Rules, Scrape, Stack
from exporter.fleet.sections import Peers


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fleet:
    """The file's sections, and where they come from."""

    defaults: Defaults
    hosts: tuple[Host, ...]
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
    source_file: str
    config_hash: int
    """The first 48 bits of the SHA-256 of the file's bytes: exact as a float."""
    warnings: tuple[Problem, ...]
    tree: Node = dataclasses.field(repr=False)
    """What was written, with its lines."""

    def problem(self, loc: Loc, message: str) -> Problem:
        """Make the problem of a place of the file; without a place, of the whole file."""
        return located(Finding(loc, message), self.source_file, self.tree)

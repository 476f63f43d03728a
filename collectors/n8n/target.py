"""What a read of n8n's database needs to know of it."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Self

from collectors.login_target import LoginTarget
from collectors.target import Gives


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class N8nTarget(LoginTarget):
    """Where n8n's database is, as whom it is read, and how much is kept of it."""

    protocol: ClassVar = "n8n"
    gives: ClassVar = frozenset({Gives.READING})

    schema: str = "public"
    table_prefix: str = ""
    nodes: bool = False
    """Count the runs of nodes too."""
    max_workflows: int = 500
    max_node_series: int = 2_000
    state_file: str | None = None
    """Absolute: where counts are kept, so that they go on when the program starts anew."""
    counts_go_on: bool = True
    """Else it is read once."""

    def __str__(self) -> str:
        return f"n8n's database at {self.where}"

    def for_once(self) -> Self:
        # The counts, and the file with them, are those of the reader who goes on counting.
        return dataclasses.replace(self, counts_go_on=False, state_file=None)

    @property
    def database(self) -> tuple[object, ...]:
        """Which n8n it is, whoever reads it and however much is kept."""
        return self.address, self.port, self.socket, self.dbname, self.schema, self.table_prefix

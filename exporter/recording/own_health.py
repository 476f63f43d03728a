"""How this host itself is, lately: what makes its other numbers doubtful, and what it was asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from collectors.terms import Seconds

LONG_QUEUE: Seconds = 0.01
"""An egress queue of ours that is longer is called full."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OwnHealth:
    """This host's own condition over the last minute; what was not measured is None."""

    egress_queue: Seconds | None = None
    lateness: Seconds | None = None
    skipped: int = 0
    overflows: int = 0
    no_icmp: str = ""
    """Why a family of ICMP that is used has no socket."""
    not_reloaded: str = ""
    """What was wrong with the fleet file when it was last read."""
    asked_by: Mapping[str, Seconds] = dataclasses.field(default_factory=dict)
    """How long ago hosts of the fleet asked our ``/ping``, as far as they did."""

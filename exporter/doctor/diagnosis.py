"""What the doctor finds: one line each, of a closed set of weights. Users know them as findings."""

from __future__ import annotations

import dataclasses
import enum


class Status(enum.StrEnum):
    """How much it matters, from nothing to much; only ``BROKEN`` is exit 1."""

    OK = "ok"
    NOTE = "note"
    """Good to know; nothing has to be done."""
    UNSEEN = "not visible"
    """It cannot be asked from here, and that is as it should be."""
    WARNING = "warning"
    """Data arrives; something is not as it should be all the same."""
    BROKEN = "broken"
    """Somebody gets no data, or wrong data."""


@dataclasses.dataclass(frozen=True, slots=True)
class Diagnosis:
    """One line of the table."""

    status: Status
    what: str
    """A server, a host in a server, a name."""
    text: str
    names: tuple[str, ...] = ()
    """All that are meant, where ``text`` names only the first of them."""

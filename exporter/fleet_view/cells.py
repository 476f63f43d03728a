"""What a host sees of a place, in a word or two: a cell of the matrix."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import NamedTuple

from exporter.fleet_view.paths import FleetPath
from exporter.fleet_view.reports import PairReport
from exporter.wording import span


class CellState(enum.StrEnum):
    """How a cell is drawn; its word says the same."""

    FINE = "fine"
    BAD = "bad"
    DOUBT = "doubt"
    """It is the asking host's own fault, or no more than one probe."""
    QUIET = "in-maintenance"
    """Bad, and expected."""
    UNKNOWN = "unknown"
    """There is no page of the host that asks."""
    NONE = "none"
    """The host does not measure that."""


class Cell(NamedTuple):
    """A cell."""

    state: CellState
    word: str

    @property
    def is_well(self) -> bool:
        """Whether nobody has to look at it."""
        return self.state in {CellState.FINE, CellState.NONE}


ITSELF = Cell(CellState.NONE, "·")
UNMEASURED = Cell(CellState.NONE, "")
NO_PAGE = Cell(CellState.UNKNOWN, "?")


def cell(pairs: Sequence[PairReport], paths: Sequence[FleetPath], *, quiet: bool) -> Cell:
    """Return the worst of some pairs and of their paths; ``quiet``: what is bad is expected."""
    word, state = _bad_path(paths) or _bad_pair(pairs), CellState.BAD
    if not word:
        word, state = _doubtful(pairs), CellState.DOUBT
    if word:
        return Cell(CellState.QUIET if quiet else state, word)
    if not any(pair.success for pair in pairs):
        return UNMEASURED
    trips = [pair.rtt for pair in pairs if pair.rtt is not None]
    return Cell(CellState.FINE, span(min(trips)) if trips else "ok")


def _bad_path(paths: Sequence[FleetPath]) -> str:
    if any(path.lost and path.is_news for path in paths):
        return "lost"
    worst = max((path for path in paths if path.is_news), key=lambda path: path.badness, default=None)
    if worst is None:
        return "uneven" if any(path.uneven for path in paths) else ""
    return f"{round(100 * worst.loss)} % lost" if worst.loses else f"{span(worst.rtt or 0.0)} slow"


def _bad_pair(pairs: Sequence[PairReport]) -> str:
    for pair in pairs:
        if pair.success is False and not pair.ours and not pair.silent:
            return pair.reason or "fails"
    if any(pair.late_answers > 1 for pair in pairs):
        return "slow"
    return "stuck" if any(pair.verdict.word == "n8n" for pair in pairs) else ""


def _doubtful(pairs: Sequence[PairReport]) -> str:
    if any(pair.ours for pair in pairs):
        return "own fault"
    if any(pair.silent for pair in pairs):
        return "no answer"
    return "slow" if any(pair.is_slow for pair in pairs) else ""

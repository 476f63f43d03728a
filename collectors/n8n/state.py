"""A ledger as plain data, as JSON has it, and back: so that counts go on when the program starts anew."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from collectors.n8n.gaps import Gaps
from collectors.n8n.labels import Places
from collectors.n8n.ledger import Ledger
from collectors.n8n.open_run import OpenRun
from collectors.n8n.rows import OpenStatus
from collectors.n8n.tallies import Tallies
from collectors.terms import Seconds

VERSION = 1


class BadState(Exception):  # noqa: N818 - it says what the state is
    """The data is damaged, or of another version; counting must begin anew."""


def saved(ledger: Ledger) -> dict[str, Any]:
    """Return what a ledger knows."""
    return {
        "version": VERSION,
        "watermark": ledger.watermark,
        "stood_up_to": ledger.stood_up_to,
        "needs_inventory": ledger.needs_inventory,
        "since": ledger.since,
        "newest_created": ledger.newest_created,
        "witnesses": list(map(list, ledger.witnesses.items())),
        "gaps": ledger.gaps.saved(),
        "open": [[number, dataclasses.asdict(run)] for number, run in ledger.open.items()],
        "modes": [[workflow, sorted(modes)] for workflow, modes in ledger.modes.items()],
        "places": [label for (label,) in ledger.places.taken],
        "tallies": ledger.tallies.saved(),
    }


def restored(state: object, max_workflows: int, max_node_series: int) -> Ledger:
    """Return the ledger that was saved; BadState if it was not, or not by this version."""
    if not isinstance(state, dict) or state.get("version") != VERSION:
        raise BadState
    try:
        return _restored(state, Ledger(max_workflows, max_node_series))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        raise BadState from None


def _restored(state: Mapping[str, Any], ledger: Ledger) -> Ledger:
    ledger.watermark, ledger.stood_up_to = int(state["watermark"]), int(state["stood_up_to"])
    ledger.needs_inventory = bool(state["needs_inventory"])
    ledger.since, ledger.newest_created = _time(state["since"]), _time(state["newest_created"])
    ledger.witnesses = {int(number): float(created) for number, created in state["witnesses"]}
    ledger.gaps = Gaps(state["gaps"])
    ledger.open = {int(number): _open_run(run) for number, run in state["open"]}
    ledger.modes = {str(workflow): set(map(str, modes)) for workflow, modes in state["modes"]}
    ledger.places = Places(ledger.places.most, ((str(label),) for label in state["places"]))
    ledger.tallies = Tallies.restored(ledger.tallies.max_node_series, state["tallies"])
    return ledger


def _open_run(run: Mapping[str, Any]) -> OpenRun:
    return OpenRun(
        workflow=str(run["workflow"]),
        status=OpenStatus(run["status"]),
        created=float(run["created"]),
        started=_time(run["started"]),
        since=float(run["since"]),
        wait_till=_time(run["wait_till"]),
        is_counted=bool(run["is_counted"]),
        has_queued=bool(run["has_queued"]),
        doubted=_time(run["doubted"]),
        has_stood=bool(run["has_stood"]),
    )


def _time(value: float | None) -> Seconds | None:
    return None if value is None else float(value)

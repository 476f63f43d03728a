"""A ledger as plain data, as JSON has it, and back: so that counts go on when the program starts anew."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from collectors.n8n.gaps import Gaps
from collectors.n8n.labels import Places
from collectors.n8n.ledger import Ended, Ledger
from collectors.n8n.open_run import OpenRun
from collectors.n8n.pieces import in_pieces
from collectors.n8n.rows import EndStatus, OpenStatus
from collectors.n8n.tallies import Tallies
from collectors.terms import Seconds

VERSION = 1
_OF_A_RUN = [field.name for field in dataclasses.fields(OpenRun)]
_OF_AN_END = [field.name for field in dataclasses.fields(Ended)]
_PIECE = 200
"""Entries of a list that are written without a break, 0.2 ms: the encoder keeps the interpreter until it is done."""


class BadState(Exception):
    """The data is damaged, or of another version; counting must begin anew."""


def saved(ledger: Ledger) -> dict[str, Any]:
    """Return all that a ledger has counted and remembers, as values that JSON can hold."""
    return {
        "version": VERSION,
        "watermark": ledger.watermark,
        "stood_up_to": ledger.stood_up_to,
        "needs_inventory": ledger.needs_inventory,
        "since": ledger.since,
        "newest_created": ledger.newest_created,
        "witnesses": list(map(list, ledger.witnesses.items())),
        "gaps": ledger.gaps.saved(),
        "open": [[number, {name: getattr(run, name) for name in _OF_A_RUN}] for number, run in ledger.open.items()],
        "modes": [[workflow, sorted(modes)] for workflow, modes in ledger.modes.items()],
        "places": [label for (label,) in ledger.places.taken],
        "tallies": ledger.tallies.saved(),
        "pending": [[getattr(one, name) for name in _OF_AN_END] for one in ledger.pending],
    }


def written(state: object) -> Iterator[str]:
    """Yield a state as JSON, in pieces between which other threads can run."""
    if isinstance(state, dict) and state:
        for number, (key, value) in enumerate(state.items()):
            yield f"{',' if number else '{'}{json.dumps(key)}:"
            yield from written(value)
        yield "}"
    elif isinstance(state, list):
        parts = (state[at : at + _PIECE] for at in in_pieces(range(0, len(state), _PIECE), 1))
        yield f"[{','.join(_dumped(part)[1:-1] for part in parts)}]"
    else:
        yield _dumped(state)


def _dumped(state: object) -> str:
    return json.dumps(state, separators=(",", ":"))


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
    ledger.pending.extend(map(_ended, state["pending"]))
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


def _ended(saved: Iterable[Any]) -> Ended:
    number, workflow, workflow_id, created, status, stored_elsewhere = saved
    named = None if workflow_id is None else str(workflow_id)
    return Ended(int(number), str(workflow), named, float(created), EndStatus(status), bool(stored_elsewhere))


def _time(value: float | None) -> Seconds | None:
    return None if value is None else float(value)

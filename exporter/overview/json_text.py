"""The overview for programs: what was measured, in seconds, and the verdicts."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from typing import Any

from collectors.n8n.reading import N8nReading
from exporter.overview import n8n
from exporter.overview.paths import Path
from exporter.overview.rows import PairRow, Snapshot
from exporter.overview.verdict import Verdict, judge_host
from exporter.recording.history import FAILED, RESENT, UNMEASURED, is_time

_AT_ONCE = 50
"""Pairs of one piece."""
_NO_TIMES = {FAILED: "failed", RESENT: "sent again", UNMEASURED: "not measured"}


def render(snapshot: Snapshot) -> Iterator[str]:
    """Write the overview in pieces, between which others may run; a duration that was not measured is null."""
    this_host = {**dataclasses.asdict(snapshot.own_health), "verdict": _verdict(judge_host(snapshot.own_health))}
    del this_host["sampled"]  # what the fleet file says is no health
    suspects = [suspect._asdict() for suspect in snapshot.suspects]
    head = {"title": snapshot.title, "time": snapshot.wall, "this_host": this_host, "suspects": suspects}
    yield json.dumps(head)[:-1] + ', "pairs": ['
    for start in range(0, len(snapshot.rows), _AT_ONCE):
        batch = ",\n".join(json.dumps(_pair(row)) for row in snapshot.rows[start : start + _AT_ONCE])
        yield (",\n" if start else "\n") + batch
    yield "\n]}\n"


def _pair(row: PairRow) -> dict[str, Any]:
    pair, seen = row.pair, row.seen
    return {
        "target": pair.target,
        "database": pair.database or None,
        "target_location": pair.target_location,
        "target_datacenter": pair.target_datacenter,
        "target_country": pair.target_country,
        "probe": pair.probe,
        "protocol": pair.protocol,
        "ip_family": pair.ip_family,
        "address": seen.address,
        "verdict": _verdict(row.verdict),
        "path": _path(row.path),
        "maintenance": seen.maintenance,
        "success": None if seen.age is None else seen.reason is None,
        "reason": seen.reason,
        "phase": seen.phase,
        "failing_for": seen.failing_for if seen.reason else None,
        "first_failure_ago": seen.first_failure if seen.reason else None,
        "address_changed_ago": seen.moved_ago,
        "address_change": seen.moved or None,
        "age": seen.age,
        "rtt": seen.rtt,
        "own_clock": seen.own_clock,
        "response": seen.response,
        "server": seen.server,
        "login": seen.login,
        "round_trips": seen.round_trips,
        "usual_rtt": seen.usual_rtt,
        "usual_server": seen.usual_server,
        "usual_loss": seen.usual_loss,
        "usual_of_few": seen.usual_of,
        "certificate_left": seen.certificate_left,
        "lost": seen.lost,
        "failed": seen.failed,
        "resent": seen.resent,
        "results": seen.results,
        "recent": [_result(value) for value in row.recent],
        "last_failure": row.last_failure
        and {
            "time": row.last_failure.wall,
            "reason": row.last_failure.reason,
            "detail": row.last_failure.detail,
        },
        **({"n8n": _n8n(seen.reply)} if isinstance(seen.reply, N8nReading) else {}),
    }


def _path(path: Path | None) -> dict[str, Any] | None:
    """Write the way to the host, which all its probes over one family share, as the rules judge it."""
    if path is None:
        return None
    heard = None if math.isinf(path.heard) else path.heard
    return {"fault": path.fault, "uneven": path.uneven, "heard_ago": heard, "answers": path.answers}


def _n8n(reading: N8nReading) -> dict[str, Any]:
    state = n8n.n8n_now(reading)
    return {
        "read_at": reading.read_at,
        "open": {status: of.number for status, of in state.open.items()},
        "oldest": {status: of.oldest for status, of in state.open.items()},
        "overdue": state.overdue,
        "failing": state.failing,
        "state_problem": state.state_problem or None,
    }


def _result(value: float) -> float | str:
    """Write a time as a number, and as a word what JSON has no number for."""
    return value if is_time(value) else _NO_TIMES.get(value, "lost")


def _verdict(verdict: Verdict) -> dict[str, str | None]:
    return {"word": verdict.culprit, "why": verdict.why}

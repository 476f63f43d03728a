"""Grafana: its own database, and are our dashboards there."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.doctor import bodies
from exporter.doctor.diagnosis import Diagnosis, Status
from exporter.doctor.outcome import ServerSeen
from exporter.http_client.outcome import HttpAnswer
from exporter.wording import cleaned, counted, some

MARK = "latency-exporter"
"""The tag of our dashboards, and how their uids begin."""
_NO_LOGIN = (401, 403)


def dashboards(seen: ServerSeen) -> Iterator[Diagnosis]:
    """Report which of our dashboards are there; without them nothing is broken."""
    if (database := grafana_database(seen)) not in {None, "ok"}:
        text = f"its own database is {cleaned(str(database), 40)}; look at Grafana's log"
        yield Diagnosis(Status.BROKEN, seen.server.name, text)
    outcome = seen.answers.outcomes.get("dashboards")
    if isinstance(outcome, HttpAnswer) and outcome.status in _NO_LOGIN:
        why = f"the login of {cleaned(seen.server.user)} may not" if seen.server.user else "that needs a login"
        text = f"not looked for: {why} ({outcome.status}); give {seen.server.key} a user of role Viewer"
        yield Diagnosis(Status.NOTE, "dashboards", text)
    known = seen.answers.read("dashboards", bodies.dashboards)
    if known is None:
        return
    ours = tuple(board.title or board.uid for board in known if MARK in board.tags or board.uid.startswith(MARK))
    if ours:
        yield Diagnosis(Status.OK, "dashboards", f"{len(ours)} of ours: {some(ours)}", ours)
    else:
        yield Diagnosis(Status.NOTE, "dashboards", f"none of ours among {counted(len(known), 'dashboard')}")


def grafana_database(seen: ServerSeen) -> str | None:
    """Return the state of Grafana's own database, where it names one."""
    health = seen.health[0]
    try:
        return bodies.grafana_database(health.body) if isinstance(health, HttpAnswer) else None
    except bodies.BadBody:
        return None

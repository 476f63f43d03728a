"""Grafana: its own database, and are our dashboards there."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.doctor import answers
from exporter.doctor.findings import Finding, Status
from exporter.doctor.outcome import Answer, Seen
from exporter.wording import cleaned, counted, some

MARK = "latency-exporter"
"""The tag of our dashboards, and how their uids begin."""
_NO_LOGIN = (401, 403)


def dashboards(seen: Seen) -> Iterator[Finding]:
    """Say what is known of them; that they are absent breaks nothing."""
    if (database := grafana_database(seen)) not in {None, "ok"}:
        text = f"its own database is {cleaned(str(database), 40)}; look at Grafana's log"
        yield Finding(Status.BROKEN, seen.asked.name, text)
    outcome = seen.told.outcomes.get("dashboards")
    if isinstance(outcome, Answer) and outcome.status in _NO_LOGIN:
        asked = f"the login of {cleaned(seen.asked.user)} may not" if seen.asked.user else "that needs a login"
        text = f"not looked for: {asked} ({outcome.status}); give {seen.asked.key} a user of role Viewer"
        yield Finding(Status.NOTE, "dashboards", text)
    known = seen.told.read("dashboards", answers.dashboards)
    if known is None:
        return
    ours = tuple(board.title or board.uid for board in known if MARK in board.tags or board.uid.startswith(MARK))
    if ours:
        yield Finding(Status.OK, "dashboards", f"{len(ours)} of ours: {some(ours)}", ours)
    else:
        yield Finding(Status.NOTE, "dashboards", f"none of ours among {counted(len(known), 'dashboard')}")


def grafana_database(seen: Seen) -> str | None:
    """Return how Grafana's own database is, if it says so."""
    health = seen.health[0]
    try:
        return answers.grafana_database(health.body) if isinstance(health, Answer) else None
    except answers.Unreadable:
        return None

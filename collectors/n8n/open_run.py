"""An execution that has not ended, as far as it was seen."""

from __future__ import annotations

import dataclasses

from collectors.n8n.rows import Execution
from collectors.terms import Seconds


@dataclasses.dataclass(slots=True)
class OpenRun:
    """What is kept of it from one read to the next."""

    workflow: str
    """A label."""
    status: str
    created: Seconds
    started: Seconds | None
    """When it first started: n8n 1.x writes another time there when a run that waited goes on."""
    since: Seconds
    """When it got its status."""
    wait_till: Seconds | None
    is_counted: bool = False
    """Its end was counted before the database was restored from an older backup, in which it has not ended."""
    has_queued: bool = False
    """The time before its start was counted, or can't be known."""

    @classmethod
    def of(cls, row: Execution, workflow: str, *, is_counted: bool = False) -> OpenRun:
        """Return a run as it is seen for the first time."""
        return cls(
            workflow=workflow,
            status=row.status,
            created=row.created,
            started=row.started,
            since=_since(row),
            wait_till=row.wait_till,
            is_counted=is_counted,
            has_queued=is_counted or row.status == "waiting",
        )

    def seen_as(self, row: Execution, now: Seconds) -> OpenRun:
        """Return it as it is seen again."""
        return dataclasses.replace(
            self,
            status=row.status,
            started=row.started if self.started is None else self.started,
            since=self.since if row.status == self.status else _since(row, now),
            wait_till=row.wait_till,
        )


def _since(row: Execution, now: Seconds | None = None) -> Seconds:
    """Return when a run got its status; ``now`` if that was just seen: one that goes on has an old ``startedAt``."""
    if row.status == "waiting":
        return row.stopped or row.started or row.created
    if now is not None:
        return now
    return row.started or row.created

"""An execution that has not ended, as far as it was seen."""

from __future__ import annotations

import dataclasses

from collectors.n8n.rows import Execution
from collectors.terms import Seconds

_WAITING = "waiting"
_DOUBT: Seconds = 60.0


@dataclasses.dataclass(slots=True)
class OpenRun:
    """What is kept of an open execution from one read to the next."""

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
    doubted: Seconds | None = None
    """Since when its row says that it crashed, though it may be waiting."""
    has_stood: bool = False
    """It had its status when counting began: if it keeps it, there is nothing to count."""

    @classmethod
    def of(cls, row: Execution, workflow: str, *, is_counted: bool = False) -> OpenRun:
        """Return a run as it is seen for the first time."""
        return cls(
            workflow=workflow,
            status=_WAITING if is_doubtful(row) else row.status,
            created=row.created,
            started=row.started,
            since=_since(row),
            wait_till=row.wait_till,
            is_counted=is_counted,
            has_queued=is_counted or _waits(row),
        )

    def seen_as(self, row: Execution, now: Seconds) -> OpenRun:
        """Return the run as it is seen again."""
        if is_doubtful(row):
            return dataclasses.replace(self, doubted=now if self.doubted is None else self.doubted)
        return dataclasses.replace(
            self,
            status=row.status,
            started=row.started if self.started is None else self.started,
            since=self.since if row.status == self.status else _since(row, now),
            wait_till=row.wait_till,
            doubted=None,
            has_stood=False,
        )

    def is_in_doubt(self, now: Seconds) -> bool:
        """Return whether it may still turn out to be waiting."""
        return self.doubted is not None and now - self.doubted < _DOUBT


def is_doubtful(row: Execution) -> bool:
    """Return whether a run that is marked as crashed may be waiting.

    When n8n starts, it marks executions that wait as crashed and some 50 ms later as waiting, in transactions of their
    own. They keep ``waitTill`` meanwhile, which what has really crashed does not have.
    """
    return row.status == "crashed" and row.wait_till is not None


def _waits(row: Execution) -> bool:
    return row.status == _WAITING or is_doubtful(row)


def _since(row: Execution, now: Seconds | None = None) -> Seconds:
    """Return when a run got its status; ``now`` if that was just seen: one that goes on has an old ``startedAt``."""
    if _waits(row):
        return row.stopped or row.started or row.created
    if now is not None:
        return now
    return row.started or row.created

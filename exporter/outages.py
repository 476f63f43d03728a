"""Tells the log what changed: two lines per outage, and one for all where hundreds begin at once.

A single failure is no outage, it is counted and no more: on a link that loses one packet in a hundred
there would be nothing else to read.
"""

from __future__ import annotations

import logging
from collections import Counter

from collectors.contract import Seconds
from exporter.fleet import Pair
from exporter.overview.wording import span
from exporter.series import PairSeries

_log = logging.getLogger(__name__)

IN_A_ROW = 2
"""Failures that make an outage."""
_LINES = 10
"""What is said one by one within a minute; of the rest there is a summary, as soon as it is complete:"""
_MINUTE: Seconds = 60.0
_COMPLETE: Seconds = 2.0
_ENDED = "ended"


class Outages:
    """What is told of pairs that fail and of pairs that are well again."""

    def __init__(self) -> None:
        self._minute: Seconds = -_MINUTE
        self._lines = 0
        self._untold: Counter[str] = Counter()
        self._untold_since: Seconds = 0.0
        self._summarised: Seconds = -_MINUTE

    def failed(self, pair: Pair, series: PairSeries, now: Seconds) -> None:
        """Take a failure that ``series`` has counted."""
        failure = series.last_failure
        if failure is None or series.failed_in_a_row != IN_A_ROW or not self._may_tell(failure.reason, now):
            return
        lasted = f"for {span(now - series.failing_since)}"
        _log.warning(
            "outage began: %s fails %s: %s",
            _named(pair),
            lasted,
            failure.detail or failure.reason,
            extra=_fields(pair, reason=failure.reason),
        )

    def succeeded(self, pair: Pair, failures: int, since: Seconds, now: Seconds) -> None:
        """Take the end of ``failures`` in a row."""
        if failures >= IN_A_ROW and self._may_tell(_ENDED, now):
            _log.warning(
                "outage ended: %s is well again after %s, %d probes failed",
                _named(pair),
                span(now - since),
                failures,
                extra=_fields(pair, seconds=round(now - since, 3)),
            )

    def summarise(self, now: Seconds) -> None:
        """Tell what was not told, if there is anything, no more often than once a minute."""
        if not self._untold or now - self._untold_since < _COMPLETE or now - self._summarised < _MINUTE:
            return
        ended, self._summarised = self._untold.pop(_ENDED, 0), now
        reasons = ", ".join(f"{reason} {count}" for reason, count in self._untold.most_common())
        told = [f"{self._untold.total()} more began ({reasons})"] if reasons else []
        _log.warning("outages: %s", ", ".join([*told, *([f"{ended} more ended"] if ended else [])]))
        self._untold.clear()

    def _may_tell(self, what: str, now: Seconds) -> bool:
        if now - self._minute >= _MINUTE:
            self._minute, self._lines = now, 0
        self._lines += 1
        if self._lines <= _LINES:
            return True
        if not self._untold:
            self._untold_since = now
        self._untold[what] += 1
        return False


def _named(pair: Pair) -> str:
    return f"{pair.name} {pair.probe} {pair.ip_family}"


def _fields(pair: Pair, **more: object) -> dict[str, dict[str, object]]:
    labels = {"target": pair.target, "probe": pair.probe, "protocol": pair.protocol, "ip_family": pair.ip_family}
    database = {"database": pair.database} if pair.database else {}
    return {"fields": {**database, **labels, **more}}

"""Tells the log what changed: two lines per outage, and one for all where hundreds begin at once.

A single failure is no outage, it is counted and no more: on a link that loses one packet in a hundred
there would be nothing else to read. What fails again within a minute of its end goes on as the same outage: that
is said once, and its end when it has been well for a minute.
"""

from __future__ import annotations

import dataclasses
import logging
from collections import Counter
from collections.abc import Iterator

from collectors.terms import Seconds
from exporter.fleet import Pair
from exporter.recording.series import PairSeries
from exporter.wording import span

_log = logging.getLogger(__name__)

IN_A_ROW = 2
"""Failures that make an outage."""
_CALM: Seconds = 60.0
_LINES = 10
"""What is said one by one within a minute; of the rest there is a summary, as soon as it is complete:"""
_MINUTE: Seconds = 60.0
_COMPLETE: Seconds = 2.0
_NAMED = 5
"""Pairs that a summary names."""
_ENDED = "ended"


@dataclasses.dataclass(slots=True)
class _Outage:
    """One pair's, until a minute after its end."""

    pair: Pair
    since: Seconds
    failures: int
    ended: Seconds | None = None
    flaps: bool = False


class Outages:
    """What is told of pairs that fail and of pairs that are well again."""

    def __init__(self) -> None:
        self._outages: dict[tuple[str, ...], _Outage] = {}
        self._minute: Seconds = -_MINUTE
        self._lines = 0
        self._untold: Counter[str] = Counter()
        self._names: list[str] = []
        self._untold_since: Seconds = 0.0
        self._summarised: Seconds = -_MINUTE
        self._looked: Seconds = 0.0

    def failed(self, pair: Pair, series: PairSeries, now: Seconds) -> None:
        """Take a failure that ``series`` has counted."""
        failure, failing = series.last_failure, series.failing
        if failure is None or failing is None or failing.in_a_row < IN_A_ROW:
            return
        outage = self._outages.get(pair.identity)
        if outage is None:
            self._outages[pair.identity] = _Outage(pair, failing.since, failing.in_a_row)
            text = f"fails for {span(now - failing.since)}: {failure.detail or failure.reason}"
            self._tell(pair, "outage began", text, failure.reason, now, reason=failure.reason)
            return
        outage.failures += 1
        if outage.ended is not None:
            outage.ended = None
            if not outage.flaps:
                outage.flaps = True
                self._tell(pair, "outage goes on", "flaps; its end is told after a calm minute", "flapping", now)

    def succeeded(self, pair: Pair, now: Seconds) -> None:
        """Take the end of some failures in a row."""
        outage = self._outages.get(pair.identity)
        if outage is not None and outage.ended is None:
            outage.ended = now
            if not outage.flaps:
                self._tell_end(outage, "is well again", now)

    def removed(self, identity: tuple[str, ...], now: Seconds) -> None:
        """Take that a pair is no longer measured."""
        outage = self._outages.pop(identity, None)
        if outage is not None and outage.ended is None:
            outage.ended = now
            self._tell_end(outage, "is no longer measured", now)

    def summarise(self, now: Seconds) -> None:
        """Tell what was not told, no more often than once a minute, and what has been calm for one."""
        if self._outages and now - self._looked >= 1:
            self._looked = now
            self._forget_the_calm(now)
        if not self._untold or now - self._untold_since < _COMPLETE or now - self._summarised < _MINUTE:
            return
        self._summarised = now
        ended = self._untold.pop(_ENDED, 0)
        reasons = ", ".join(f"{reason} {count}" for reason, count in self._untold.most_common())
        told = [f"{self._untold.total()} more began ({reasons})"] if reasons else []
        told += [f"{ended} more ended"] if ended else []
        names = f": {', '.join(self._names)}" if self._names else ""
        _log.warning("outages: %s%s", ", ".join(told), names)
        self._untold.clear()
        self._names = []

    def _forget_the_calm(self, now: Seconds) -> None:
        for identity, outage in list(self._outages.items()):
            if outage.ended is not None and now - outage.ended >= _CALM:
                del self._outages[identity]
                if outage.flaps:
                    self._tell_end(outage, "is well again", now)

    def _tell_end(self, outage: _Outage, how: str, now: Seconds) -> None:
        lasted = (outage.ended or now) - outage.since
        text = f"{how} after {span(lasted)}, {outage.failures} probes failed"
        self._tell(outage.pair, "outage ended", text, _ENDED, now, seconds=round(lasted, 3))

    def _tell(self, pair: Pair, what: str, text: str, kind: str, now: Seconds, **fields: object) -> None:
        """Write a line, or count it for the summary."""
        if now - self._minute >= _MINUTE:
            self._minute, self._lines = now, 0
        self._lines += 1
        if self._lines <= _LINES:
            _log.warning("%s: %s %s", what, _named(pair), text, extra={"fields": dict(_labels(pair)) | fields})
            return
        if not self._untold:
            self._untold_since = now
        self._untold[kind] += 1
        if len(self._names) < _NAMED:
            self._names.append(_named(pair))


def _named(pair: Pair) -> str:
    return f"{pair.name} {pair.probe} {pair.ip_family}"


def _labels(pair: Pair) -> Iterator[tuple[str, str]]:
    if pair.database:
        yield "database", pair.database
    yield from (("target", pair.target), ("probe", pair.probe), ("protocol", pair.protocol))
    yield "ip_family", pair.ip_family

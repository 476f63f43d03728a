"""Logs what changed: two lines per outage, and one for all where hundreds begin at once.

A single failure is no outage. It is counted and no more: on a link that loses one packet in a hundred there would be
nothing else to read. A pair that fails again within a minute of its outage's end goes on with the same outage. The log
says once that it flaps, and then nothing of it until it has been well for a minute.
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
"""How long after its end an outage can go on."""
_LINES = 10
"""Changes within a minute that have a line each; the others are summarised."""
_MINUTE: Seconds = 60.0
_COMPLETE: Seconds = 2.0
"""How long a summary waits for what begins or ends at the same time."""
_NAMED = 5
"""Pairs that a summary names."""
_ENDED = "ended"


@dataclasses.dataclass(slots=True)
class _Outage:
    """The outage of one pair, kept until a minute after its end."""

    pair: Pair
    since: Seconds
    failures: int
    ended: Seconds | None = None
    flaps: bool = False


class Outages:
    """The outages of all pairs, and what of them is not yet in the log."""

    def __init__(self) -> None:
        self._outages: dict[tuple[str, ...], _Outage] = {}
        self._minute: Seconds = -_MINUTE
        self._lines = 0
        self._unlogged: Counter[str] = Counter()
        self._unlogged_names: list[str] = []
        self._unlogged_since: Seconds = 0.0
        self._summarised: Seconds = -_MINUTE
        self._checked: Seconds = 0.0

    def failed(self, pair: Pair, series: PairSeries, now: Seconds) -> None:
        """Log the beginning of an outage, if this failure, which ``series`` has counted, is one."""
        failure, failing = series.last_failure, series.failing
        if failure is None or failing is None or failing.in_a_row < IN_A_ROW:
            return
        outage = self._outages.get(pair.identity)
        if outage is None:
            self._outages[pair.identity] = _Outage(pair, failing.since, failing.in_a_row)
            text = f"fails for {span(now - failing.since)}: {failure.detail or failure.reason}"
            self._log_change(pair, "outage began", text, failure.reason, now, reason=failure.reason)
            return
        outage.failures += 1
        if outage.ended is not None:
            outage.ended = None
            if not outage.flaps:
                outage.flaps = True
                text = "flaps: the next line comes after a minute without failures"
                self._log_change(pair, "outage goes on", text, "flapping", now)

    def succeeded(self, pair: Pair, now: Seconds) -> None:
        """Log the end of an outage, if the failures in a row that have just ended were one."""
        outage = self._outages.get(pair.identity)
        if outage is not None and outage.ended is None:
            outage.ended = now
            if not outage.flaps:
                self._log_end(outage, "is well again", now)

    def removed(self, identity: tuple[str, ...], now: Seconds) -> None:
        """Log the end of an outage of a pair that is no longer measured."""
        outage = self._outages.pop(identity, None)
        if outage is not None and outage.ended is None:
            outage.ended = now
            self._log_end(outage, "is no longer measured", now)

    def summarise(self, now: Seconds) -> None:
        """Log what had no line of its own, once a minute at most, and the end of what flapped and has been calm."""
        if self._outages and now - self._checked >= 1:
            self._checked = now
            self._forget_the_calm(now)
        if not self._unlogged or now - self._unlogged_since < _COMPLETE or now - self._summarised < _MINUTE:
            return
        self._summarised = now
        ended = self._unlogged.pop(_ENDED, 0)
        reasons = ", ".join(f"{reason} {count}" for reason, count in self._unlogged.most_common())
        counts = [f"{self._unlogged.total()} more began ({reasons})"] if reasons else []
        counts += [f"{ended} more ended"] if ended else []
        names = f": {', '.join(self._unlogged_names)}" if self._unlogged_names else ""
        _log.warning("outages: %s%s", ", ".join(counts), names)
        self._unlogged.clear()
        self._unlogged_names = []

    def _forget_the_calm(self, now: Seconds) -> None:
        for identity, outage in list(self._outages.items()):
            if outage.ended is not None and now - outage.ended >= _CALM:
                del self._outages[identity]
                if outage.flaps:
                    self._log_end(outage, "is well again", now)

    def _log_end(self, outage: _Outage, how: str, now: Seconds) -> None:
        lasted = (outage.ended or now) - outage.since
        text = f"{how} after {span(lasted)}, {outage.failures} probes failed"
        self._log_change(outage.pair, "outage ended", text, _ENDED, now, seconds=round(lasted, 3))

    def _log_change(self, pair: Pair, what: str, text: str, kind: str, now: Seconds, **fields: object) -> None:
        """Write a line, or count the change for the summary."""
        if now - self._minute >= _MINUTE:
            self._minute, self._lines = now, 0
        self._lines += 1
        if self._lines <= _LINES:
            _log.warning("%s: %s %s", what, _named(pair), text, extra={"fields": dict(_labels(pair)) | fields})
            return
        if not self._unlogged:
            self._unlogged_since = now
        self._unlogged[kind] += 1
        if len(self._unlogged_names) < _NAMED:
            self._unlogged_names.append(_named(pair))


def _named(pair: Pair) -> str:
    return f"{pair.name} {pair.probe} {pair.ip_family}"


def _labels(pair: Pair) -> Iterator[tuple[str, str]]:
    if pair.database:
        yield "database", pair.database
    yield from (("target", pair.target), ("probe", pair.probe), ("protocol", pair.protocol))
    yield "ip_family", pair.ip_family

"""The overview in each of its formats, from one snapshot for all who ask within a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from collectors.terms import Seconds
from exporter import __version__
from exporter.clock import wall_clock
from exporter.fleet import Pair
from exporter.overview import html_text, json_text, rows, text
from exporter.overview.suspects import Suspects
from exporter.recording.own_health import OwnHealth
from exporter.recording.series import PairSeries

PageFormat = Literal["text", "html", "json"]

_FRESH: Seconds = 1.0
"""How long a snapshot serves all who ask, whatever page and format they want."""

States = Callable[[], Sequence[tuple[Pair, PairSeries]]]


class Overview:
    """Takes a snapshot of all pairs and of our own health when somebody asks, once a second at most."""

    policy = html_text.POLICY

    def __init__(self, host: Callable[[], str], states: States, own_health: Callable[[Seconds], OwnHealth]) -> None:
        self._host, self._states, self._own_health = host, states, own_health
        self._snapshot: rows.Snapshot | None = None
        self._taken: Seconds = -_FRESH
        """When the snapshot was taken, by the monotonic clock."""

    def forget(self) -> None:
        """Drop the snapshot: its pairs may be gone."""
        self._snapshot = None

    def pieces(self, page_format: PageFormat, links: Mapping[str, str], page: int) -> Iterator[bytes]:
        """Write it in pieces; ``page`` is for browsers.

        Between two pieces others may run, but no other call of this method. A piece can be empty.
        """
        snapshot = self._snapshot
        if snapshot is None or time.monotonic() - self._taken >= _FRESH:
            now, wall = time.monotonic(), wall_clock()
            own_health = self._own_health(now)
            judged: list[rows.PairRow] = []
            suspects = Suspects(own_health)
            for batch in rows.judged(self._states(), suspects, own_health, now, wall):
                judged += batch
                yield b""
            in_order = sorted(judged, key=rows.PairRow.order)
            snapshot = rows.Snapshot(self._title(wall), wall, in_order, tuple(suspects), own_health)
            self._snapshot, self._taken = snapshot, now
        if page_format == "html":
            written = html_text.render(snapshot, links, page)
        else:
            written = json_text.render(snapshot) if page_format == "json" else text.render(snapshot)
        for piece in written:
            yield piece.encode("utf-8", "backslashreplace")

    def _title(self, wall: float) -> str:
        at = datetime.fromtimestamp(wall, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return f"latency-exporter {__version__} on {self._host()}, {at}"

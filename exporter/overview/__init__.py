"""This host's view, for the person on call: every pair with now, usual, loss and a verdict in words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from collectors.terms import Seconds
from exporter import __version__
from exporter.fleet import Pair
from exporter.overview import html_text, json_text, rows, text
from exporter.recording.own_health import OwnHealth
from exporter.recording.series import PairSeries

Format = Literal["text", "html", "json"]

_FRESH: Seconds = 1.0
"""How long a look serves all who ask, whatever page and format they want."""

States = Callable[[], Sequence[tuple[Pair, PairSeries]]]


class Overview:
    """Asks for the pairs' states and for ours when somebody looks, once a second at most."""

    policy = html_text.POLICY

    def __init__(self, host: Callable[[], str], states: States, here: Callable[[float], OwnHealth]) -> None:
        self._host, self._states, self._here = host, states, here
        self._seen: rows.Snapshot | None = None
        self._looked: Seconds = -_FRESH

    def pieces(self, shape: Format, links: Mapping[str, str], page: int) -> Iterator[bytes]:
        """Write it in pieces, between which others may run, but no other look; ``page`` is for browsers."""
        if self._seen is None or time.monotonic() - self._looked >= _FRESH:
            yield from self._look()
        assert self._seen is not None  # noqa: S101 - we have just looked
        if shape == "html":
            written = html_text.html_text(self._seen, links, page)
        else:
            written = json_text.json_text(self._seen) if shape == "json" else text.text(self._seen)
        for piece in written:
            yield piece.encode("utf-8", "backslashreplace")

    def _look(self) -> Iterator[bytes]:
        now, here = time.monotonic(), self._here(time.monotonic())
        wall = time.time()  # noqa: TID251 - a date shown to people
        found: list[rows.Row] = []
        for found in rows.rows(self._states(), here, now):  # noqa: B007 - the last one is all of them
            yield b""
        at = datetime.fromtimestamp(wall, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        self._seen = rows.Snapshot(f"latency-exporter {__version__} on {self._host()}, {at}", wall, found, here)
        self._looked = now

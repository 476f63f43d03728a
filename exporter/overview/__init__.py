"""This host's view, for the person on call: every pair with now, usual, loss and a verdict in words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from exporter import __version__
from exporter.fleet import Pair
from exporter.overview import html_text, json_text, rows, text
from exporter.overview.verdict import Here
from exporter.series import PairSeries

Format = Literal["text", "html", "json"]

States = Callable[[], Sequence[tuple[Pair, PairSeries]]]


class Overview:
    """Asks for the pairs' states and for ours whenever somebody looks."""

    policy = html_text.POLICY

    def __init__(self, host: Callable[[], str], states: States, here: Callable[[float], Here]) -> None:
        self._host, self._states, self._here = host, states, here

    def pieces(self, shape: Format, links: Mapping[str, str], page: int) -> Iterator[bytes]:
        """Write it in pieces, between which others may run; ``page`` is for browsers, which get a part at a time."""
        now, here = time.monotonic(), self._here(time.monotonic())
        wall = time.time()  # noqa: TID251 - a date shown to people
        found: list[rows.Row] = []
        for found in rows.rows(self._states(), here, now):  # noqa: B007 - the last one is all of them
            yield b""
        at = datetime.fromtimestamp(wall, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        seen = rows.Snapshot(f"latency-exporter {__version__} on {self._host()}, {at}", wall, found, here)
        if shape == "html":
            written = html_text.html_text(seen, links, page)
        else:
            written = json_text.json_text(seen) if shape == "json" else text.text(seen)
        for piece in written:
            yield piece.encode("utf-8", "backslashreplace")

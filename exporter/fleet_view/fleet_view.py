"""The fleet in each format: nobody is asked unless somebody looks, and then at most once per ten seconds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from collectors.terms import Seconds
from exporter import __version__
from exporter.clock import wall_clock
from exporter.fleet import Fleet, Host, peers_of
from exporter.fleet_view import html_text, json_text, text
from exporter.fleet_view.layout import layout
from exporter.fleet_view.no_pages import lacking
from exporter.fleet_view.peer_pages import PeerPages, page_of
from exporter.fleet_view.view import Pages, View, view
from exporter.overview import PageFormat

_log = logging.getLogger(__name__)
APART: Seconds = 10.0
"""The least time from one round of requests to the next; a look in between gets the answers of the first."""


class Current(Protocol):
    """The configuration in force."""

    @property
    def fleet(self) -> Fleet: ...
    @property
    def host(self) -> Host: ...


class _DatedView(NamedTuple):
    view: View
    title: str
    wall: float


class FleetView:
    """Asks the fleet when somebody looks, and writes what it says."""

    policy = html_text.POLICY

    def __init__(
        self,
        current: Callable[[], Current],
        own_page: Callable[[], Awaitable[bytes]],
        peer_pages: PeerPages | None = None,
    ) -> None:
        """``own_page`` is this host's own page, as JSON."""
        self._current, self._own_page, self._peer_pages = current, own_page, peer_pages or PeerPages()
        self._asked: Seconds = 0.0
        """When peers were asked last, by the loop's clock."""
        self._look: asyncio.Task[_DatedView] | None = None

    async def pieces(self, page_format: PageFormat, links: Mapping[str, str]) -> Iterator[bytes]:
        """Return the page in pieces; ``links`` are for browsers."""
        seen = await self._latest()
        if page_format == "html":
            written = html_text.render(seen.view, seen.title, links)
        elif page_format == "json":
            written = json_text.render(seen.view, seen.title, seen.wall)
        else:
            written = text.render(seen.view, seen.title)
        return (piece.encode("utf-8", "backslashreplace") for piece in written)

    async def _latest(self) -> _DatedView:
        """Return what was seen in the last ten seconds, or ask.

        Requests that come meanwhile wait for the same look. It goes on when its client goes away, so that no peer is
        asked twice.
        """
        now = asyncio.get_running_loop().time()
        if self._look is None or (self._look.done() and now >= self._asked + APART):
            self._asked = now
            self._look = asyncio.create_task(self._ask())  # noqa: TID251 - a waiting request gets its error, or else the loop logs it
        return await asyncio.shield(self._look)

    async def _ask(self) -> _DatedView:
        current, wall = self._current(), wall_clock()
        fleet, host = current.fleet, current.host
        peers, missing = await asyncio.to_thread(peers_of, fleet, host)
        pages: Pages
        if missing:
            _log.warning("/fleet cannot ask other hosts: %s", "; ".join(map(str, missing)))
            pages = dict.fromkeys((peer.name for peer in peers), lacking(missing[0].key))
        else:
            pages = await self._peer_pages.pages(peers)
        own = await asyncio.to_thread(page_of, host.name, await self._own_page())
        at = datetime.fromtimestamp(wall, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        title = f"The fleet as asked from {host.name} by latency-exporter {__version__}, {at}"
        seen = await asyncio.to_thread(view, {host.name: own, **pages}, layout(fleet, host.name, wall))
        return _DatedView(seen, title, wall)

"""The other exporters asked for their pages: all at once, until one deadline."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Collection, Mapping
from typing import NamedTuple

from aiohttp import ClientSession

from collectors.contract import ProbeFailed
from collectors.terms import Seconds
from collectors.transport.trust import Contexts
from exporter.fleet import PeerExporter
from exporter.fleet_view.culprits import NoPage
from exporter.fleet_view.no_pages import another_host, lacking, no_page, not_ours, too_many
from exporter.fleet_view.reports import BadReport, HostReport, read
from exporter.http_client.client import Client, session
from exporter.http_client.outcome import OK, HttpAnswer

_log = logging.getLogger(__name__)
DEADLINE: Seconds = 3.0
"""For all of them together."""
ROOM, LIMIT = 64 << 20, 4 << 20
"""Bytes of all pages, and of one. That of one of 30 hosts with three probes each has 200 KB."""
PAIRS = 40_000
"""Of all pages: each takes 3 KB, and 220 bytes of a page are enough for one."""
_AT_ONCE = 128
"""Connections: the files that this program may open have to suffice for its probes, too."""
_PATH = "/?format=json"

_Trust = ssl.SSLContext | ProbeFailed | None


class _Share(NamedTuple):
    """What one page may take of the room that there is for all."""

    size: int
    """In bytes."""
    pairs: int


class PeerPages:
    """Asks peers."""

    def __init__(self, deadline: Seconds = DEADLINE) -> None:
        self._patience = deadline
        self._contexts = Contexts()
        self._reading = asyncio.Lock()
        """One page is read at a time: each thread that computes makes the loop wait for the interpreter."""

    async def pages(self, peers: Collection[PeerExporter]) -> Mapping[str, HostReport | NoPage]:
        """Return the pages of peers, or why they could not be had."""
        deadline = asyncio.get_running_loop().time() + self._patience
        share = _Share(min(LIMIT, ROOM // max(1, len(peers))), PAIRS // max(1, len(peers)))
        trusts = await asyncio.to_thread(self._trusts, peers)  # the system's authorities take 55 ms to load
        async with session("fleet", _AT_ONCE) as shared, asyncio.TaskGroup() as group:
            tasks = {
                peer.name: group.create_task(self._page(shared, peer, trusts[peer], deadline, share)) for peer in peers
            }
        return {name: task.result() for name, task in tasks.items()}

    def _trusts(self, peers: Collection[PeerExporter]) -> Mapping[PeerExporter, _Trust]:
        return {peer: self._trust(peer) for peer in peers}

    def _trust(self, peer: PeerExporter) -> _Trust:
        if not peer.url.startswith("https:"):
            return None
        try:
            return self._contexts.get(peer.ca_file, peer.own_certificate, verify=True)
        except ProbeFailed as failed:
            return failed

    async def _page(
        self, shared: ClientSession, peer: PeerExporter, trust: _Trust, deadline: Seconds, share: _Share
    ) -> HostReport | NoPage:
        if isinstance(trust, ProbeFailed):
            _log.warning("/fleet cannot ask %s: %s", peer.name, trust.detail)
            return lacking(trust.detail.partition(" ")[0])
        outcome = await Client(shared, peer, trust, deadline).get(_PATH, share.size)
        if not isinstance(outcome, HttpAnswer) or outcome.status != OK:
            return no_page(outcome, self._patience)
        async with self._reading:
            page = await asyncio.to_thread(page_of, peer.name, outcome.body)
        return too_many(share.pairs) if isinstance(page, HostReport) and len(page.pairs) > share.pairs else page


def page_of(name: str, body: bytes) -> HostReport | NoPage:
    """Read the page of a host, or return why it is none."""
    try:
        page = read(body)
    except BadReport as bad:
        return not_ours(str(bad))
    return page if page.this_host.host in {"", name} else another_host()

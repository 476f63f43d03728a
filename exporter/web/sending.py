"""Large answers on their way: of each no more is handed on than its client takes, and all together have limited room.

A reader that stalls holds the page that it asked for, and each may have asked for another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from aiohttp import web

ROOM = 8 << 20
"""Bytes of all the pages that readers hold."""
_PAGES = 2
"""Pages that have room however large they are."""
_AT_ONCE = 16 << 10
"""Bytes handed to the transport at once: so many it keeps for each reader that stalls."""


class Sending:
    """The answers under way."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._readers: dict[_PageReader, None] = {}
        """In the order in which they began."""
        self._by_page: dict[int, dict[_PageReader, None]] = {}
        self._bytes = 0
        """The size of all these pages."""

    async def send(
        self, request: web.Request, headers: Mapping[str, str], pieces: Sequence[bytes]
    ) -> web.StreamResponse:
        """Answer piece by piece; readers that hold other pages may be cut off for it."""
        response = web.StreamResponse(headers=headers)
        response.content_length = size = sum(map(len, pieces))
        with (
            contextlib.suppress(ConnectionError),
            self._held(request, pieces, size),
        ):  # a client may leave early
            await response.prepare(request)
            if request.method != "HEAD":
                for part in _parts(pieces):
                    if len(part) == _AT_ONCE:  # a client may take all as fast as it comes, without a wait
                        await asyncio.sleep(0)  # noqa: TID251 - no wait: others have their turn
                    await response.write(part)
                    await request.writer.drain()
            await response.write_eof()
        return response

    @contextlib.contextmanager
    def _held(self, request: web.Request, pieces: Sequence[bytes], size: int) -> Iterator[None]:
        reader = _PageReader(request, pieces, size)
        self._add(reader)
        try:
            yield
        finally:
            self._remove(reader)

    def _add(self, newest: _PageReader) -> None:
        """Add a reader; readers of other pages give way, the first of the address that has most of them."""
        self._readers[newest] = None
        readers = self._by_page.setdefault(id(newest.pieces), {})
        if not readers:
            self._bytes += newest.size
        readers[newest] = None
        while len(self._by_page) > _PAGES and self._bytes > self._room:
            others = [reader for reader in self._readers if reader.pieces is not newest.pieces]
            crowds = Counter(reader.request.remote for reader in others)
            victim = max(others, key=lambda reader: crowds[reader.request.remote])
            self._remove(victim)
            if victim.request.transport:
                victim.request.transport.abort()

    def _remove(self, reader: _PageReader) -> None:
        """Remove a reader, if it has not given way already."""
        if reader not in self._readers:
            return
        del self._readers[reader]
        readers = self._by_page[id(reader.pieces)]
        del readers[reader]
        if not readers:
            del self._by_page[id(reader.pieces)]
            self._bytes -= reader.size


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _PageReader:
    request: web.Request
    pieces: Sequence[bytes]
    size: int


def _parts(pieces: Sequence[bytes]) -> Iterator[memoryview]:
    for piece in pieces:
        for start in range(0, len(piece), _AT_ONCE):
            yield memoryview(piece)[start : start + _AT_ONCE]

"""Pages: made once for all requests of a moment, compressed, and never in one piece, which would hold the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar, cast

from isal import isal_zlib

from collectors.terms import Seconds

_GZIP_LEVEL = 1
"""As small as zlib's fastest level, at a fifth of its cost; ISA-L's other levels are no better."""
_GZIP_FORMAT = 16 + isal_zlib.MAX_WBITS
"""By which deflateInit2 of zlib.h writes gzip's header and trailer."""
_REST: Seconds = 0.01
"""From one page to the next; where a page took less, that is enough. Meanwhile others have their turn, connections are
accepted, and all requests share the next page."""
_MADE_AT_ONCE = 1 << 15
"""Bytes of a page made before others have their turn. Most pieces are larger, and not copied once more."""
_Page = TypeVar("_Page")


class SharedPages:
    """The pages that are being made, by what was asked for."""

    def __init__(self) -> None:
        self._under_way: dict[object, asyncio.Future[Any]] = {}
        self._rested_at: Seconds = 0.0

    async def get(self, key: object, make: Callable[[], Awaitable[_Page]]) -> _Page:
        """Return what ``make`` makes, or what it is making already for another request with this ``key``."""
        if under_way := self._under_way.get(key):
            return cast(_Page, await asyncio.shield(under_way))
        self._under_way[key] = under_way = asyncio.get_running_loop().create_future()
        try:
            await asyncio.sleep(self._rested_at - under_way.get_loop().time())  # noqa: TID251 - see _REST
            began = under_way.get_loop().time()
            made = await make()
            now = under_way.get_loop().time()
            self._rested_at = now + min(now - began, _REST)
        except BaseException as error:
            under_way.set_exception(error)
            under_way.exception()  # read, or the loop would complain of it when no other request waits
            raise
        finally:
            del self._under_way[key]
        under_way.set_result(made)
        return made


async def in_turns(pieces: Iterable[_Page]) -> list[_Page]:
    """Collect the pieces of a page; between them others have their turn."""
    collected = []
    for piece in pieces:
        collected.append(piece)
        await asyncio.sleep(0)  # noqa: TID251 - no wait: others have their turn
    return collected


async def in_blocks(pieces: Iterable[bytes], *, packed: bool) -> list[bytes]:
    """Collect a large page in blocks, by gzip if ``packed``: the metrics of 1,000 targets are 30 MB.

    An empty piece says that much was done, though there is nothing to show for it yet.
    """
    packer = isal_zlib.compressobj(_GZIP_LEVEL, isal_zlib.DEFLATED, _GZIP_FORMAT) if packed else None
    done: list[bytes] = []
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size > _MADE_AT_ONCE:
            done.append(_block(waiting, packer))
            waiting, size = [], 0
        elif piece:
            continue
        await asyncio.sleep(0)  # noqa: TID251 - no wait: others have their turn
    return [*done, _block(waiting, packer), packer.flush() if packer else b""]


def _block(pieces: Iterable[bytes], packer: isal_zlib.Compress | None) -> bytes:
    """Return pieces as one, compressed if there is a packer; to hand them to a thread would take longer than that."""
    return b"".join(map(packer.compress, pieces) if packer else pieces)

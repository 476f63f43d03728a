"""A line of those who want something that is done one at a time; addresses take turns in it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator


class Busy(Exception):  # noqa: N818 - the state we are in
    """Too many wait already."""


class Line:
    """One at a time; a crowd from one address delays another's by one turn."""

    def __init__(self, most: int, per_address: int) -> None:
        self._most, self._per_address = most, per_address
        self._is_taken = False
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """By address, the one whose turn is next in front."""

    @contextlib.asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Wait for a turn; raises Busy for who has waited longest where too many of an address, or of all, wait."""
        if self._is_taken:
            await self._stand(address)
        self._is_taken = True
        try:
            yield
        finally:
            self._next()

    async def _stand(self, address: str) -> None:
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        own = self._waiting.setdefault(address, deque())
        own.append(mine)
        if len(own) > self._per_address:
            self._send_away(own)
        elif sum(map(len, self._waiting.values())) > self._most:
            self._send_away(max(self._waiting.values(), key=len))
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._next()
            raise

    def _send_away(self, crowd: deque[asyncio.Future[None]]) -> None:
        longest = crowd.popleft()
        if not longest.done():
            longest.set_exception(Busy())

    def _next(self) -> None:
        while self._waiting:
            address, crowd = next(iter(self._waiting.items()))
            del self._waiting[address]
            turn = crowd.popleft()
            if crowd:
                self._waiting[address] = crowd  # behind all others
            if not turn.done():
                turn.set_result(None)
                return
        self._is_taken = False

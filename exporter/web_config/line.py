"""Lines of those who wait, in which addresses take turns: a crowd of one address delays another's by one turn."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")


class ByTurns(Generic[_T]):
    """What waits, by address."""

    def __init__(self) -> None:
        self._crowds: dict[str, deque[_T]] = {}
        """Of the address whose turn is next in front, and of each what is next in front."""

    def __len__(self) -> int:
        return sum(map(len, self._crowds.values()))

    def __bool__(self) -> bool:
        return bool(self._crowds)

    def add(self, address: str, item: _T) -> deque[_T]:
        """Put it behind its crowd, which is returned."""
        crowd = self._crowds.setdefault(address, deque())
        crowd.append(item)
        return crowd

    def largest(self) -> deque[_T]:
        """Return the crowd of whose address most wait."""
        return max(self._crowds.values(), key=len)

    def take(self) -> _T:
        """Take what is next; its crowd goes behind all others."""
        address, crowd = next(iter(self._crowds.items()))
        del self._crowds[address]
        item = crowd.popleft()
        if crowd:
            self._crowds[address] = crowd
        return item


class Busy(Exception):  # noqa: N818 - the state we are in
    """Too many wait already."""


class Line:
    """For something that is done one at a time."""

    def __init__(self, most: int, per_address: int) -> None:
        self._most, self._per_address = most, per_address
        self._is_taken = False
        self._waiting: ByTurns[asyncio.Future[None]] = ByTurns()

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
        crowd = self._waiting.add(address, mine)
        if len(crowd) > self._per_address:
            _send_away(crowd)
        elif len(self._waiting) > self._most:
            _send_away(self._waiting.largest())
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._next()
            raise

    def _next(self) -> None:
        while self._waiting:
            turn = self._waiting.take()
            if not turn.done():
                turn.set_result(None)
                return
        self._is_taken = False


def _send_away(crowd: deque[asyncio.Future[None]]) -> None:
    longest = crowd.popleft()
    if not longest.done():
        longest.set_exception(Busy())


class Pace:
    """For something of which a few are begun in a turn of the loop: it stays short, and connections are accepted."""

    def __init__(self, at_once: int) -> None:
        self._at_once = self._left = at_once
        self._is_due = False
        self._waiting: ByTurns[Callable[[], None]] = ByTurns()

    def begin(self, address: str, action: Callable[[], None]) -> None:
        """Do it now, or in one of the next turns of the loop if this one's are done."""
        self._waiting.add(address, action)
        self._do_some()
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._left, self._is_due = self._at_once, False
        self._do_some()
        if self._waiting:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._next_turn)

    def _do_some(self) -> None:
        while self._left and self._waiting:
            self._left -= 1
            self._waiting.take()()

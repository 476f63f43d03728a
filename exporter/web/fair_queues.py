"""Queues in which addresses take turns: however many wait from one address, another is delayed by one turn."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")


class FairQueue(Generic[_T]):
    """Items that wait, by address."""

    def __init__(self) -> None:
        self._by_address: dict[str, deque[_T]] = {}
        """The items of each address, the oldest first; the address whose turn is next stands first."""

    def __len__(self) -> int:
        return sum(map(len, self._by_address.values()))

    def __bool__(self) -> bool:
        return bool(self._by_address)

    def add(self, address: str, item: _T) -> deque[_T]:
        """Append an item to those of its address, which are returned."""
        items = self._by_address.setdefault(address, deque())
        items.append(item)
        return items

    def largest(self) -> deque[_T]:
        """Return the items of the address of which most wait."""
        return max(self._by_address.values(), key=len)

    def take(self) -> _T:
        """Remove and return the next item; its address goes behind all others."""
        address, items = next(iter(self._by_address.items()))
        del self._by_address[address]
        item = items.popleft()
        if items:
            self._by_address[address] = items
        return item


class Busy(Exception):
    """Too many wait already."""


class OneAtATime:
    """Lets one task at a time do something; the others wait for their turn."""

    def __init__(self, most: int, per_address: int) -> None:
        self._most, self._per_address = most, per_address
        self._is_taken = False
        self._waiting: FairQueue[asyncio.Future[None]] = FairQueue()

    @contextlib.asynccontextmanager
    async def waiting_turn(self, address: str) -> AsyncIterator[None]:
        """Wait for a turn; where too many wait, of an address or of all, the one that waits longest gets Busy."""
        if self._is_taken:
            await self._wait(address)
        self._is_taken = True
        try:
            yield
        finally:
            self._next()

    async def _wait(self, address: str) -> None:
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        items = self._waiting.add(address, mine)
        if len(items) > self._per_address:
            _refuse_oldest(items)
        elif len(self._waiting) > self._most:
            _refuse_oldest(self._waiting.largest())
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


def _refuse_oldest(items: deque[asyncio.Future[None]]) -> None:
    oldest = items.popleft()
    if not oldest.done():
        oldest.set_exception(Busy())


class Pace:
    """Begins at most a few actions in each turn of the loop, so that new connections are accepted in between."""

    def __init__(self, at_once: int) -> None:
        self._at_once = self._left = at_once
        self._is_due = False
        self._waiting: FairQueue[Callable[[], None]] = FairQueue()

    def begin(self, address: str, action: Callable[[], None]) -> None:
        """Call an action now, or in one of the next turns of the loop if this one has had its share."""
        self._waiting.add(address, action)
        self._begin_some()
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._left, self._is_due = self._at_once, False
        self._begin_some()
        if self._waiting:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._next_turn)

    def _begin_some(self) -> None:
        while self._left and self._waiting:
            self._left -= 1
            self._waiting.take()()

"""Messages of a database over a channel, and how long the server took to answer what we sent."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator
from typing import Any

from collectors import kernel
from collectors.contract import ProbeFailed
from collectors.terms import Reason, Seconds
from collectors.transport.stream import Channel, Receipt, Stream

LONGEST = 64 * 1024
"""Bytes of one message: whatever a server says of its own accord, or as an error, is shorter."""


class Dialogue:
    """Sends, and reads in exact pieces; adds up the server's time, from each flight of ours to its answer's end."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.channel: Channel = stream
        self._server_time: Seconds = 0.0
        self._buffer = bytearray()
        self._last: Receipt | None = None
        """The latest of an answer whose time was not added yet."""

    async def send(self, data: bytes) -> None:
        """Send a flight; the answer to the one before is complete."""
        self._add()
        await self.channel.send(data)

    def take_server_time(self) -> Seconds:
        """Return how long the server took, with the network, since the last call."""
        self._add()
        server_time, self._server_time = self._server_time, 0.0
        return server_time

    @contextlib.contextmanager
    def uncounted(self) -> Iterator[None]:
        """Leave what is sent and answered meanwhile out of the server's time and out of the round trips."""
        self._add()
        before = self._server_time, self.stream.round_trips
        try:
            yield
        finally:
            self.discard()
            self._server_time, self.stream.round_trips = before

    def discard(self) -> None:
        """Leave out what has come since: it belongs to an answer that was added already."""
        self._last = None

    def _add(self) -> None:
        if self._last is not None:
            self._server_time += self.stream.since_send(self._last)
            self._last = None

    async def greeting(self, count: int, connected: kernel.Moment) -> bytes:
        """Read the first bytes of a server that speaks first; it could do so since ``connected``."""
        self.stream.expect_greeting()
        data = await self.exactly(count)
        assert self._last is not None  # noqa: S101 - bytes have just come
        self._server_time += self.stream.since(connected, self._last)
        self.discard()
        return data

    async def exactly(self, count: int) -> bytes:
        """Read so many bytes; ProbeFailed(RESET) if the server closes before."""
        while len(self._buffer) < count:
            await self._receive()
        return self._take(0, count)

    async def message(self, head: struct.Struct, length_of: Callable[..., int]) -> tuple[tuple[Any, ...], bytes]:
        """Read a head, and the body whose length its fields give; ProbeFailed(RESET, PROTOCOL)."""
        while len(self._buffer) < head.size:
            await self._receive()
        fields = head.unpack_from(self._buffer)
        end = head.size + bounded(length_of(*fields))
        while len(self._buffer) < end:
            await self._receive()
        return fields, self._take(head.size, end)

    async def text(self, beginning: bytes) -> bytes:
        """Read on to a zero byte, or to the end of what there is; return all of it from ``beginning``."""
        with contextlib.suppress(ProbeFailed):
            while b"\0" not in self._buffer and len(self._buffer) < LONGEST:
                await self._receive()
        return beginning + self._take(0, len(self._buffer)).partition(b"\0")[0]

    async def until_closed(self) -> None:
        """Read on, without a look at it, until the server closes the connection."""
        while (await self.channel.more()).data:
            pass

    async def _receive(self) -> None:
        receipt = await self.channel.more()
        if not receipt.data:
            raise ProbeFailed(Reason.RESET, "the server closed the connection")
        self._last = receipt
        self._buffer += receipt.data

    def _take(self, start: int, end: int) -> bytes:
        data = bytes(self._buffer[start:end])
        del self._buffer[:end]
        return data

    def is_quiet(self) -> bool:
        """Return whether nothing has come since all was read, so that the next to come is an answer."""
        return not self._buffer and self.stream.is_quiet()

    @property
    def is_empty(self) -> bool:
        """Whether everything that has come was read."""
        return not self._buffer


def bounded(length: int) -> int:
    """Return a message's length, if it can be one; ProbeFailed(PROTOCOL)."""
    if not 0 <= length <= LONGEST:
        raise ProbeFailed(Reason.PROTOCOL, f"announces a message of {length} bytes")
    return length


def readable(text: bytes) -> str:
    """Return a server's text, short and on one line, for people."""
    words = text[:200].decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else " " for letter in words)

"""What readers hold together, and which of them gives way; over real connections."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from aiohttp import web

from exporter.web.sending import Sending
from tests.exporter.web.served import LONG, Client, serving, until

REQUEST = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
PAGE = 1 << 20
KERNEL = 4096
"""Of a page the kernels of both sides take the most; the rest waits for a reader that does not read."""


class Stalled:
    """Readers that ask for a page and take nothing of it."""

    def __init__(self, port: int, sending: Sending, stack: contextlib.AsyncExitStack) -> None:
        self._port, self._sending, self._stack = port, sending, stack

    async def another(self, source: str) -> Client:
        before = len(self._sending._readers)
        client = await self._stack.enter_async_context(Client(self._port, source=source, receive_buffer=KERNEL))
        await client.send(REQUEST)
        await until(lambda: len(self._sending._readers) > before or before == 4)
        return client


@contextlib.asynccontextmanager
async def sending(room, *, new_pages=True):
    """Serve pages of 1 MiB; yield a maker of stalled readers, and the answers under way."""
    under_way, page = Sending(room), [b"x" * PAGE]

    async def answer(request: web.Request) -> web.StreamResponse:
        return await under_way.send(request, {}, [b"x" * PAGE] if new_pages else page)

    async with serving(handler=answer, send=LONG) as port, contextlib.AsyncExitStack() as stack:
        yield Stalled(port, under_way, stack), under_way


def readers(under_way):
    return [reader.request.remote for reader in under_way._readers]


async def test_readers_of_different_pages_give_way_where_there_is_no_room_the_first_of_the_most_of_an_address():
    async with sending(room=4 * PAGE) as (stalled, under_way):
        for source in ("127.0.0.2", "127.0.0.3", "127.0.0.3", "127.0.0.4"):
            await stalled.another(source)
        assert under_way._bytes == 4 * PAGE
        newest = await stalled.another("127.0.0.5")
        await until(lambda: readers(under_way)[-1] == "127.0.0.5")
        assert readers(under_way) == ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"]
        assert under_way._bytes == 4 * PAGE
        async with asyncio.timeout(LONG):
            await asyncio.get_running_loop().sock_recv(newest.socket, 1000)


async def test_of_a_page_that_all_of_them_read_there_is_one():
    async with sending(room=PAGE, new_pages=False) as (stalled, under_way):
        for _ in range(4):
            await stalled.another("127.0.0.2")
        assert len(readers(under_way)) == 4
        assert under_way._bytes == PAGE


async def test_two_pages_have_room_however_large_they_are():
    async with sending(room=1) as (stalled, under_way):
        for source in ("127.0.0.2", "127.0.0.3"):
            await stalled.another(source)
        assert readers(under_way) == ["127.0.0.2", "127.0.0.3"]


@pytest.mark.parametrize("leave", [True, False])
async def test_what_was_sent_or_given_up_is_held_no_longer(leave):
    async with sending(room=4 * PAGE) as (stalled, under_way):
        client = await stalled.another("127.0.0.2")
        if leave:
            client.socket.close()
        else:
            received = 0
            while received < PAGE:
                received += len(await asyncio.get_running_loop().sock_recv(client.socket, 1 << 20))
        await until(lambda: not under_way._readers)
        assert (under_way._bytes, under_way._by_page) == (0, {})

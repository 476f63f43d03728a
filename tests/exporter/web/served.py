"""A real server under limits, and real clients."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable

from aiohttp import web
from aiohttp.typedefs import Handler

from exporter.web.config import WebConfig, authenticate, extra_headers
from exporter.web.connections import Connections, Limits, close_after_body, refuse_expectations, serve

LONG = 5.0
"""Longest that anything may take before a test gives up; nothing waits for that long when it works."""


@contextlib.asynccontextmanager
async def serving(
    config: Callable[[], WebConfig] = WebConfig,
    page: bytes = b"pong\n",
    refused: Callable[[int], None] = lambda _: None,
    handler: Handler | None = None,
    **limits,
) -> AsyncIterator[int]:
    """Serve ``page``, or what ``handler`` says, at / as the program does, and yield the port."""

    async def show(_: web.Request) -> web.Response:
        return web.Response(body=page)

    answer = handler or show
    application = web.Application(middlewares=[authenticate(config), refuse_expectations])
    application.on_response_prepare.extend((extra_headers(config), close_after_body))
    application.router.add_get("/", answer)
    application.router.add_post("/", answer)
    chosen = Limits(**limits)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    assert runner.server
    sock = socket.create_server(("127.0.0.1", 0))
    connections = Connections(runner.server, config, chosen, refused)
    server = await serve(sock, connections)
    try:
        yield sock.getsockname()[1]
    finally:
        server.close()
        await runner.cleanup()
        connections.close()
        await asyncio.sleep(0)  # they are gone with the loop's next turn


class Client:
    """A socket that can be as rude as it likes."""

    def __init__(self, port: int, *, source: str = "127.0.0.1", receive_buffer: int = 0):
        self.socket = socket.socket()
        self.socket.setblocking(False)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.bind((source, 0))
        self._port = port
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self):
        await self._loop.sock_connect(self.socket, ("127.0.0.1", self._port))
        return self

    async def __aexit__(self, *_):
        self.socket.close()

    async def send(self, data: bytes):
        await self._loop.sock_sendall(self.socket, data)

    async def closed(self) -> float:
        """Wait until the server has closed this connection; return after how long."""
        started = self._loop.time()
        async with asyncio.timeout(LONG):
            with contextlib.suppress(ConnectionError):
                while await self._loop.sock_recv(self.socket, 1 << 20):
                    pass
        return self._loop.time() - started

    async def get(self, path: str = "/") -> bytes:
        """Ask, on a connection that ends with the answer, for head and body."""
        await self.send(f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        async with asyncio.timeout(LONG):
            while piece := await self._loop.sock_recv(self.socket, 1 << 20):
                answer += piece
        return answer


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that comes true by itself."""
    async with asyncio.timeout(LONG):
        while not condition():
            await asyncio.sleep(0.005)

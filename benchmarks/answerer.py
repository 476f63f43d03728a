"""The web server of all targets. An answer costs it as little as possible, so that it does not slow the prober.

``python -m benchmarks.answerer PORT``, started by ``field``. Its CPU time is counted for no program.
"""

from __future__ import annotations

import asyncio
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nConnection: close\r\n\r\npong\n"
_BACKLOG = 4096


class Answer(asyncio.Protocol):
    """Answers the first bytes of a connection, whatever they are, and closes it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what create_server makes
        self._transport = transport

    def data_received(self, _: bytes) -> None:
        self._transport.write(ANSWER)
        self._transport.close()


async def serve(port: int) -> None:
    """Answer for ever."""
    server = await asyncio.get_running_loop().create_server(Answer, "0.0.0.0", port, backlog=_BACKLOG)  # noqa: S104 - every target's address
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))

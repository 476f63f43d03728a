"""Real listeners on loopback to be probed, in threads of their own: where our loop stands still, they go on."""

import asyncio
import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
TIME_WAIT = "06"


class Peer:
    """Talks to whoever connects, by a blocking function; it is left only when all its threads have ended."""

    def __init__(
        self,
        talk: Callable[[socket.socket], object],
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        path: Path | None = None,
    ) -> None:
        """Listen at a host's port, or at the path of a Unix socket."""
        self._talk, self._tls = talk, tls
        self._threads: list[threading.Thread] = []
        if path is None:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._listener = socket.create_server((host, port), family=family, backlog=256)
            self.port = self._listener.getsockname()[1]
        else:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(path))
            self._listener.listen()
        self.clients: list[tuple[str, int]] = []
        """Addresses and ports of those that connected."""

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()
        self._listener.close()

    async def has_served(self, count: int) -> None:
        """Wait until so many connections were accepted: the kernel shakes hands long before."""
        async with asyncio.timeout(10):
            while len(self.clients) < count:
                await asyncio.sleep(0.01)

    def _start(self, function: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=function, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, address = self._listener.accept()
                self.clients.append(address[:2])
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(10)
            if self._tls is None:
                self._talk(connection)
            else:
                with self._tls.wrap_socket(connection, server_side=True) as encrypted:
                    self._talk(encrypted)


def read_request(connection: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request and (data := connection.recv(4096)):
        request += data
    return request


def answering(*pieces: bytes, heard: list[bytes] | None = None) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        request = read_request(connection)
        if heard is not None:
            heard.append(request)
        for piece in pieces:
            connection.sendall(piece)

    return talk


def endlessly(beginning: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    """Sends until the other end has had enough."""

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(beginning)
        while True:
            connection.sendall(piece)

    return talk


def silent(connection: socket.socket) -> None:
    """Says nothing and waits for the end."""
    while connection.recv(4096):
        pass


def until_reset(connection: socket.socket) -> bytes:
    """Reads the end, and closes only after our reset has come, as a peer does that is a network away."""
    end = connection.recv(1)
    poll = select.poll()
    poll.register(connection, 0)
    assert poll.poll(10_000)
    return end


def lingering(peer: Peer) -> int:
    """How many of its connections are in TIME_WAIT, at either end."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    waiting = {frozenset(int(end[-4:], 16) for end in row[1:3]) for row in rows if row[3] == TIME_WAIT}
    return sum(frozenset((peer.port, port)) in waiting for _, port in peer.clients)


@contextlib.contextmanager
def full_backlog() -> Iterator[socket.socket]:
    """A listener that drops each SYN until somebody accepts."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        listener.listen(0)
        stack.enter_context(socket.create_connection(listener.getsockname()))
        yield listener

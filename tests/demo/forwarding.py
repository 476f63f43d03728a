"""Pages of the namespaces on the machine's own loopback, without any change to its network."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator, Mapping

from tests.demo import ending
from tests.netlab import Host

Inside = tuple[Host, int]
"""A port on the loopback of a host of the lab."""


class Taken(Exception):
    """A port that the demo needs is another program's."""


class _Forwarder(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int, inside: Inside) -> None:
        self.inside = inside
        super().__init__(("127.0.0.1", port), _Connection)


class _Connection(socketserver.BaseRequestHandler):
    server: _Forwarder

    def handle(self) -> None:
        """Join a connection of the machine with one that is made inside."""
        host, port = self.server.inside
        with contextlib.suppress(OSError), _connected(host, port) as there:
            back = threading.Thread(target=_pump, args=(there, self.request), daemon=True)
            back.start()
            _pump(self.request, there)
            back.join()


def _connected(host: Host, port: int) -> socket.socket:
    with host.entered():
        return socket.create_connection(("127.0.0.1", port))


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Hand on what comes until it ends, and then its end."""
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def forwarded(ports: Mapping[int, Inside]) -> Iterator[None]:
    """Hand what comes to ports of 127.0.0.1 to ports inside."""
    with ending.taken_down_whole() as stack:
        for port, inside in ports.items():
            try:
                forwarder = stack.enter_context(_Forwarder(port, inside))
            except OSError as error:
                raise Taken(f"127.0.0.1:{port} cannot be listened on: {error.strerror}") from None
            threading.Thread(target=forwarder.serve_forever, daemon=True).start()
            stack.callback(forwarder.shutdown)
        yield

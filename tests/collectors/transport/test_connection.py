"""How a connection is closed, on loopback, where the kernel lists what it still knows."""

from __future__ import annotations

import socket
from pathlib import Path

from collectors.transport import connection


def test_a_quiet_close_reads_as_an_ordinary_end_and_leaves_no_time_wait() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for _ in range(50):
            client = socket.create_connection(listener.getsockname())
            port = client.getsockname()[1]
            server, _ = listener.accept()
            connection.close_quietly(client)
            with server:
                assert server.recv(1) == b""
            assert (port, listener.getsockname()[1]) not in _connections()


def test_a_quiet_close_of_what_was_never_connected_closes_it() -> None:
    sock = socket.socket()
    connection.close_quietly(sock)
    assert sock.fileno() == -1


def _connections() -> set[tuple[int, int]]:
    """The local and the remote port of every TCP socket that the kernel still knows, TIME_WAIT included."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {(int(line[1].rpartition(":")[2], 16), int(line[2].rpartition(":")[2], 16)) for line in lines}

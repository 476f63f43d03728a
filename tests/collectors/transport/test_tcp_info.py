"""What the kernel says of a handshake; what it says of gaps is in ``tests.collectors.http.test_gaps``."""

from __future__ import annotations

import socket

from collectors.transport import tcp_info


def test_a_handshake_has_its_round_trip() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
    ):
        info = tcp_info.read(client)
    assert info
    assert 0 < info.rtt < 0.01
    assert info.retransmissions == 0


def test_what_is_no_tcp_socket_is_not_known() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        assert tcp_info.read(sock) is None
        assert tcp_info.gap(sock) is None

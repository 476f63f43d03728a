import select
import socket

import pytest

from collectors.drivers.relay import Relay
from collectors.drivers.turn import Stopped, Turn


@pytest.fixture
def turn():
    turn = Turn(10.0)
    yield turn
    turn.close()


@pytest.fixture
def ends():
    """A server's end, and that of a library, which the relay comes between."""
    server, library = socket.socketpair()
    with server, library:
        server.settimeout(10)
        library.setblocking(False)
        yield server, library


def test_both_hear_each_other_in_pieces_that_are_counted(ends, turn):
    server, library = ends
    relay = Relay(library.fileno())
    library.send(b"question")
    server.sendall(b"x" * 40_000)
    answer = b""
    while len(answer) < 40_000:
        before = relay.received
        assert relay.wait(turn, select.POLLIN, 10.0)
        assert relay.received - before <= 16_384
        answer += library.recv(65536)
    assert (server.recv(100), relay.received) == (b"question", 40_000)
    assert relay.is_quiet()
    relay.close()


def test_what_the_library_left_behind_is_not_waited_for(ends, turn):
    server, library = ends
    relay = Relay(library.fileno())
    server.sendall(b"record, record")
    assert relay.wait(turn, select.POLLIN, 10.0)
    assert library.recv(6) == b"record"
    assert not relay.is_quiet()
    assert relay.wait(turn, select.POLLIN, 0.0)
    assert library.recv(100) == b", record"
    assert not relay.wait(turn, select.POLLIN, 0.0)
    relay.close()


def test_an_end_is_handed_on_and_so_is_a_last_word(ends, turn):
    server, library = ends
    relay = Relay(library.fileno())
    server.shutdown(socket.SHUT_WR)
    assert not relay.is_quiet()
    assert relay.wait(turn, select.POLLIN, 10.0)
    assert library.recv(100) == b""
    library.send(b"goodbye")
    library.close()
    relay.close()
    assert (server.recv(100), server.recv(100)) == (b"goodbye", b"")


@pytest.mark.clock
def test_a_server_that_does_not_read_holds_nobody_beyond_the_turn(ends):
    server, library = ends
    relay, turn = Relay(library.fileno()), Turn(0.2)
    for _ in range(20):
        try:
            library.send(b"x" * 65536)
        except BlockingIOError:
            relay.wait(turn, select.POLLOUT, 0.0)
    assert turn.left == 0
    turn.end()
    with pytest.raises(Stopped):
        relay.wait(turn, select.POLLIN, 10.0)
    relay.shut()
    library.close()
    relay.close()
    turn.close()
    assert server.recv(1) == b"x"

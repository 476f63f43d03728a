"""A connection with this program in between, so that what comes has a bound.

libpq allocates what a server announces, and reads for as long as it sends, in one step. So one end of a pair takes the
place of libpq's socket, and what comes is handed on in pieces.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket

from collectors.drivers.turn import Turn
from collectors.terms import Seconds

_PIECE = 16 * 1024
"""Bytes; a pair has room for more."""


class Relay:
    """Stands between a library and its server, from when nothing was read yet."""

    def __init__(self, descriptor: int) -> None:
        """Take the place of a connected socket."""
        self._server = socket.socket(fileno=os.dup(descriptor))
        self._library, end = socket.socketpair(type=socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._descriptor = descriptor
        with end:
            os.dup2(end.fileno(), descriptor, inheritable=False)
        self.received = 0
        """How many bytes have come."""

    def wait(self, turn: Turn, events: int, within: Seconds) -> bool:
        """Wait until the library can read or write, ``within`` at most, for whether it can; Stopped."""
        self._send(turn)
        if events == select.POLLIN and _is_readable(self._descriptor):
            return True  # it has not read all that was handed on
        ready = turn.wait(self._server.fileno(), events, within)
        if ready and events == select.POLLIN:
            self._receive()
        return ready

    def is_quiet(self) -> bool:
        """Return whether nothing has come that the library has not read, an end included."""
        return not _is_readable(self._server.fileno()) and not _is_readable(self._descriptor)

    def shut(self) -> None:
        """Shut the connection, whatever the server does."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hand on the library's last word, without waiting, and close; it has closed its end."""
        with self._library, self._server, contextlib.suppress(OSError):
            self._server.send(self._library.recv(_PIECE))

    def _send(self, turn: Turn) -> None:
        """Hand on what the library has written. Where that fails, what is read next is an end."""
        with contextlib.suppress(OSError):
            while data := self._library.recv(_PIECE):
                while data:
                    turn.wait(self._server.fileno(), select.POLLOUT, turn.left)
                    data = data[self._server.send(data) :]

    def _receive(self) -> None:
        """Hand on a piece of what has come, or the end."""
        data = b""
        with contextlib.suppress(OSError):  # a reset is an end, too
            data = self._server.recv(_PIECE)
        self.received += len(data)
        if data:
            self._library.sendall(data)
        else:
            self._library.shutdown(socket.SHUT_WR)


def _is_readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))

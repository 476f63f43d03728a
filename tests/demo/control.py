"""One demo at a time, and how another terminal asks it to break something.

The name of the socket is an abstract one (unix(7)): it is free as soon as its demo is gone, however that ended.
"""

from __future__ import annotations

import contextlib
import select
import signal
import socket
import struct
from collections.abc import Callable

from tests.demo import ending
from tests.demo.faults import FAULTS
from tests.demo.telling import IsOver, Say

_NAME = "\0latency-exporter-demo"
_ROOT = 0
_PATIENCE = 5.0
_LONGEST = 64
"""Bytes of a fault's name."""
_LAST = "\0"
"""Begins the last line of an answer; what follows it says why nothing was broken, if nothing was."""
Shows = Callable[[str, Say, IsOver], None]


class Control:
    """The running demo's end of the conversation."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener

    def serve(self, shows: Shows, is_over: IsOver) -> None:
        """Show one fault after another, as they are asked for, until it is over."""
        while not is_over():
            if self._is_readable(self._listener, 1.0):
                self._answer(shows, is_over)

    def refusing_others(self, is_over: IsOver) -> IsOver:
        """Return a function like ``is_over``. Each call also refuses those who ask for a second fault."""

        def is_over_now() -> bool:
            while self._is_readable(self._listener):
                with self._accepted() as other, contextlib.suppress(OSError):
                    other.recv(_LONGEST)  # what is unread when it is closed would reset the connection
                    _write_last(other, "something is broken already, by another terminal; Ctrl-C there mends it")
            return is_over()

        return is_over_now

    def _answer(self, shows: Shows, is_over: IsOver) -> None:
        with self._accepted() as client, contextlib.suppress(OSError):
            if not _is_root(client):
                return
            fault = client.recv(_LONGEST).decode(errors="replace")
            if fault not in FAULTS:
                _write_last(client, f"the one that is running knows no FAULT {fault!r}; it knows {', '.join(FAULTS)}")
                return
            is_enough = self.refusing_others(lambda: is_over() or self._is_readable(client))
            shows(fault, lambda line: client.sendall(f"{line}\n".encode()), is_enough)
            _write_last(client)

    def _accepted(self) -> socket.socket:
        client = self._listener.accept()[0]
        client.settimeout(_PATIENCE)
        return client

    @staticmethod
    def _is_readable(end: socket.socket, timeout: float = 0.0) -> bool:
        return bool(select.select([end], [], [], timeout)[0])


def hold() -> socket.socket | None:
    """Return a socket that is the demo's as long as it is open; None while another demo has it."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(_NAME)
    except OSError:
        listener.close()
        return None
    listener.listen()
    return listener


def ask(fault: str, say: Say) -> str:
    """Have the running demo break something, and say its lines until it is mended. Return why nothing was broken."""
    with socket.socket(socket.AF_UNIX) as demo, demo.makefile() as lines, contextlib.suppress(ConnectionError):
        demo.connect(_NAME)
        demo.sendall(fault.encode())

        def end(*_: object) -> None:
            with contextlib.suppress(OSError):  # the demo has ended meanwhile
                demo.shutdown(socket.SHUT_WR)

        for number in ending.SIGNALS:
            signal.signal(number, end)
        for line in lines:
            if line.startswith(_LAST):
                return line.strip(f"{_LAST}\n")
            say(line.rstrip())
    return "the one that was running has ended; if it was killed, the next start removes what it left"


def _write_last(client: socket.socket, failed: str = "") -> None:
    client.sendall(f"{_LAST}{failed}\n".encode())


def _is_root(client: socket.socket) -> bool:
    credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid: int = struct.unpack("3i", credentials)[1]
    return uid == _ROOT

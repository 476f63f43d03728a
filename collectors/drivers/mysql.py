"""One session with MySQL or MariaDB by mysql-connector-python, on a socket that is connected already."""

from __future__ import annotations

import socket
from typing import Any

from mysql.connector import Error
from mysql.connector.constants import ClientFlag

from collectors.drivers.mysql_narrowed import Link, NarrowedConnection, NarrowedSocket, TlsNotOffered
from collectors.drivers.turn import Turn
from collectors.terms import Seconds

__all__ = ["Connection", "Error", "Link", "TlsNotOffered", "number_of"]

_FLAGS = (-ClientFlag.MULTI_STATEMENTS, -ClientFlag.MULTI_RESULTS, -ClientFlag.CONNECT_ARGS)
"""What is not wanted of what the library offers by itself; files it does not offer."""


def number_of(error: BaseException) -> tuple[int, str]:
    """Return the number of an error of the library or the server, and its SQLSTATE; 0: it has none."""
    if not isinstance(error, Error):
        return 0, ""
    return max(0, error.errno), error.sqlstate or ""


class Connection:
    """A session, used by one thread; what it waits for ends with the turn, because that shuts the socket."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._handle = link.sock.dup()
        """For the turn: the library replaces its own."""
        self._socket: Any = None
        self._connection: Any = None

    def log_in(self, user: str, password: str, dbname: str, room: int, turn: Turn) -> None:
        """Log in; raises what the library does, or ProbeFailed, TlsNotOffered, OSError."""
        self._socket = NarrowedSocket(self._link, password, turn)
        self._connection = NarrowedConnection(self._socket, self._link)
        self._begin(room, turn)
        self._connection.connect(
            user=user,
            password=password,
            database=dbname or None,
            ssl_disabled=self._link.context is None,
            client_flags=list(_FLAGS),
            connection_timeout=turn.left,
        )

    @property
    def secured(self) -> Seconds | None:
        """When TLS was complete; None without TLS."""
        return self._socket.secured if self._socket else None

    @property
    def is_mariadb(self) -> bool:
        """Whether the server says that it is one."""
        return bool(self._connection.is_mariadb)

    def query(self, text: str, room: int, turn: Turn) -> None:
        """Ask, and read all of the answer."""
        self._begin(room, turn)
        if "columns" in self._connection.cmd_query(text):
            self._connection.get_rows(raw=True)

    def is_quiet(self) -> bool:
        """Return whether the server has said nothing since it was asked last, an end of the session included."""
        try:
            self._handle.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def part(self) -> None:
        """Say goodbye to the server, and close."""
        self._connection.close()
        self.close()

    def close(self) -> None:
        """Shut the socket, whatever the server does."""
        if self._connection is not None:
            self._connection.shutdown()
        self._link.close()
        self._handle.close()

    def _begin(self, room: int, turn: Turn) -> None:
        turn.shut_at_end(self._handle)
        self._socket.begin(room, turn)

"""One connection to PostgreSQL by psycopg2, for one thread at a time, which never waits beyond a deadline.

psycopg2's asynchronous mode gives the socket from the first packet on. So every wait, that for the login too, is a
poll(2) of ours, which ends at the deadline or when nobody waits any more. Then the socket is shut: what the server
still works on ends by its transaction's own ``statement_timeout``.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from collectors.contract import ProbeFailed
from collectors.drivers import postgresql_errors as errors
from collectors.drivers.turn import Turn
from collectors.terms import Reason, Seconds


class Connection:
    """A session with a database; whatever goes wrong, it is closed and of no more use."""

    def __init__(
        self, parameters: Mapping[str, Any], turn: Turn, within: Seconds, reached: Callable[[], None] = lambda: None
    ) -> None:
        """Log in; ProbeFailed. ``reached`` is called when the server is connected to, before it has said anything."""
        import psycopg2  # noqa: PLC0415 - megabytes that only a host with an n8n needs

        self._error: type[Exception] = psycopg2.Error
        self._connection: Any = None
        with self._closed_on_failure("log in"):
            self._connection = psycopg2.connect(**parameters, async_=True)
            self._wait("log in", turn, within, reached)
            self._cursor = self._connection.cursor()

    @property
    def is_open(self) -> bool:
        """Whether it can be asked."""
        return self._connection is not None

    def ask(self, doing: str, statement: str, values: Sequence[object], turn: Turn) -> list[Any]:
        """Run a statement, for its rows; ProbeFailed. ``doing`` says for people what it does."""
        with self._closed_on_failure(doing):
            self._cursor.execute(statement, values)
            self._wait(doing, turn, turn.left)
            return list(self._cursor.fetchall()) if self._cursor.description else []

    def close(self) -> None:
        """Shut the socket, whatever the server does, and close."""
        if self._connection is not None:
            with contextlib.suppress(OSError, self._error), socket.socket(fileno=os.dup(self._descriptor)) as sock:
                sock.shutdown(socket.SHUT_RDWR)
        self.part()

    def part(self) -> None:
        """Say goodbye to the server, without waiting, and close."""
        if self._connection is not None:
            with contextlib.suppress(self._error):
                self._connection.close()
        self._connection = None

    @property
    def _descriptor(self) -> int:
        return int(self._connection.fileno())

    @contextlib.contextmanager
    def _closed_on_failure(self, doing: str) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            self.close()
            code = getattr(error, "pgcode", None)
            failed = errors.from_code(code, doing) if code else errors.from_words(str(error), doing)
            raise failed from None  # the error holds the server's words
        except BaseException:
            self.close()
            raise

    def _wait(self, doing: str, turn: Turn, within: Seconds, asked: Callable[[], None] = lambda: None) -> None:
        """Wait until the server has answered, as psycopg2's ``poll`` tells."""
        from psycopg2 import extensions  # noqa: PLC0415 - as above

        until = time.monotonic() + within
        while (state := self._connection.poll()) != extensions.POLL_OK:
            if state == extensions.POLL_READ:
                asked()
            events = select.POLLOUT if state == extensions.POLL_WRITE else select.POLLIN
            if not turn.wait(self._descriptor, events, max(0.0, until - time.monotonic())):
                raise ProbeFailed(Reason.TIMEOUT, f"{doing}: no answer in time")

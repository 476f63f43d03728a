"""One connection to PostgreSQL by psycopg2, for one thread at a time, which never waits beyond a deadline.

psycopg2's asynchronous mode gives the socket from the first packet on. So every wait, that for the login too, is a
poll(2) of ours, which ends at the deadline or when nobody waits any more. Then the socket is shut: what the server
still works on ends by its transaction's own ``statement_timeout``. What libpq computes in a login does not end so.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from collectors.contract import ProbeFailed
from collectors.drivers import libpq
from collectors.drivers import postgresql_errors as errors
from collectors.drivers import postgresql_parameters as parameters
from collectors.drivers.postgresql_errors import Meaning
from collectors.drivers.relay import Relay
from collectors.drivers.turn import Turn
from collectors.login_target import LoginTarget
from collectors.terms import Clock, Phase, Reason, Seconds
from collectors.transport import tcp_info
from collectors.transport.connection import Handshake

_LOG_IN = "log in"
_ROOM = 256 * 1024
"""Bytes of a login."""


def log_in(login: LoginTarget, addresses: Sequence[str], turn: Turn, codes: Sequence[Meaning] = ()) -> Connection:
    """Log in at the first address that can be reached; each gets its share of the time. ProbeFailed."""
    facts = turn.facts
    for following, address in zip(range(len(addresses) - 1, -1, -1), addresses, strict=True):
        if address != login.address:
            facts.address = address
        try:
            return Connection(parameters.of(login, address), turn, turn.left / (following + 1), codes)
        except ProbeFailed as failed:
            if not following or failed.misconfigured:
                raise
            facts.tried += (f"{address}: {failed.detail}",)
    raise ProbeFailed(Reason.DNS, "its name has no address")


class Connection:
    """A session with a database; whatever goes wrong, it is closed and of no more use."""

    def __init__(self, connect: Mapping[str, Any], turn: Turn, within: Seconds, codes: Sequence[Meaning] = ()) -> None:
        """Log in; ProbeFailed. ``codes`` say what SQLSTATEs mean here; they go before the general table."""
        import psycopg2  # noqa: PLC0415 - megabytes that only a host needs where it is configured

        self._error: type[Exception] = psycopg2.Error
        self._codes = codes
        self._connection: Any = None
        self._relay: Relay | None = None
        self.handshake: Handshake | None = None
        """TCP's; None for a Unix socket."""
        parameters.clear_environment()
        with self._closed_on_failure(_LOG_IN):
            turn.facts.phase = Phase.CONNECT
            self.began = began = time.monotonic()
            """When it began to connect."""
            self._connection = psycopg2.connect(**connect, async_=True)
            self._await(self._connection.poll(), _LOG_IN, turn, began + within)
            self.connected = time.monotonic()
            """When that was noticed, by the monotonic clock."""
            if connect["hostaddr"]:
                self.handshake = self._handshake(self.connected - began)
            state = self._step()  # fails where the connection was refused
            self._relay = Relay(self._connection.fileno())
            turn.facts.retransmitted = self.handshake is not None and self.handshake.rtt is None
            turn.facts.phase = Phase.AUTH
            while self._await(state, _LOG_IN, turn, began + within):
                _bound(_LOG_IN, self._relay.received, _ROOM)
                state = self._step()
            self._cursor = self._connection.cursor()

    @property
    def is_open(self) -> bool:
        """Whether it can be asked."""
        return self._connection is not None

    def is_quiet(self) -> bool:
        """Return whether the server has said nothing since it was asked last, an end of the session included."""
        return self._relay is not None and self._relay.is_quiet()

    def ask(
        self, doing: str, statement: str, values: Sequence[object] | None, turn: Turn, room: int | None = None
    ) -> list[Any]:
        """Run a statement, for its rows; ProbeFailed. ``doing`` says for people what it does.

        Without ``values`` it is sent as it stands. More than ``room`` bytes are no answer.
        """
        with self._closed_on_failure(doing):
            relay: Any = self._relay
            before = relay.received
            self._cursor.execute(statement, values)
            while self._await(self._connection.poll(), doing, turn, time.monotonic() + turn.left):
                if room is not None:
                    _bound(doing, relay.received - before, room)
            return list(self._cursor.fetchall()) if self._cursor.description else []

    def close(self) -> None:
        """Shut the connection, whatever the server does, and close."""
        if self._relay is not None:
            self._relay.shut()
        self.part()

    def part(self) -> None:
        """Say goodbye to the server, without waiting, and close."""
        if self._connection is not None:
            with contextlib.suppress(self._error):
                self._connection.close()
        if self._relay is not None:
            self._relay.close()
        self._connection = self._relay = None

    def _step(self) -> int:
        """Go on with the login; return what it waits for, as psycopg2's ``poll`` does."""
        from psycopg2 import _psycopg, extensions  # noqa: PLC0415 - as above

        state = libpq.step(_psycopg.__file__, extensions.libpq_version())(self._connection.pgconn_ptr)
        return state if state in {libpq.READING, libpq.WRITING} else int(self._connection.poll())

    def _handshake(self, took: Seconds) -> Handshake:
        """Return how TCP's went; nothing was sent after it yet."""
        with socket.socket(fileno=os.dup(self._connection.fileno())) as sock:
            info = tcp_info.read(sock)
        if info is None:
            return Handshake(took, took, Clock.USER)
        return Handshake(None if info.retransmissions else info.rtt, took)

    @contextlib.contextmanager
    def _closed_on_failure(self, doing: str) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            code = getattr(error, "pgcode", None)
            if code:  # the server has answered, and may be told goodbye
                self.part()
            self.close()
            failed = errors.from_code(code, doing, self._codes) if code else errors.from_words(str(error), doing)
            raise failed from None  # the error holds the server's words
        except BaseException:
            self.close()
            raise

    def _await(self, state: int, doing: str, turn: Turn, until: Seconds) -> bool:
        """Wait for what psycopg2's ``poll`` wants, for whether it has to be called again."""
        from psycopg2 import extensions  # noqa: PLC0415 - as above

        if state == extensions.POLL_OK:
            return False
        events = select.POLLOUT if state == extensions.POLL_WRITE else select.POLLIN
        within = max(0.0, until - time.monotonic())
        if self._relay is None:
            ready = turn.wait(self._connection.fileno(), events, within)
        else:
            ready = self._relay.wait(turn, events, within)
        if not ready:
            raise ProbeFailed(Reason.TIMEOUT, f"{doing}: no answer in time")
        return True


def _bound(doing: str, received: int, room: int) -> None:
    if received > room:
        raise ProbeFailed(Reason.PROTOCOL, f"{doing}: the answer is longer than {room // 1024} KiB")

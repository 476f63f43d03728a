"""What a database's own protocol has to offer, so that logins and queries are the same for all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from collectors import kernel
from collectors.contract import ProbeFailed
from collectors.sql.dialogue import Dialogue
from collectors.sql.target import DatabaseTarget
from collectors.terms import Reason

BEFORE_THE_TIMEOUT = 0.9
"""Of the timeout: by then the server is to end a query of the user's own."""

Memory = dict[object, bytes]
"""What a dialect remembers of a target from one login to the next."""


class Session(Protocol):
    """One connection to a server, in its own protocol."""

    counts_broken_logins: bool
    """Whether the server blocks hosts that break off logins: then each is ended by the server's refusal."""

    async def secure(self, encrypt: Callable[[], Awaitable[None]]) -> None:
        """Ask for TLS, and call ``encrypt`` where it begins; ProbeFailed(TLS) if the server offers none."""

    async def log_in(self) -> None:
        """Log in; ProbeFailed(AUTH), or whatever the server says against it."""

    async def decline(self) -> None:
        """Have the server refuse the login; no password is sent."""

    def leave(self) -> None:
        """Send, without waiting, what makes the server refuse a login that is given up in the middle."""

    async def query(self, text: str) -> None:
        """Send a query, and read all of the answer; ProbeFailed(QUERY)."""

    @property
    def key(self) -> bytes:
        """By what another connection can name this session to the server; empty: its query cannot be stopped so."""

    async def stop(self, key: bytes) -> None:
        """Have the server stop the query of the session with that ``key``, on a connection without a login yet."""

    def end(self) -> None:
        """Log out, without waiting for an answer."""


class Way(NamedTuple):
    """How a session is connected: since when, and whether it is private (verified TLS, or a Unix socket)."""

    connected: kernel.Moment
    private: bool


def no_tls() -> ProbeFailed:
    """Return the failure of a server that offers no TLS."""
    return ProbeFailed(Reason.TLS, "the server offers no TLS (tls: disable would do without)", misconfigured=True)


def for_the_driver(target: DatabaseTarget) -> str:
    """Return what to set, so that a server gets the password in a way in which only a client library sends it."""
    return "set client: driver" if target.is_private else "set client: driver and tls: verify-full"


Speak = Callable[[Dialogue, DatabaseTarget, Way, Memory], Session]

"""What a database's own protocol has to offer, so that logins and queries are the same for all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from collectors import kernel
from collectors.sql.dialogue import Dialogue
from collectors.sql.target import DatabaseTarget

Memory = dict[object, bytes]
"""What a dialect remembers of a target from one login to the next."""


class Session(Protocol):
    """One connection to a server, spoken by its language."""

    counts_who_breaks_off: bool
    """Whether the server holds it against this host that a login ends in the middle: then it is made to refuse."""

    async def secure(self, encrypt: Callable[[], Awaitable[None]]) -> None:
        """Come to the point where TLS begins, and call ``encrypt`` there; at once, where there is no TLS."""

    async def log_in(self) -> None:
        """Log in; ProbeFailed(AUTH), or whatever the server says against it."""

    async def decline(self) -> None:
        """Have the login refused before a password was shown."""

    def leave(self) -> None:
        """Part in the middle of a login, without waiting, so that what the server reads next makes it refuse."""

    async def query(self, text: str) -> None:
        """Ask, and read all of the answer; ProbeFailed(QUERY)."""

    @property
    def key(self) -> bytes:
        """What the server knows the session by on another connection; empty: none would stop its query."""

    async def stop(self, key: bytes) -> None:
        """In place of a login: have the server stop the query of the session that it knows by ``key``."""

    def end(self) -> None:
        """Say goodbye without waiting."""


class Way(NamedTuple):
    """How a session came about: when it was connected, and whether nobody can listen in."""

    connected: kernel.Moment
    private: bool


Speak = Callable[[Dialogue, DatabaseTarget, Way, Memory], Session]

"""What happens to a query that is given up while its server works on it: the server is asked to stop.

A server that reads nothing while it works does not notice that its client has gone. So it is asked on a second
connection, and the first stays open until then: a pooler would no longer know whose query it is. The caller
runs this and cancels it after a while, which closes both connections; then the server's own limit ends the query.
"""

from __future__ import annotations

import asyncio
import contextlib

from collectors.contract import Facts, ProbeFailed
from collectors.sql.dialect import Memory
from collectors.sql.login import ROOM, LoggedIn, Logins
from collectors.sql.target import DatabaseTarget

_PATIENCE = 0.25
"""Of the timeout: a server that does not end a session by then has other troubles, which the login is to show."""


class Withdrawals:
    """Withdraws queries, and knows at which servers that is under way."""

    def __init__(self, logins: Logins) -> None:
        self._logins = logins
        self._under_way: dict[asyncio.Task[None], tuple[str, int]] = {}

    async def withdraw(
        self, stack: contextlib.ExitStack, logged_in: LoggedIn, target: DatabaseTarget, memory: Memory
    ) -> None:
        """Have the server stop the query of a session, and wait for the session's end."""
        session, dialogue, _ = logged_in
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is a coroutine
        self._under_way[task] = target.server
        dialogue.stream.renew(ROOM, Facts())
        try:
            with stack, contextlib.suppress(ProbeFailed, OSError):
                await self._logins.stop(logged_in, target, memory)
                session.end()
                await dialogue.until_closed()
        finally:
            del self._under_way[task]

    async def over(self, target: DatabaseTarget) -> bool:
        """Wait, not for long, until none is under way at the server of a target; return whether any was."""
        under_way = [task for task, server in self._under_way.items() if server == target.server]
        if under_way:
            await asyncio.wait(under_way, timeout=_PATIENCE * target.timeout)
        return bool(under_way)

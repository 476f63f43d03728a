"""Servers of MySQL's kind where TLS failed in a client library: each attempt is a login broken off, which they count.

After a hundred in a row they block this host (``max_connect_errors``). So it is tried again after ever longer pauses,
without a connection meanwhile.
"""

from __future__ import annotations

import ssl
from typing import NamedTuple

from collectors.contract import ProbeFailed
from collectors.sql.refusals import Server
from collectors.terms import Reason, Seconds

_FIRST: Seconds = 60.0
_LONGEST: Seconds = 3600.0


class _TlsPause(NamedTuple):
    length: Seconds
    until: Seconds
    context: ssl.SSLContext | None
    detail: str
    misconfigured: bool


class Pauses:
    """The pause of each server whose TLS failed."""

    def __init__(self) -> None:
        self._known: dict[Server, _TlsPause] = {}

    def respect(self, server: Server, context: ssl.SSLContext | None, now: Seconds) -> None:
        """Raise the failure again while its pause lasts; not with other authorities."""
        known = self._known.get(server)
        if known is not None and known.context is context and now < known.until:
            raise ProbeFailed(Reason.TLS, known.detail, misconfigured=known.misconfigured)

    def begin(self, server: Server, context: ssl.SSLContext | None, failed: ProbeFailed, now: Seconds) -> None:
        """Begin a pause, twice as long as the last one."""
        known = self._known.get(server)
        length = min(2 * known.length, _LONGEST) if known is not None and known.context is context else _FIRST
        self._known[server] = _TlsPause(length, now + length, context, failed.detail, failed.misconfigured)

    def end(self, server: Server) -> None:
        """Forget a server that has let us in."""
        self._known.pop(server, None)

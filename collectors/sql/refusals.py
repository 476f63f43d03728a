"""Servers whose TLS was refused lately: a handshake that is broken off counts against this host.

MySQL and MariaDB block a host after a hundred of those in a row (``max_connect_errors``), for its other programs
too. Each probe of a certificate that does not verify would be one. So it depends on what was refused:

- a certificate: TLS is completed, whatever the server serves, and the login is declined inside. When the server serves
  another chain, the login is tried as it should be;
- TLS for another reason, or handshakes that come to no end again and again: the login is declined without TLS, and TLS
  is tried again after ever longer pauses;
- the protocol, which is not PostgreSQL's: no connection is made in such pauses.
"""

from __future__ import annotations

import ssl
from collections import Counter
from typing import NamedTuple

from collectors import failures
from collectors.contract import Facts, ProbeFailed
from collectors.terms import Reason, Seconds

_DAY: Seconds = 86_400.0
"""How long a refused certificate stands: a clock that was wrong may have been set."""
_FIRST_PAUSE: Seconds = 60.0
_LONGEST_PAUSE: Seconds = 3600.0
"""A mended server may be called broken for so long. A hundred pauses are four days; any program of this host that logs
in meanwhile resets the server's count."""
_CUT_OFF = 10
"""Handshakes in a row that our deadline or the server cut off: so many are no coincidence."""

Server = tuple[str, int]
"""See ``DatabaseTarget.server``."""


class StrangerError(ProbeFailed):
    """The server speaks another protocol. MySQL is one such, and counts connections that do not speak its own."""

    def __init__(self, detail: str) -> None:
        super().__init__(Reason.PROTOCOL, detail, misconfigured=True)


class _Pause(NamedTuple):
    length: Seconds
    until: Seconds
    detail: str


class Refusal(NamedTuple):
    """What was refused: a chain of certificates (DER; empty: TLS itself), by which context, why, and for how long."""

    chain: bytes
    context: ssl.SSLContext
    detail: str
    misconfigured: bool
    pause: Seconds
    until: Seconds
    """On the loop's clock."""
    validity: tuple[float | None, float | None] = (None, None)
    """Of the certificate that was served before TLS failed, if one was: from when, and until when."""

    def again(self) -> ProbeFailed:
        """Return the same failure anew."""
        return ProbeFailed(Reason.TLS, self.detail, misconfigured=self.misconfigured)


class Refusals:
    """The latest refusal of each server."""

    def __init__(self) -> None:
        self._known: dict[Server, Refusal] = {}
        self._cut_off: Counter[Server] = Counter()
        self._strangers: dict[Server, _Pause] = {}

    def get(self, server: Server, context: ssl.SSLContext, now: Seconds) -> Refusal | None:
        """Return what was refused there lately, by the same authorities."""
        known = self._known.get(server)
        return known if known is not None and known.context is context and now < known.until else None

    def of_certificate(
        self, server: Server, context: ssl.SSLContext, error: ssl.SSLCertVerificationError, chain: bytes, now: Seconds
    ) -> None:
        """Remember what the server served; not the error itself, which would keep the whole probe alive."""
        self._known[server] = _refusal(context, error, chain, _DAY, now)

    def of_tls(self, server: Server, context: ssl.SSLContext, error: ssl.SSLError, facts: Facts, now: Seconds) -> None:
        """Remember that TLS failed, for twice as long as the last time; not of a certificate that is known already."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return
        known = self._known.get(server)
        again = known is not None and not known.chain and known.context is context
        pause = min(2 * known.pause, _LONGEST_PAUSE) if known is not None and again else _FIRST_PAUSE
        validity = facts.certificate_not_before, facts.certificate_expiry
        self._known[server] = _refusal(context, error, b"", pause, now)._replace(validity=validity)

    def of_accident(self, server: Server, context: ssl.SSLContext, facts: Facts, now: Seconds) -> None:
        """Remember that TLS came to no end: not in time, or the server closed the connection, as one that stops."""
        self._cut_off[server] += 1
        if self._cut_off[server] >= _CUT_OFF:
            text = "the TLS handshake does not come to an end, again and again; it is tried less often now"
            self.of_tls(server, context, failures.TlsRefused(text), facts, now)

    def of_stranger(self, server: Server, stranger: StrangerError, now: Seconds) -> None:
        """Remember that another protocol is spoken there, for twice as long as the last time."""
        known = self._strangers.get(server)
        length = min(2 * known.length, _LONGEST_PAUSE) if known else _FIRST_PAUSE
        self._strangers[server] = _Pause(length, now + length, stranger.detail)

    def avoid_stranger(self, server: Server, now: Seconds) -> None:
        """Raise StrangerError, without a connection, during the pause after the latest."""
        known = self._strangers.get(server)
        if known and now < known.until:
            raise StrangerError(known.detail)

    def forget(self, server: Server) -> None:
        """Forget all that was remembered of a server."""
        self._strangers.pop(server, None)
        self._known.pop(server, None)
        self._cut_off.pop(server, None)


def _refusal(context: ssl.SSLContext, error: ssl.SSLError, chain: bytes, pause: Seconds, now: Seconds) -> Refusal:
    failed = failures.from_os_error(error)
    return Refusal(chain, context, failed.detail, failed.misconfigured, pause, now + pause)

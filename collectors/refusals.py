"""Certificates that were refused, known again: a handshake that breaks off counts against this host.

MySQL blocks a host after a hundred of those (``max_connect_errors``), for its other programs too, and each probe of a
certificate that does not verify would be one. So TLS is completed with who was refused, and the login declined.
"""

from __future__ import annotations

import ssl
from typing import NamedTuple

from collectors import failures
from collectors.contract import ProbeFailed, Reason, Seconds

_KNOWN_FOR: Seconds = 3600.0
"""A certificate may come to be valid."""

Server = tuple[str, int]
"""Address and port."""


class Refusal(NamedTuple):
    """A certificate (DER) that did not verify: by what it was judged, why, and until when on the loop's clock."""

    certificate: bytes | None
    context: ssl.SSLContext
    detail: str
    misconfigured: bool
    until: Seconds

    def again(self) -> ProbeFailed:
        """Return what was said of it, anew."""
        return ProbeFailed(Reason.TLS, self.detail, misconfigured=self.misconfigured)


class Refusals:
    """The latest of each server."""

    def __init__(self) -> None:
        self._known: dict[Server, Refusal] = {}

    def get(self, server: Server, context: ssl.SSLContext, now: Seconds) -> Refusal | None:
        """Return what was refused there lately, by the same authorities."""
        known = self._known.get(server)
        return known if known is not None and known.context is context and now < known.until else None

    def add(
        self,
        server: Server,
        certificate: bytes | None,
        context: ssl.SSLContext,
        error: ssl.SSLCertVerificationError,
        now: Seconds,
    ) -> None:
        """Remember what the server served; not the error itself, which would keep the whole probe alive."""
        failed = failures.from_os_error(error)
        self._known[server] = Refusal(certificate, context, failed.detail, failed.misconfigured, now + _KNOWN_FOR)

    def forget(self, server: Server) -> None:
        """Think nothing of a server any more."""
        self._known.pop(server, None)

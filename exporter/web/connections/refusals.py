"""Clients that TLS refused, and why, in plain words: once in a while in the log, never a flood."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable

from collectors.terms import Seconds

_log = logging.getLogger(__name__)

_EVERY: Seconds = 60.0
_MAX_KINDS = 20
"""Lines in that time, however many the clients are."""
PLAIN_HTTP = "it spoke HTTP without TLS; write https in its scrape configuration, or take tls_server_config away here"
NO_TLS = "what it sent is no TLS"
FORBIDDEN = "its certificate bears no name of client_allowed_sans"
_WORDS = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it showed no client certificate, and client_auth_type demands one",
    "UNSUPPORTED_PROTOCOL": "it speaks no version of TLS that is allowed here (min_version, max_version)",
    "NO_SHARED_CIPHER": "it knows no cipher suite that is allowed here (cipher_suites)",
    "NO_SUITABLE_GROUPS": "it knows no curve that is allowed here (curve_preferences)",
    "NO_SUITABLE_KEY_SHARE": "it knows no curve that is allowed here (curve_preferences)",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not know the authority of our certificate (cert_file)",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it wants another version of TLS (min_version, max_version)",
}
"""OpenSSL's reasons -> ours."""


def reason_of(error: ssl.SSLError) -> str:
    """Translate the error that ended a client's handshake: what it did or lacked."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not verify: {error.verify_message}"
    reason = error.reason or ""
    if "_ALERT_" in reason:  # "SSLV3_ALERT_CERTIFICATE_EXPIRED"
        alert = reason.partition("_ALERT_")[2].replace("_", " ").lower()
        return _WORDS.get(reason, f"it ended the handshake: {alert}")
    return _WORDS.get(reason, "its handshake is not as TLS has it")


class TlsRefusals:
    """Logs one line for each client and reason in a while; the others are counted."""

    def __init__(self, clock: Callable[[], Seconds] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._logged: set[tuple[str, str]] = set()
        self._left_out = 0

    def log(self, address: str, reason: str) -> None:
        """Log that a client was refused, unless the same or too much else was logged just now."""
        now = self._clock()
        if now - self._since >= _EVERY:
            if self._left_out:
                _log.warning("TLS: %d more clients were refused since the last such lines", self._left_out)
            self._since, self._left_out = now, 0
            self._logged.clear()
        if (address, reason) in self._logged or len(self._logged) >= _MAX_KINDS:
            self._left_out += 1
            return
        self._logged.add((address, reason))
        _log.warning("TLS: refused %s: %s", address, reason)

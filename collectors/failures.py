"""Foreign errors become ours here, once, by a table: OSError, TLS -> Reason."""

from __future__ import annotations

import errno
import ssl

from collectors.contract import ProbeFailed, Reason

_BY_ERRNO = {
    errno.ECONNREFUSED: Reason.REFUSED,
    errno.ECONNRESET: Reason.RESET,
    errno.ECONNABORTED: Reason.RESET,
    errno.EPIPE: Reason.RESET,
    errno.ETIMEDOUT: Reason.TIMEOUT,
    errno.EHOSTUNREACH: Reason.UNREACHABLE,
    errno.EHOSTDOWN: Reason.UNREACHABLE,
    errno.ENETUNREACH: Reason.UNREACHABLE,
    errno.ENETDOWN: Reason.UNREACHABLE,
    errno.ENONET: Reason.UNREACHABLE,
    errno.ENOPROTOOPT: Reason.UNREACHABLE,  # ICMP "protocol unreachable"
    errno.EPROTO: Reason.UNREACHABLE,  # ICMP "parameter problem"
    errno.EACCES: Reason.UNREACHABLE,  # a `prohibit` route, or ICMPv6 "administratively prohibited"
    errno.EINVAL: Reason.UNREACHABLE,  # a `blackhole` route
}
"""What is not in here is ours, not the peer's: EPERM (own firewall), EMFILE, ENOBUFS, EADDRNOTAVAIL ..."""


_OUT_OF_DATE = (9, 10)
"""X509_V_ERR_CERT_NOT_YET_VALID and _HAS_EXPIRED (x509_vfy.h): all other refusals are of a name or an authority."""


class TlsRefused(ssl.SSLError):
    """What TLS said, in words that take in what is known besides; see ``collectors.tls``."""

    def __init__(self, words: str, *, misconfigured: bool = False) -> None:
        super().__init__(words)
        self.words, self.misconfigured = words, misconfigured


def from_os_error(error: OSError) -> ProbeFailed:
    """Classify what a socket call said. TLS errors are OSErrors too."""
    if isinstance(error, TlsRefused):
        return ProbeFailed(Reason.TLS, error.words, misconfigured=error.misconfigured)
    if isinstance(error, ssl.SSLCertVerificationError):
        return ProbeFailed(Reason.TLS, error.verify_message, misconfigured=error.verify_code not in _OUT_OF_DATE)
    if isinstance(error, ssl.SSLError):
        return ProbeFailed(Reason.TLS, error.reason or str(error))
    reason = _BY_ERRNO.get(error.errno or 0, Reason.LOCAL)
    return ProbeFailed(reason, error.strerror or type(error).__name__)


def from_icmp_error(number: int) -> ProbeFailed:
    """Classify an ICMP error that answers an echo request: whatever it says, the target is not reached."""
    return ProbeFailed(Reason.UNREACHABLE, errno.errorcode.get(number, str(number)))

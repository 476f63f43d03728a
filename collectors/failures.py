"""Foreign errors become ours here, once, by tables: an errno, TLS' or the resolver's error -> Reason and plain words.

OpenSSL, c-ares and the C library write their errors for programmers. An error that is in no table is written without
their name for it.
"""

from __future__ import annotations

import errno
import os
import ssl
from typing import NamedTuple

from collectors import routes, tls_words
from collectors.contract import ProbeFailed
from collectors.literals import is_loopback
from collectors.terms import IpFamily, Reason


class _Meaning(NamedTuple):
    reason: Reason
    words: str
    """What it means, for people; ``_BY_ICMP`` has the words of an error that came by ICMP."""


_BY_ERRNO = {
    errno.ECONNREFUSED: _Meaning(
        Reason.REFUSED, "connection refused: nothing listens on this port, or a firewall refuses it"
    ),
    errno.ECONNRESET: _Meaning(Reason.RESET, "connection reset by the peer"),
    errno.ECONNABORTED: _Meaning(Reason.RESET, "connection broken off"),
    errno.EPIPE: _Meaning(Reason.RESET, "connection closed by the peer before all was sent"),
    errno.ETIMEDOUT: _Meaning(Reason.TIMEOUT, "the connection timed out: nothing is acknowledged any more"),
    errno.EHOSTUNREACH: _Meaning(Reason.UNREACHABLE, "the host cannot be reached"),
    errno.EHOSTDOWN: _Meaning(Reason.UNREACHABLE, "the host is down"),
    errno.ENETUNREACH: _Meaning(Reason.UNREACHABLE, "no route to its network"),
    errno.ENONET: _Meaning(Reason.UNREACHABLE, "the host is isolated from the network"),
    errno.ENOPROTOOPT: _Meaning(Reason.UNREACHABLE, "the host does not take this protocol"),
    errno.EPROTO: _Meaning(Reason.UNREACHABLE, "the packet's header was rejected on the way"),
    errno.EACCES: _Meaning(Reason.UNREACHABLE, "a route or a firewall prohibits it"),
    errno.EINVAL: _Meaning(Reason.UNREACHABLE, "a route discards it (blackhole)"),
}
"""What is not in here is ours, not the peer's: EPERM (own firewall), EMFILE, ENOBUFS, EADDRNOTAVAIL ..."""
_OURS = {
    errno.EPERM: "this host's own firewall, or its rights, forbid it",
    errno.EMFILE: "too many open files in this program",
    errno.ENFILE: "too many open files on this host",
    errno.ENETDOWN: "this host's network interface is down",
    errno.ENOBUFS: "this host has no room to send",
    errno.EADDRNOTAVAIL: "the source address is not this host's, or it has no free port left",
    errno.EMSGSIZE: "larger than this host's interface takes",
    errno.EAFNOSUPPORT: "this host's kernel lacks this address family",
}
SAID = " says that "
"""Stands between the sender of an ICMP error and what that means."""
PROHIBITED = "it is prohibited"
_BY_ICMP = {
    errno.ECONNREFUSED: "the port cannot be reached: a firewall refuses it, or nothing listens there",
    errno.EHOSTUNREACH: "the host cannot be reached",
    errno.ENETUNREACH: "there is no route to its network",
    errno.EACCES: PROHIBITED,
    errno.EMSGSIZE: "the packet is too large for the path",
    errno.ENOPROTOOPT: "the host does not take this protocol",
    errno.EPROTO: "the packet's header is wrong",
}
"""What an ICMP error says (icmp_err_convert[], net/ipv4/icmp.c; net/ipv6/icmp.c)."""
_OUT_OF_DATE = (9, 10)
"""X509_V_ERR_CERT_NOT_YET_VALID and _HAS_EXPIRED (x509_vfy.h): all other refusals are of a name or an authority."""
_BY_RESOLVER = {
    "DNS server returned answer with no data": "it has no address of this family",
    "DNS server returned general failure": "the name server could not find out",
    "DNS server refused query": "the name server refuses to answer",
    "DNS server does not implement requested operation": "the name server refuses to answer",
    "DNS server claims query was misformatted": "the name server did not understand the question",
    "Misformatted DNS reply": "the name server's answer can't be understood",
    "Misformatted domain name": "it is not a domain name",
    "Could not contact DNS servers": "no name server could be reached",
    "Timeout while contacting DNS servers": "no name server answered in time",
}
"""c-ares' sentences (ares_strerror(3)); what is not in here is plain already."""


def from_errno(number: int, sender: str | None = None) -> ProbeFailed:
    """Classify what a socket call failed with; ``sender`` is the address that an ICMP error came from, if known."""
    meaning = _BY_ERRNO.get(number) or _Meaning(Reason.LOCAL, _in_words(number))
    words = f"{sender}{SAID}{_BY_ICMP.get(number, meaning.words)}" if sender else meaning.words
    return ProbeFailed(meaning.reason, words)


class TlsRefused(ssl.SSLError):
    """An error of TLS, in words that say what else is known of it; see ``collectors.transport.tls``."""

    def __init__(self, words: str, *, misconfigured: bool = False) -> None:
        super().__init__(words)
        self.words, self.misconfigured = words, misconfigured


def from_os_error(error: OSError) -> ProbeFailed:
    """Classify an error of a socket call or of TLS, which are OSErrors too."""
    if isinstance(error, TlsRefused):
        return ProbeFailed(Reason.TLS, error.words, misconfigured=error.misconfigured)
    if isinstance(error, ssl.SSLCertVerificationError):
        words = tls_words.of_verification(error)
        return ProbeFailed(Reason.TLS, words, misconfigured=error.verify_code not in _OUT_OF_DATE)
    if isinstance(error, ssl.SSLError):
        return ProbeFailed(Reason.TLS, tls_words.of(error))
    if error.errno is None:
        return ProbeFailed(Reason.LOCAL, str(error) or "the connection failed")
    return from_errno(error.errno)


def from_sending(number: int, ip_family: IpFamily, source_address: str | None = None) -> ProbeFailed:
    """Classify an error of sending, or of connecting, itself: no packet left.

    LOCAL are a host without a network, and a source that no packet may leave with, whose EINVAL is a blackhole's too.
    """
    if number == errno.EINVAL and source_address is not None and is_loopback(source_address):
        return ProbeFailed(Reason.LOCAL, f"nothing leaves this host from {source_address}; correct source_address")
    if number == errno.ENETUNREACH and not routes.has_network(ip_family):
        return ProbeFailed(Reason.LOCAL, f"no network here: no route of {ip_family} leads out of this host")
    return from_errno(number)


def from_icmp_error(number: int, sender: str | None = None) -> ProbeFailed:
    """Classify an ICMP error that answers an echo request: whatever it says, the target is not reached."""
    words = _BY_ICMP.get(number, _in_words(number))
    return ProbeFailed(Reason.UNREACHABLE, f"{sender}{SAID}{words}" if sender else words)


def _in_words(number: int) -> str:
    """Return what an errno means on our side."""
    return _OURS.get(number) or os.strerror(number)


def of_resolver(error: Exception) -> str:
    """Return in words why c-ares' lookup failed."""
    sentence = str(error.args[-1])
    return _BY_RESOLVER.get(sentence, sentence)

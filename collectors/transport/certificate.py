"""From when until when a certificate is valid, read from its DER bytes without a library of ten megabytes.

RFC 5280, 4.1::

    Certificate    ::= SEQUENCE { tbsCertificate, ... }
    TBSCertificate ::= SEQUENCE { [0] version OPTIONAL, serialNumber, signature, issuer, validity, ... }
    Validity       ::= SEQUENCE { notBefore Time, notAfter Time }
    Time           ::= UTCTime "YYMMDDhhmmssZ" (1950 to 2049) | GeneralizedTime "YYYYMMDDhhmmssZ"
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

_VERSION, _UTC_TIME = 0xA0, 0x17
_LONG_FORM, _LENGTH_BITS = 0x80, 0x7F
_BEFORE_VALIDITY = 3
_UTC_PIVOT = b"50"


class Validity(NamedTuple):
    """Both in seconds since the epoch."""

    not_before: float
    not_after: float


def validity(der: bytes) -> Validity | None:
    """Return when a certificate is valid; None if these bytes do not tell."""
    try:
        _, certificate = next(_elements(der))
        _, tbs = next(_elements(certificate))
        fields = [content for tag, content in _elements(tbs) if tag != _VERSION]
        not_before, not_after = _elements(fields[_BEFORE_VALIDITY])
        return Validity(_seconds(*not_before), _seconds(*not_after))
    except (IndexError, ValueError, StopIteration):
        return None


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each element, one after the other."""
    at = 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & _LONG_FORM:
            size = length & _LENGTH_BITS
            length, at = int.from_bytes(der[at : at + size], "big"), at + size
        yield tag, der[at : at + length]
        at += length


def _seconds(tag: int, text: bytes) -> float:
    if tag == _UTC_TIME:
        text = (b"19" if text >= _UTC_PIVOT else b"20") + text
    return dt.datetime.strptime(text.decode("ascii"), "%Y%m%d%H%M%S%z").timestamp()

"""What OpenSSL says of a handshake, of what came after it and of a certificate, in words for people: by tables."""

from __future__ import annotations

import re
import ssl

_NO_TLS = "what answers there does not speak TLS"
_WEAK_METHOD = "it, or one in its chain, is signed by a method that is too weak to be trusted"
_BY_NAME = {
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "UNEXPECTED_MESSAGE": _NO_TLS,
    "UNKNOWN_PROTOCOL": _NO_TLS,
    "HTTP_REQUEST": _NO_TLS,
    "PACKET_LENGTH_TOO_LONG": _NO_TLS,
    "NO_SHARED_CIPHER": "nothing in common to encrypt by",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": (
        "the server refuses the handshake: nothing in common to encrypt by, or it has no certificate for this name"
    ),
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the server asks for a client certificate",
    "TLSV1_UNRECOGNIZED_NAME": "the server has no certificate for this name",
    "TLSV1_ALERT_INTERNAL_ERROR": "the server reports an internal error",
    "TLSV1_ALERT_NO_APPLICATION_PROTOCOL": "the server does not speak the protocol that is asked for",
    "TLSV1_ALERT_DECODE_ERROR": "the server could not read our part of the handshake",
    "TLSV1_ALERT_UNKNOWN_PSK_IDENTITY": "the server asks for a key that was agreed on beforehand",
    "DH_KEY_TOO_SMALL": "the server's key is too short to be trusted",
    "EE_KEY_TOO_SMALL": "the server's key is too short to be trusted",
    "CA_KEY_TOO_SMALL": "its authority's key is too short to be trusted",
    "CA_MD_TOO_WEAK": _WEAK_METHOD,
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": "the server's TLS is too old to be safe",
}
"""OpenSSL's names of errors (sslerr.h) that peers can cause; of those that ask for more than the name see ``tls``."""
CUT = ssl.SSLEOFError, ssl.SSLZeroReturnError
"""The connection was closed; before Python 3.11.4 the second in a handshake, too."""
_CUT = "the connection was closed in the middle of the handshake"
_ALERT = re.compile(r"(?:SSLV3|TLSV1|TLSV13)_(?:ALERT_)?(\w+)")
_WITHOUT_REASON = re.compile(r"\[SSL\] ([\w ]+)")
"""What Python writes of an error that is in none of its own tables: OpenSSL's words, or that it has none either."""
_NAMELESS = "UNKNOWN_ERROR"
"""Such an error without words: of OpenSSL's own each has some, so it is a server's alert."""
_BY_NUMBER = {
    0: "the server closes the connection instead of going on",
    121: "the server asks for an encrypted first message (ECH)",
}
"""Alerts that OpenSSL has no words for (IANA's registry of TLS alerts)."""
_UNKNOWN = "its authority is not known here"
_INCOMPLETE = "its chain is incomplete"
_FORGED = "its signature, or one in its chain, is wrong"
_UNREADABLE = "it, or one in its chain, can't be read"
_NO_AUTHORITY = "it is signed by a certificate that may not sign others"
_NAMES = "its authority may not sign for this name"
_BY_VERIFICATION = {
    2: _INCOMPLETE,
    4: _FORGED,
    6: _UNREADABLE,
    7: _FORGED,
    13: _UNREADABLE,
    14: _UNREADABLE,
    19: _UNKNOWN,
    20: _UNKNOWN,
    21: _INCOMPLETE,
    22: "its chain is too long",
    24: _UNREADABLE,
    25: "its chain is longer than an authority in it allows",
    26: "it, or one in its chain, is made for another purpose than this",
    32: _NO_AUTHORITY,
    34: "it demands what is not known here (a critical extension)",
    37: _NO_AUTHORITY,
    40: _NO_AUTHORITY,
    41: _UNREADABLE,
    42: _UNREADABLE,
    47: _NAMES,
    48: _NAMES,
    49: _NAMES,
    51: _NAMES,
    52: _NAMES,
    53: _NAMES,
    66: "its key is too short to be trusted",
    67: "its authority's key is too short to be trusted",
    68: _WEAK_METHOD,
    76: "its signature is of a method that is not known here",
    77: _FORGED,
    78: _FORGED,
    79: _NO_AUTHORITY,
    94: "its key is on a curve of its own making, which is not taken here",
}
"""By X509_V_ERR_... (x509_vfy.h): those that a peer can cause and that OpenSSL does not say plainly."""


def of(error: ssl.SSLError, number: int | None = None, *, ends: str = "the handshake") -> str:
    """Return what happened, in words.

    ``number`` is that of the server's alert where it was seen; ``ends`` is what an alert ends.
    """
    if isinstance(error, CUT):
        return _CUT
    name = _name(error)
    if name == _NAMELESS:
        which = "by an alert without a name" if number is None else f"(TLS alert {number})"
        return _BY_NUMBER.get(-1 if number is None else number, f"the server ends {ends} {which}")
    if name in _BY_NAME:
        return _BY_NAME[name]
    alert = _ALERT.fullmatch(name)
    words = (alert[1] if alert else name).lower().replace("_", " ") or "it is not said why"
    return f"the server ends {ends}: {words}" if alert else f"the handshake failed: {words}"


def is_alert(error: ssl.SSLError) -> bool:
    """Return whether it is the server's alert, and not an error of our own side."""
    name = _name(error)
    return name == _NAMELESS or _ALERT.fullmatch(name) is not None


def of_verification(error: ssl.SSLCertVerificationError) -> str:
    """Return why a certificate is not trusted, in words."""
    return _BY_VERIFICATION.get(error.verify_code, error.verify_message)


def _name(error: ssl.SSLError) -> str:
    """Return OpenSSL's name, also of what Python has no name for."""
    words = _WITHOUT_REASON.match(str(error.args[-1]))
    return error.reason or (words[1].strip().upper().replace(" ", "_") if words else "")

"""What PostgreSQL and its client library say -> Reason and our own words, by tables.

The words of a server are not repeated: they are in its language, and may hold names, addresses and values. An error
that came with a code is written with it (PostgreSQL's documentation, appendix A). Until the login is done libpq gives
text alone; its own text is English.
"""

from __future__ import annotations

import re

from collectors.contract import ProbeFailed
from collectors.terms import Reason

_BY_CODE = (
    ("57014", Reason.TIMEOUT, "the database did not finish it in time", False),
    ("55P03", Reason.TIMEOUT, "another transaction holds a lock on n8n's tables, a migration for example", False),
    ("42501", Reason.QUERY, "the user may not read it any more; grant it SELECT on the columns again", True),
    ("42P01", Reason.QUERY, "a table of n8n is gone; n8n may be migrating", False),
    ("42703", Reason.QUERY, "a column of n8n's tables is gone; n8n may be migrating", False),
    ("3F000", Reason.QUERY, "the schema is gone", True),
    ("40", Reason.QUERY, "the database gave up the transaction in favour of another one", False),
    ("72000", Reason.QUERY, "the snapshot is too old", False),
    ("53", Reason.LIMIT, "the database has reached one of its limits", False),
    ("57P03", Reason.REFUSED, "the database is starting or stopping", False),
    ("57P", Reason.RESET, "the database ended the session", False),
    ("25006", Reason.QUERY, "the database takes no transaction that only reads", False),
    ("28", Reason.AUTH, "the login is refused", True),
    ("3D000", Reason.AUTH, "there is no such database", True),
)
"""The beginning of an SQLSTATE, the first that matches; last: whether somebody has to correct it."""
_BY_WORDS = (
    (r"could not translate host name", Reason.DNS, "its name has no address", False),
    (r"connection refused", Reason.REFUSED, "connection refused: nothing listens there", False),
    (r"no such file or directory", Reason.REFUSED, "there is no socket in this folder", False),
    (r"no route to host|network is unreachable|host is down", Reason.UNREACHABLE, "the host cannot be reached", False),
    (r"timed? ?out", Reason.TIMEOUT, "nothing is acknowledged any more", False),
    (r"root certificate file", Reason.LOCAL, "tls_ca_file can't be read", True),
    (
        r"private key|read certificate file",
        Reason.LOCAL,
        "cert_file or key_file can't be used; are they mode 600?",
        True,
    ),
    (r"client certificate", Reason.AUTH, "the database wants a certificate; set cert_file", True),
    (r"certificate|does not match host name", Reason.TLS, "its certificate is not trusted", True),
    (r"does not support ssl", Reason.TLS, "the database does not speak TLS; set tls: disable", True),
    (r"no password supplied", Reason.AUTH, "the database wants a password; set password_file", True),
    (r"authentication failed|pg_hba\.conf|authentication method", Reason.AUTH, "the login is refused", True),
    (r"does not exist", Reason.AUTH, "there is no such database or user", True),
    (r"too many|remaining connection slots", Reason.LIMIT, "the database has no connection left", False),
    (
        r"starting up|shutting down|recovery|not yet accepting",
        Reason.REFUSED,
        "the database is starting or stopping",
        False,
    ),
    (r"closed|reset by peer|broken pipe|eof", Reason.RESET, "the database closed the connection", False),
    (r"ssl|tls", Reason.TLS, "TLS with it failed", False),
    (r"fatal", Reason.AUTH, "the login is refused", False),
)
_NAMES = re.compile(r'"[^"]*"|»[^«]*«|«[^»]*»|“[^”]*”')
"""Names that somebody gave, in which words mean nothing."""


def from_code(code: str, doing: str) -> ProbeFailed:
    """Classify the answer to a statement, by its SQLSTATE; ``doing`` says what was asked."""
    for start, reason, words, misconfigured in _BY_CODE:
        if code.startswith(start):
            return ProbeFailed(reason, f"{doing}: {words} ({code})", misconfigured=misconfigured)
    return ProbeFailed(Reason.QUERY, f"{doing}: the database refused it ({code})")


def from_words(text: str, doing: str) -> ProbeFailed:
    """Classify an error that came without a code, by libpq's words, which are not repeated."""
    plain = _NAMES.sub("", text).lower()
    for words, reason, meaning, misconfigured in _BY_WORDS:
        if re.search(words, plain):
            return ProbeFailed(reason, f"{doing}: {meaning}", misconfigured=misconfigured)
    return ProbeFailed(Reason.PROTOCOL, f"{doing}: the client library gave up, for a reason that is not known here")

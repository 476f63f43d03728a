"""What PostgreSQL and its client library say -> Reason and our own words, by tables.

The words of a server are not repeated: they are in its language, and may hold names, addresses and values. An error
that came with a code is written with it (PostgreSQL's documentation, appendix A). Until the login is done libpq gives
text alone; its own text is English.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from collectors.contract import ProbeFailed
from collectors.terms import Reason


class Meaning(NamedTuple):
    """What an error means whose SQLSTATE begins so, or whose words match this pattern."""

    of: str
    reason: Reason
    words: str
    misconfigured: bool = False
    """Whether somebody has to correct it."""


_BY_CODE = (
    Meaning("57014", Reason.QUERY, "the server gave it up, because it took too long or was told to"),
    Meaning("42501", Reason.QUERY, "the user may not do that"),
    Meaning("40", Reason.QUERY, "the database gave up the transaction in favour of another one"),
    Meaning("72000", Reason.QUERY, "the snapshot is too old"),
    Meaning("53", Reason.LIMIT, "the database has reached one of its limits"),
    Meaning("57P03", Reason.REFUSED, "the database is starting or stopping"),
    Meaning("57P", Reason.RESET, "the database ended the session"),
    Meaning("25006", Reason.QUERY, "it writes, and the session is read-only"),
    Meaning("28", Reason.AUTH, "the login is refused", misconfigured=True),
    Meaning("3D000", Reason.AUTH, "there is no such database", misconfigured=True),
)
"""By the beginning of the SQLSTATE; the first that matches counts."""
_BY_WORDS = (
    Meaning(r"could not translate host name", Reason.DNS, "its name has no address"),
    Meaning(
        r"connection refused", Reason.REFUSED, "connection refused: nothing listens there, or a firewall refuses it"
    ),
    Meaning(r"no such file or directory", Reason.REFUSED, "there is no socket in this folder"),
    Meaning(
        r"socket path .*too long",
        Reason.LOCAL,
        "the path of its socket is longer than one may be (107 bytes, the name in the folder included)",
        misconfigured=True,
    ),
    Meaning(r"no route to host|network is unreachable|host is down", Reason.UNREACHABLE, "the host cannot be reached"),
    Meaning(r"timed? ?out", Reason.TIMEOUT, "nothing is acknowledged any more"),
    Meaning(
        r"invalid connection option",
        Reason.LOCAL,
        "psycopg2's libpq is older than version 16; install psycopg2-binary",
        misconfigured=True,
    ),
    Meaning(
        r"server requested a (cleartext|hashed) password",
        Reason.AUTH,
        "the server asks for the password in clear text or by MD5, which it gets inside verified TLS only "
        "(tls: verify-full)",
        misconfigured=True,
    ),
    Meaning(
        r"server requested gssapi",
        Reason.AUTH,
        "the server asks for a ticket (GSSAPI), which is shown without a password only",
        misconfigured=True,
    ),
    Meaning(
        r"server did not complete authentication",
        Reason.AUTH,
        "the server did not ask for the password: trust, or an impostor",
    ),
    Meaning(
        r"authentication method requirement|authentication method \d+ not supported",
        Reason.AUTH,
        "the server asks for a method that it must not ask for, or that is not known here",
        misconfigured=True,
    ),
    Meaning(
        r"gssapi|gss |kerberos",
        Reason.AUTH,
        "GSSAPI failed; has this program a ticket, and the server its key?",
    ),
    Meaning(r"root certificate file", Reason.LOCAL, "tls_ca_file can't be read", misconfigured=True),
    Meaning(
        r"private key|read certificate file",
        Reason.LOCAL,
        "cert_file or key_file can't be used; are they mode 600?",
        misconfigured=True,
    ),
    Meaning(r"client certificate", Reason.AUTH, "the database wants a certificate; set cert_file", misconfigured=True),
    Meaning(r"does not match host name", Reason.TLS, "its certificate is for another name", misconfigured=True),
    Meaning(
        r"certificate verify failed|signature failure",
        Reason.TLS,
        "its certificate is not trusted: its authority is not known here, or it is out of date",
        misconfigured=True,
    ),
    Meaning(r"certificate", Reason.TLS, "its certificate is not trusted", misconfigured=True),
    Meaning(
        r"expected authentication request|invalid response to ssl negotiation",
        Reason.PROTOCOL,
        "this is not PostgreSQL's answer; is type right?",
        misconfigured=True,
    ),
    Meaning(
        r"does not support ssl",
        Reason.TLS,
        "the database does not speak TLS; set tls: disable",
        misconfigured=True,
    ),
    Meaning(
        r"no password supplied",
        Reason.AUTH,
        "the database wants a password; set password_file",
        misconfigured=True,
    ),
    Meaning(
        r"pg_hba\.conf",
        Reason.AUTH,
        "pg_hba.conf there lets this user not in from this host in this way, with TLS or without",
        misconfigured=True,
    ),
    Meaning(
        r"password authentication failed",
        Reason.AUTH,
        "the password is wrong, or there is no such user",
        misconfigured=True,
    ),
    Meaning(r"authentication failed|authentication method", Reason.AUTH, "the login is refused", misconfigured=True),
    Meaning(r"does not exist", Reason.AUTH, "there is no such database or user", misconfigured=True),
    Meaning(
        r"too many connections for role",
        Reason.LIMIT,
        "the user has no connection left; raise its CONNECTION LIMIT, or let fewer programs use it",
    ),
    Meaning(r"too many|remaining connection slots", Reason.LIMIT, "the database has no connection left"),
    Meaning(
        r"starting up|shutting down|recovery|not yet accepting",
        Reason.REFUSED,
        "the database is starting or stopping",
    ),
    Meaning(r"closed|reset by peer|broken pipe|eof", Reason.RESET, "the database closed the connection"),
    Meaning(r"ssl|tls", Reason.TLS, "TLS with it failed"),
    Meaning(r"fatal", Reason.AUTH, "the login is refused"),
)
_NAMES = re.compile(r'"[^"]*"|»[^«]*«|«[^»]*»|“[^”]*”')
"""Names that somebody gave, in which words mean nothing."""


def from_code(code: str, doing: str, meanings: Sequence[Meaning] = ()) -> ProbeFailed:
    """Classify the answer to a statement, by its SQLSTATE; ``doing`` says what was asked, ``meanings`` come first."""
    for meaning in (*meanings, *_BY_CODE):
        if code.startswith(meaning.of):
            return _failed(meaning, doing, f" ({code})")
    return ProbeFailed(Reason.QUERY, f"{doing}: the database refused it ({code})")


def from_words(text: str, doing: str) -> ProbeFailed:
    """Classify an error that came without a code, by libpq's words, which are not repeated."""
    plain = _NAMES.sub("", text).lower()
    for meaning in _BY_WORDS:
        if re.search(meaning.of, plain):
            return _failed(meaning, doing)
    return ProbeFailed(Reason.PROTOCOL, f"{doing}: the client library gave up, for a reason that is not known here")


def _failed(meaning: Meaning, doing: str, code: str = "") -> ProbeFailed:
    return ProbeFailed(meaning.reason, f"{doing}: {meaning.words}{code}", misconfigured=meaning.misconfigured)

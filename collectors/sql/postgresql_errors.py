"""Errors of PostgreSQL and of poolers that speak its protocol, of a login or a query -> Reason, by SQLSTATE.

Codes and their classes are those of PostgreSQL's documentation, appendix A. The poolers have few of them, and say most
things of a login with a code that says nothing (PgBouncer: 08P01): there, and there alone, their words count. They are
not translated, as PostgreSQL's are.
"""

from __future__ import annotations

import re

from collectors.contract import ProbeFailed
from collectors.sql.dialogue import readable
from collectors.terms import Reason

_ANYWHERE = (
    ("53", Reason.LIMIT),  # insufficient_resources: too_many_connections and its like
    ("57P03", Reason.REFUSED),  # cannot_connect_now: it starts or stops
    ("57P", Reason.RESET),  # admin_shutdown, crash_shutdown, idle_session_timeout
    ("28", Reason.AUTH),  # invalid_authorization_specification, invalid_password
    ("3D000", Reason.AUTH),  # invalid_catalog_name: there is no such database to log in to
    ("42501", Reason.AUTH),  # insufficient_privilege
)
_OF_A_LOGIN = (
    ("57P", Reason.REFUSED),  # operator_intervention: it starts, stops, or was told to end this
    ("55", Reason.REFUSED),  # object_not_in_prerequisite_state: the database takes no connections
    ("25", Reason.REFUSED),  # read_only_sql_transaction: Pgpool-II and others that find no primary
)
"""What differs in a login; whatever has no code of its own is a refused login (``auth``)."""
_SAYS_NOTHING = ("08", "XX", "58")
"""connection_exception, internal_error, system_error."""
_BY_WORDS = (
    (re.compile(rb"no more connections|too many|max_\w*conn|exceeded|limit"), Reason.LIMIT),
    (
        re.compile(rb"password|authenticat|login rejected|no such|not found|user|role|tenant|ssl|tls|startup"),
        Reason.AUTH,
    ),
    (re.compile(rb"shut|server|connect|timeout|down|paus|unavailable|suspend|node"), Reason.REFUSED),
)
_NAMES = re.compile(
    rb'"[^"]*"'
    rb"|(?<!\w)'[^']*'(?!\w)"  # no apostrophes
    rb"|(?<=no such user: ).*|(?<=no such database: ).*|(?<=does not allow connections: ).*",
    re.DOTALL,
)
"""Names of users and databases: their words mean nothing."""
_CONFIGURATION = ("28", "3D000", "42501")
_FATAL = {b"FATAL", b"PANIC"}


def of_login(body: bytes) -> ProbeFailed:
    """Classify the error that answers a login: one that is well-formed is no fault of the protocol."""
    fields = _fields(body)
    code = fields.get(b"C", b"").decode("ascii", "replace")
    if code.startswith(_SAYS_NOTHING) or not code:
        reason = by_words(fields.get(b"M", b""))
    else:
        reason = _by_code(code, (*_OF_A_LOGIN, *_ANYWHERE), Reason.AUTH)
    return ProbeFailed(reason, _in_words(fields), misconfigured=code.startswith(_CONFIGURATION))


def by_words(text: bytes) -> Reason:
    """Classify the refusal of a login by its words, whatever the user and the database are called."""
    without_names = _NAMES.sub(b"", text).lower()
    return next((reason for words, reason in _BY_WORDS if words.search(without_names)), Reason.AUTH)


def of_query(body: bytes) -> ProbeFailed:
    """Classify the error that answers a query."""
    fields = _fields(body)
    code = fields.get(b"C", b"").decode("ascii", "replace")
    if code.startswith("42501"):  # of a table, not of the login
        return ProbeFailed(Reason.QUERY, _in_words(fields))
    if code.startswith(_SAYS_NOTHING) and ends_the_session(body):
        return ProbeFailed(Reason.QUERY if b"query" in fields.get(b"M", b"") else Reason.RESET, _in_words(fields))
    return ProbeFailed(
        _by_code(code, _ANYWHERE, Reason.QUERY), _in_words(fields), misconfigured=code.startswith(_CONFIGURATION)
    )


def ends_the_session(body: bytes) -> bool:
    """Return whether nothing follows an error."""
    return _fields(body).get(b"V") in _FATAL or _fields(body).get(b"S") in _FATAL


def _by_code(code: str, table: tuple[tuple[str, Reason], ...], otherwise: Reason) -> Reason:
    return next((reason for start, reason in table if code.startswith(start)), otherwise)


def _in_words(fields: dict[bytes, bytes]) -> str:
    return ": ".join(filter(None, (readable(fields.get(b"C", b"")), readable(fields.get(b"M", b"")))))


def _fields(body: bytes) -> dict[bytes, bytes]:
    return {field[:1]: field[1:] for field in body.split(b"\0") if field}

"""Errors of MySQL, MariaDB and the proxies before them, of a login or a query -> Reason, by number and SQLSTATE."""

from __future__ import annotations

import struct

from collectors.contract import ProbeFailed
from collectors.sql.dialogue import readable
from collectors.terms import Reason

_BY_NUMBER = {
    1040: Reason.LIMIT,  # too many connections
    1203: Reason.LIMIT,  # too many connections of this user
    1226: Reason.LIMIT,  # a user's resource limit
    1135: Reason.LIMIT,  # no thread for it
    1041: Reason.LIMIT,  # out of memory
    1129: Reason.REFUSED,  # the host is blocked
    1130: Reason.AUTH,  # the host may not connect
    1044: Reason.AUTH,
    1045: Reason.AUTH,
    1049: Reason.AUTH,  # unknown database
    1251: Reason.AUTH,  # a method of authentication that it does not take
    1698: Reason.AUTH,
    1820: Reason.AUTH,  # the password has to be changed
    1862: Reason.AUTH,  # it has expired
    3118: Reason.AUTH,  # the account is locked
    3159: Reason.AUTH,  # it insists on TLS
    3955: Reason.AUTH,  # locked for its wrong passwords
    4151: Reason.AUTH,  # locked, in MariaDB
    1053: Reason.RESET,  # server shutdown in progress
    1927: Reason.RESET,  # connection was killed
    3032: Reason.REFUSED,  # offline_mode
    3168: Reason.REFUSED,  # server is not available
    4031: Reason.RESET,  # disconnected for inactivity
}
_CONFIGURATION = {1129, 1130, 1044, 1045, 1049, 1251, 1698, 1820, 1862, 3118, 3159, 4151}
_IN_OUR_WORDS = {
    1040: "the server has no connection left",
    1203: "the user has no connection left",
    1226: "the user has reached a limit of its own",
    1129: "the server has blocked this host for logins that broke off; FLUSH HOSTS",
    1130: "the server takes no logins from this host",
    1044: "the user may not use the database",
    1045: "the password is wrong, or there is no such user, or it may not log in so (with TLS, from this host)",
    1049: "there is no such database",
    1698: "there is no such user, or it may not log in so",
    1820: "the password has expired",
    1862: "the password has expired",
    3118: "the account is locked",
    4151: "the account is locked",
    3159: "the server takes logins inside TLS alone",
    1053: "the server is stopping",
    1927: "the session was ended at the server",
    3032: "the server is in offline_mode",
    1792: "it writes, and the session is read-only",
    1969: "the server gave it up, because it took too long",
    3024: "the server gave it up, because it took too long",
}
_HIDDEN_BEHIND = (range(2000, 3000), range(9000, 10_000))
"""A client library's numbers, which MySQL Router passes on, and ProxySQL's: it has not reached its server."""


def before_login(packet: bytes) -> ProbeFailed:
    """Classify an error that comes instead of a greeting, before the server knows the user."""
    return _classified(packet, Reason.REFUSED)


def of_login(packet: bytes) -> ProbeFailed:
    """Classify the error that answers a login: one that is well-formed is no fault of the protocol."""
    return _classified(packet, Reason.AUTH)


def of_query(packet: bytes) -> ProbeFailed:
    """Classify the error that answers a query."""
    return _classified(packet, Reason.QUERY)


def by_number(number: int, sqlstate: str, otherwise: Reason) -> ProbeFailed:
    """Classify an error of which a client library has the number; the server's words are not repeated."""
    reason = _reason(number, sqlstate.encode(), otherwise)
    words = _IN_OUR_WORDS.get(number, "the server refuses it")
    misconfigured = number in _CONFIGURATION and reason is not Reason.QUERY
    return ProbeFailed(reason, f"{number}: {words}", misconfigured=misconfigured)


def _classified(packet: bytes, otherwise: Reason) -> ProbeFailed:
    """By the number, which is not translated as the text is."""
    if len(packet) < 3:  # noqa: PLR2004 - kind and number
        return ProbeFailed(Reason.PROTOCOL, "an error without a number")
    (number,) = struct.unpack_from("<H", packet, 1)
    state, text = (packet[4:9], packet[9:]) if packet[3:4] == b"#" else (b"", packet[3:])
    reason = _reason(number, state, otherwise)
    misconfigured = number in _CONFIGURATION and reason is not Reason.QUERY
    return ProbeFailed(reason, f"{number}: {readable(text)}", misconfigured=misconfigured)


def _reason(number: int, state: bytes, otherwise: Reason) -> Reason:
    known = _BY_NUMBER.get(number)
    if otherwise is Reason.QUERY:
        denied = number == 1044  # noqa: PLR2004 - of a table, not of the login
        return otherwise if denied else known or otherwise
    if known is not None:
        return Reason.REFUSED if known is Reason.RESET else known
    if state[:2] == b"08" or any(number in numbers for numbers in _HIDDEN_BEHIND):
        return Reason.REFUSED
    return otherwise

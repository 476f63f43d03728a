"""What servers and poolers say of a login or a query, by their codes: never a fault of the protocol."""

from __future__ import annotations

import struct

import pytest

from collectors.sql import mysql_errors, postgresql_errors
from collectors.terms import Reason


def pg(code: str, text: str, severity: str = "FATAL") -> bytes:
    return f"S{severity}\0V{severity}\0C{code}\0M{text}\0\0".encode()


def my(number: int, text: str, state: str = "") -> bytes:
    return b"\xff" + struct.pack("<H", number) + (f"#{state}" if state else "").encode() + text.encode()


PG_LOGINS = [
    ("28P01", 'password authentication failed for user "m"', Reason.AUTH),
    ("28000", 'no pg_hba.conf entry for host "::1"', Reason.AUTH),
    ("3D000", 'database "x" does not exist', Reason.AUTH),
    ("42501", 'permission denied for database "x"', Reason.AUTH),
    ("22023", 'invalid value for parameter "client_encoding"', Reason.AUTH),
    ("0A000", "unsupported frontend protocol", Reason.AUTH),
    ("53300", "sorry, too many clients already", Reason.LIMIT),
    ("53200", "out of memory", Reason.LIMIT),
    ("57P03", "the database system is starting up", Reason.REFUSED),
    ("57P01", "terminating connection due to administrator command", Reason.REFUSED),
    ("55000", 'database "x" is not currently accepting connections', Reason.REFUSED),
    # PgBouncer
    ("08P01", "SASL authentication failed", Reason.AUTH),
    ("08P01", "password authentication failed", Reason.AUTH),
    ("08P01", "no such user: m", Reason.AUTH),
    ("08P01", "no such database: x", Reason.AUTH),
    ("08P01", "unsupported startup parameter: options", Reason.AUTH),
    ("08P01", "no such database: rate_limit", Reason.AUTH),
    ("08P01", "no such user: exceeded", Reason.AUTH),
    ("08P01", 'password authentication failed for user "unlimited"', Reason.AUTH),
    ("08P01", "database does not allow connections: rate_limit", Reason.REFUSED),
    ("08P01", "can't connect to server, don't know why", Reason.REFUSED),
    ("08P01", "no more connections allowed (max_client_conn)", Reason.LIMIT),
    ("08P01", "client connections exceeded (max_db_client_connections)", Reason.LIMIT),
    ("08P01", "client_login_timeout (server down)", Reason.REFUSED),
    ("08P01", "pgbouncer cannot connect to server", Reason.REFUSED),
    ("08P01", "server login has been failing, cached error: connect failed (server_login_retry)", Reason.REFUSED),
    # others
    ("08006", "failed to connect to remote server", Reason.REFUSED),
    ("XX000", "Tenant or user not found", Reason.AUTH),
    ("08P01", "odyssey: c1: route for 'too many.limit' is not found", Reason.AUTH),
    ("58000", "all backend nodes are down, pgpool requires at least one valid node", Reason.REFUSED),
    ("", "what nobody has seen yet", Reason.AUTH),
    ("ZZ999", "what nobody has seen yet", Reason.AUTH),
]


@pytest.mark.parametrize(("code", "text", "reason"), PG_LOGINS)
def test_what_postgresql_and_its_poolers_say_of_a_login(code: str, text: str, reason: Reason) -> None:
    failed = postgresql_errors.of_login(pg(code, text))
    assert failed.reason is reason
    assert failed.detail == (f"{code}: {text}" if code else text)


@pytest.mark.parametrize(
    ("code", "text", "severity", "reason"),
    [
        ("42P01", 'relation "x" does not exist', "ERROR", Reason.QUERY),
        ("42501", "permission denied for table x", "ERROR", Reason.QUERY),
        ("57014", "canceling statement due to statement timeout", "ERROR", Reason.QUERY),
        ("57P05", "terminating connection due to idle-session timeout", "FATAL", Reason.RESET),
        ("57P01", "terminating connection due to administrator command", "FATAL", Reason.RESET),
        ("57P03", "the database system is shutting down", "FATAL", Reason.REFUSED),
        ("08P01", "client_idle_timeout", "FATAL", Reason.RESET),
        ("08P01", "server conn crashed?", "FATAL", Reason.RESET),
        ("08P01", "query_timeout", "FATAL", Reason.QUERY),
        ("08P01", "invalid command 'SELECT 1', use SHOW HELP;", "ERROR", Reason.QUERY),
    ],
)
def test_what_they_say_of_a_query(code: str, text: str, severity: str, reason: Reason) -> None:
    assert postgresql_errors.of_query(pg(code, text, severity)).reason is reason
    assert postgresql_errors.ends_the_session(pg(code, text, severity)) == (severity == "FATAL")


MY_LOGINS = [
    (1045, "28000", "Access denied for user 'm'@'wf001' (using password: YES)", Reason.AUTH),
    (1044, "42000", "Access denied for user 'm'@'%' to database 'x'", Reason.AUTH),
    (1049, "42000", "Unknown database 'x'", Reason.AUTH),
    (1698, "28000", "Access denied for user 'm'@'wf001'", Reason.AUTH),
    (3118, "HY000", "Account is locked.", Reason.AUTH),
    (3955, "HY000", "Access denied. Account is blocked for 1 day(s) due to 3 consecutive failed logins.", Reason.AUTH),
    (1040, "08004", "Too many connections", Reason.LIMIT),
    (1203, "42000", "User m already has more than 'max_user_connections' active connections", Reason.LIMIT),
    (1226, "42000", "User 'm' has exceeded the 'max_connections_per_hour' resource", Reason.LIMIT),
    (3032, "HY000", "The server is currently in offline mode", Reason.REFUSED),
    (1053, "08S01", "Server shutdown in progress", Reason.REFUSED),
    (2003, "HY000", "Can't connect to remote MySQL server for client connected to ':6446'", Reason.REFUSED),
    (2013, "HY000", "Lost connection to MySQL server", Reason.REFUSED),
    (9001, "HY000", "Max connect timeout reached while reaching hostgroup 0", Reason.REFUSED),
    (1043, "08S01", "Bad handshake", Reason.REFUSED),
    (65000, "HY000", "what nobody has seen yet", Reason.AUTH),
]


@pytest.mark.parametrize(("number", "state", "text", "reason"), MY_LOGINS)
def test_what_mysql_and_its_routers_say_of_a_login(number: int, state: str, text: str, reason: Reason) -> None:
    failed = mysql_errors.of_login(my(number, text, state))
    assert failed.reason is reason
    assert failed.detail == f"{number}: {text}"


@pytest.mark.parametrize(
    ("number", "reason"),
    [(1040, Reason.LIMIT), (1129, Reason.REFUSED), (1130, Reason.AUTH), (1135, Reason.LIMIT), (65000, Reason.REFUSED)],
)
def test_what_comes_instead_of_a_greeting_is_said_to_anybody(number: int, reason: Reason) -> None:
    """It has no SQLSTATE, and the server does not know who asks."""
    assert mysql_errors.before_login(my(number, "no")).reason is reason


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (1064, Reason.QUERY),
        (1044, Reason.QUERY),
        (1312, Reason.QUERY),
        (3024, Reason.QUERY),
        (1053, Reason.RESET),
        (1927, Reason.RESET),
        (4031, Reason.RESET),
        (65000, Reason.QUERY),
    ],
)
def test_what_mysql_says_of_a_query(number: int, reason: Reason) -> None:
    assert mysql_errors.of_query(my(number, "no", "HY000")).reason is reason

"""The statements that MySQL and MariaDB get besides the query itself."""

from __future__ import annotations

from collectors.sql.dialect import BEFORE_THE_TIMEOUT
from collectors.terms import Seconds

_RECOGNISED = 1000
"""Bytes of a query by which it is recognised."""

READ_ONLY = "SET SESSION TRANSACTION READ ONLY"


def limits(timeout: Seconds, *, is_mariadb: bool) -> tuple[str, str]:
    """Return the statements that limit a query's time, the likelier first: a server's name may mislead."""
    limit = timeout * BEFORE_THE_TIMEOUT
    mariadb = f"SET SESSION max_statement_time = {limit:.3f}"
    mysql = f"SET SESSION max_execution_time = {max(1, round(limit * 1000))}"
    return (mariadb, mysql) if is_mariadb else (mysql, mariadb)


def kill_query(session: int, query: str) -> tuple[str, str]:
    """Return the statements that end the query of another session of the same user.

    Where the connection leads to another server than that session's, as through a balancer, there may be a session of
    its number, too: it must be of this user, in the middle of the same query. Else the variable is NULL, and no query
    is killed.
    """
    text = query.strip(" \t\r\n;").encode()[:_RECOGNISED].hex()
    same = f"id = {session:d} AND user = SUBSTRING_INDEX(USER(), '@', 1) AND LOCATE(0x{text}, info) > 0"
    listed = f"information_schema.processlist WHERE {same}"
    return f"SELECT id INTO @running FROM {listed}", "KILL QUERY @running"  # noqa: S608 - a number, and hexadecimal

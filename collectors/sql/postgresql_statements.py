"""What PostgreSQL gets for a query."""

from __future__ import annotations

import re

from collectors.sql.dialect import BEFORE_THE_TIMEOUT
from collectors.sql.target import DatabaseTarget
from collectors.terms import Seconds

_SHOW = re.compile(r"\s*SHOW\s[^;]*;?\s*", re.IGNORECASE)
"""Reads only, at once, and is all that PgBouncer's console takes: no transaction around it."""


def statement(target: DatabaseTarget, text: str) -> str:
    """Return what is sent for a query."""
    if text == target.standard_query or _SHOW.fullmatch(text):
        return text
    return _kept_short(text, target.timeout)


def _kept_short(query: str, timeout: Seconds) -> str:
    """Let a query of the user's own read only, and be given up before the probe's deadline.

    Not by settings of the session: PgBouncer does not know them in a startup message, and shares sessions.
    """
    limit = max(1, round(timeout * BEFORE_THE_TIMEOUT * 1000))
    # Before version 11 the new timeout holds from the next command of a transaction on.
    return f"BEGIN READ ONLY; SET LOCAL statement_timeout = {limit}; SAVEPOINT query;\n{query}\n;COMMIT"

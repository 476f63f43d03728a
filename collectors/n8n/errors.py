"""What PostgreSQL's errors mean where n8n's tables are read: SQLSTATE -> Reason and our own words."""

from __future__ import annotations

from collectors.drivers.postgresql_errors import Meaning
from collectors.terms import Reason

BY_CODE = (
    Meaning("57014", Reason.TIMEOUT, "the database did not finish it in time"),
    Meaning("55P03", Reason.TIMEOUT, "another transaction holds a lock on n8n's tables, a migration for example"),
    Meaning(
        "42501",
        Reason.QUERY,
        "the user may not read it any more; grant it SELECT on the columns again",
        misconfigured=True,
    ),
    Meaning("42P01", Reason.QUERY, "a table of n8n is gone; n8n may be migrating"),
    Meaning("42703", Reason.QUERY, "a column of n8n's tables is gone; n8n may be migrating"),
    Meaning("25006", Reason.QUERY, "the database takes no transaction that only reads"),
    Meaning("3F000", Reason.QUERY, "the schema is gone", misconfigured=True),
)

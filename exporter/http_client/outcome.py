"""How a request ends: with an answer, whatever it says, or in trouble."""

from __future__ import annotations

from typing import NamedTuple

from collectors.terms import Reason, Seconds

OK = 200


class HttpAnswer(NamedTuple):
    """An HTTP answer, read to its end."""

    status: int
    body: bytes
    """As it came: to be understood, never to be shown."""
    excerpt: str
    """Its beginning, safe to be shown."""
    location: str
    """Where a redirect points, safe to be shown; it is not followed."""
    date: float | None
    """The server's own clock, in seconds since the epoch, by which its data's age is counted."""
    took: Seconds
    """From before the connection to the answer's last byte."""


class Trouble(NamedTuple):
    """No answer."""

    reason: Reason
    detail: str
    connected: bool
    """Whether the server itself was reached, so that it is not only invisible from here."""


HttpOutcome = HttpAnswer | Trouble

"""How a request ends: with an answer, whatever it says, or in trouble."""

from __future__ import annotations

from typing import NamedTuple

from collectors.terms import Reason, Seconds

OK = 200


class HttpAnswer(NamedTuple):
    """An HTTP answer, read to its end."""

    status: int
    body: bytes
    """As it came: to be parsed, never to be printed."""
    excerpt: str
    """Its beginning, safe to print."""
    location: str
    """Where a redirect points, safe to print; it is not followed."""
    date: float | None
    """The time by the server's own clock, in seconds since the epoch: the age of its data is counted by it."""
    took: Seconds
    """From before the connection to the answer's last byte."""


class Trouble(NamedTuple):
    """Why there is no HTTP answer."""

    reason: Reason
    detail: str
    connected: bool
    """Whether the server itself was reached, so that the fault is not the network's."""


HttpOutcome = HttpAnswer | Trouble

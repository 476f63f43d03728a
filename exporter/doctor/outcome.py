"""How asking ends: with an answer, whatever it says, or in trouble."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeGuard, TypeVar

from collectors.contract import Reason, Seconds
from exporter.doctor.answers import Unreadable
from exporter.doctor.stack import Asked

T = TypeVar("T")
_OK = 200


class Answer(NamedTuple):
    """An HTTP answer, read to its end."""

    status: int
    body: bytes
    """As it came: to be understood, never to be shown."""
    said: str
    """Its beginning, safe to be shown."""
    location: str
    """Where a redirect points, safe to be shown; it is not followed."""
    date: float | None
    """The server's own clock, in seconds since the epoch: what its data's age is told by."""
    took: Seconds
    """From nothing to the answer's last byte."""


class Trouble(NamedTuple):
    """No answer."""

    reason: Reason
    detail: str
    connected: bool
    """Whether the server itself was reached, so that it is not only invisible from here."""


Outcome = Answer | Trouble


class Look(NamedTuple):
    """How the server's TLS looks."""

    expiry: float | None
    """Of the served certificate, trusted or not, in seconds since the epoch."""
    fault: Trouble | None
    """Why its handshake did not end well."""


class Told:
    """Answers by their questions' names, each read once, for it may be large."""

    def __init__(self, outcomes: Mapping[str, Outcome]) -> None:
        self.outcomes = outcomes
        self.faults: dict[str, str] = {}
        """What of those that were read could not be understood, and why."""
        self._read: dict[str, Any] = {}

    def read(self, question: str, reader: Callable[[bytes], T]) -> T | None:
        """Return what was answered; None if nothing was, or nothing that can be understood."""
        outcome = self.outcomes.get(question)
        if question not in self._read and answered(outcome):
            try:
                self._read[question] = reader(outcome.body)
            except Unreadable as error:
                self._read[question], self.faults[question] = None, str(error)
        value: T | None = self._read.get(question)
        return value


class Seen(NamedTuple):
    """All that one server said."""

    asked: Asked
    health: tuple[Outcome, ...]
    """One for each of its health paths, in the table's order."""
    told: Told
    """What it answered to the questions of its kind."""
    look: Look | None
    """None without TLS."""

    @property
    def invisible(self) -> bool:
        """Tell whether it is marked internal, and nothing of it can be seen from here."""
        shaken = self.look is not None and (self.look.fault is None or self.look.fault.connected)
        return self.asked.internal and not shaken and all(unreached(outcome) for outcome in self.health)


class NameSeen(NamedTuple):
    """All that was seen of a public name."""

    name: str
    host: str
    """The fleet's host that should stand behind it."""
    addresses: tuple[str, ...]
    host_addresses: tuple[str, ...]
    fault: str
    """Why the name has no addresses."""
    host_fault: str
    look: Look | None
    """None without an address to look at."""


def unreached(outcome: Outcome) -> bool:
    """Tell whether nothing at all of the server was seen."""
    return isinstance(outcome, Trouble) and not outcome.connected


def answered(outcome: Outcome | None) -> TypeGuard[Answer]:
    """Tell whether it was answered as it should be."""
    return isinstance(outcome, Answer) and outcome.status == _OK

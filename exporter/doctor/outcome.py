"""What was seen of servers and names: their answers, or the trouble with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeGuard, TypeVar

from exporter.doctor.bodies import BadBody
from exporter.doctor.stack import StackServer
from exporter.http_client.outcome import OK, HttpAnswer, HttpOutcome, Trouble

T = TypeVar("T")


class TlsSeen(NamedTuple):
    """What was seen of a server's TLS."""

    expiry: float | None
    """Of the served certificate, trusted or not, in seconds since the epoch."""
    fault: Trouble | None
    """Why its handshake did not end well."""
    not_before: float | None = None
    """When that certificate began to be valid."""


class Answers:
    """One server's answers by their questions' names; each is read once, for it may be large."""

    def __init__(self, outcomes: Mapping[str, HttpOutcome]) -> None:
        self.outcomes = outcomes
        self.faults: dict[str, str] = {}
        """The questions whose answers could not be understood, and why."""
        self._read: dict[str, Any] = {}

    def read(self, question: str, reader: Callable[[bytes], T]) -> T | None:
        """Return an answer as ``reader`` reads it; None without one, and for one that cannot be understood."""
        outcome = self.outcomes.get(question)
        if question not in self._read and answered(outcome):
            try:
                self._read[question] = reader(outcome.body)
            except BadBody as error:
                self._read[question], self.faults[question] = None, str(error)
        value: T | None = self._read.get(question)
        return value


class ServerSeen(NamedTuple):
    """All that was seen of one server."""

    server: StackServer
    health: tuple[HttpOutcome, ...]
    """One for each of its health paths, in the table's order."""
    answers: Answers
    """To the questions of its kind."""
    tls: TlsSeen | None
    """None without TLS."""

    @property
    def invisible(self) -> bool:
        """Whether it is marked internal, and nothing of it can be seen from here."""
        shaken = self.tls is not None and (self.tls.fault is None or self.tls.fault.connected)
        return self.server.internal and not shaken and all(unreached(outcome) for outcome in self.health)


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
    tls: TlsSeen | None
    """None without an address to connect to."""


def unreached(outcome: HttpOutcome) -> bool:
    """Return whether the server was not reached at all."""
    return isinstance(outcome, Trouble) and not outcome.connected


def answered(outcome: HttpOutcome | None) -> TypeGuard[HttpAnswer]:
    """Return whether there is an answer, of status 200."""
    return isinstance(outcome, HttpAnswer) and outcome.status == OK

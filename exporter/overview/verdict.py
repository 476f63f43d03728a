"""Whose fault is it? One look at a pair, at what was measured beside it and at ourselves -> a word and half a sentence.

Plain values in, a verdict out; the rules, in their order:

    nothing decided lately                          this host
    failed here, before anything was asked          this host
    what was asked can't succeed                    configuration
    the name can't be looked up, no way there,
      or silence before anything was connected      network
    refused, broken off, silent once connected,
      or a wrong answer                             peer
    slower than usual by what waits in our queue    this host
    a round trip slower than usual, a lost SYN,
      or losses lately                              network
    a server slower than usual, or above a second   peer
    else                                            fine
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence

from collectors.contract import Phase, Reason, Seconds
from exporter.overview.wording import span


class Word(enum.StrEnum):
    """Whose fault it is. ``DATABASE`` is for those that are logged in to."""

    FINE = "fine"
    NETWORK = "network"
    PEER = "peer"
    DATABASE = "database"
    THIS_HOST = "this host"
    CONFIGURATION = "configuration"


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """Whose fault it is, and why."""

    word: Word
    why: str = ""

    def __str__(self) -> str:
        return f"{self.word}: {self.why}" if self.why else self.word


FINE = Verdict(Word.FINE)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One pair as it looks now. Durations in seconds; what was not measured is None."""

    probe: str
    protocol: str
    age: Seconds | None = None
    """Of the latest result."""
    stale: bool = False
    """No result for longer than two intervals and a timeout."""
    reason: Reason | None = None
    """Why the latest probe failed; None if it succeeded."""
    detail: str = ""
    misconfigured: bool = False
    phase: Phase | None = None
    """What was begun last."""
    failing_for: Seconds = 0.0
    round_trips: int | None = None
    """Of a login."""
    login: Seconds | None = None
    """How long it took."""
    rtt: Seconds | None = None
    response: Seconds | None = None
    server: Seconds | None = None
    usual_rtt: Seconds | None = None
    usual_server: Seconds | None = None
    retransmitted: bool = False
    lost: int = 0
    """Of the latest ``results``."""
    losses: int = 0
    """In how many pieces they came: an outage, however long, is one."""
    results: int = 0

    @property
    def reached(self) -> bool | None:
        """Whether the latest probe shows that the host is there; None when it says nothing about that."""
        if self.stale or self.age is None or self.reason in _SAYS_NOTHING:
            return None
        return self.reason not in _SILENCE or self.phase in _CONNECTED


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """This host itself, lately."""

    egress_queue: Seconds = 0.0
    lateness: Seconds = 0.0
    skipped: int = 0
    overflows: int = 0
    no_icmp: bool = False
    """A family of ICMP is used, and we may not open its socket."""
    not_reloaded: str = ""
    """What was wrong with the fleet file when it was last read."""
    nobody_answers: bool = False
    """No host out of several does."""


_SILENCE = {Reason.TIMEOUT, Reason.UNREACHABLE}
_SAYS_NOTHING = {Reason.LOCAL, Reason.DNS}
_CONNECTED = {Phase.TLS, Phase.AUTH, Phase.QUERY, Phase.PROCESSING, Phase.TRANSFER}
_DATABASES = {"postgresql", "mysql"}

_SLOWER = 1.5
"""Times the usual that are notable, if they are also more by this:"""
_NETWORK_NOISE: Seconds = 0.005
_SERVER_NOISE: Seconds = 0.05
_SLOW_SERVER: Seconds = 1.0
"""Slow, however usual it is."""
_FAR: Seconds = 0.5
"""What a login may take before people ask why."""
_LOSSES = 2
"""At different times: an outage that is over is told by the log, not for minutes by the verdict."""
_LOSS_RATIO = 0.03
_LONG_QUEUE: Seconds = 0.01
_LATE: Seconds = 0.1


def judge(seen: Seen, beside: Sequence[Seen], here: Here) -> Verdict:
    """Say whose fault it is; ``beside`` are the other pairs toward the same target."""
    if seen.age is None:
        return Verdict(Word.THIS_HOST, "not measured yet")
    if seen.stale:
        return Verdict(Word.THIS_HOST, f"not measured for {span(seen.age)}")
    return _slow(seen, beside, here) if seen.reason is None else _failed(seen, beside, here)


def _failed(seen: Seen, beside: Sequence[Seen], here: Here) -> Verdict:
    if seen.reason is Reason.LOCAL:
        return Verdict(Word.THIS_HOST, seen.detail or "it could not ask")
    if seen.misconfigured:
        return Verdict(Word.CONFIGURATION, f"{seen.detail}; look at it in the fleet file")
    if seen.reason is Reason.DNS:
        return Verdict(Word.NETWORK, f"the name can't be looked up: {seen.detail}{_though(beside)}")
    if seen.reason in _SILENCE and seen.phase not in _CONNECTED:
        return Verdict(Word.NETWORK, _silent(seen, beside, here))
    return Verdict(_there(seen), _unwell(seen))


def _there(seen: Seen) -> Word:
    return Word.DATABASE if seen.protocol in _DATABASES else Word.PEER


def judge_host(here: Here) -> Verdict:
    """Say whether what this host says can be trusted."""
    if here.lateness > _LATE or here.egress_queue > _LONG_QUEUE or here.skipped or here.overflows:
        return Verdict(Word.THIS_HOST, "do not trust the lines above")
    if here.no_icmp:
        return Verdict(Word.THIS_HOST, "no permission for ICMP: grant CAP_NET_RAW, or open net.ipv4.ping_group_range")
    if here.not_reloaded:
        return Verdict(Word.CONFIGURATION, f"not reloaded, the one before is in force: {here.not_reloaded}")
    return FINE


def _though(beside: Sequence[Seen]) -> str:
    answering = [other.probe for other in beside if other.reached]
    return f"; {answering[0]} reaches the host by its last known address" if answering else ""


def _silent(seen: Seen, beside: Sequence[Seen], here: Here) -> str:
    """Say what silence means, by what else is heard of the host."""
    said = "no way there" if seen.reason is Reason.UNREACHABLE else "no answer"
    witness = next((other for other in beside if other.reached), None)
    if witness is not None:
        lost = "only ICMP gets lost" if seen.protocol == "icmp" else "a firewall drops this port, or its queue is full"
        return f"{said}; {witness.probe} {witness.reason or 'answers'}: the host is up, {lost}"
    if here.nobody_answers:
        return f"{said}, from nobody at all: look at this host's own link first"
    return f"{said}: network or host down"


def _unwell(seen: Seen) -> str:
    if seen.reason is Reason.REFUSED:
        return "the host is up, and nothing listens on this port"
    if seen.reason in _SILENCE:
        return f"it connects, and then its program does not answer ({seen.phase})"
    if seen.reason is Reason.LIMIT:
        return f"at its limit: {seen.detail}"
    return seen.detail or str(seen.reason)


def _slow(seen: Seen, beside: Sequence[Seen], here: Here) -> Verdict:
    network = _excess(seen.rtt, seen.usual_rtt, _NETWORK_NOISE)
    server = _excess(seen.server, seen.usual_server, _SERVER_NOISE)
    if seen.server is not None and seen.server > _SLOW_SERVER:
        server = max(server, seen.server)
    if seen.rtt is None and seen.protocol in _DATABASES:  # a kept connection: the network is in its time, unseen
        network = max((_excess(other.rtt, other.usual_rtt, _NETWORK_NOISE) for other in beside), default=0.0)
        server = max(0.0, server - network)
    if network and here.egress_queue > _LONG_QUEUE and here.egress_queue > network / 2:
        return Verdict(Word.THIS_HOST, f"up to {span(here.egress_queue)} of it are its own egress queue")
    if server > network:
        aside = ", the network is not" if not network else ", and the network is slower than usual"
        return Verdict(_there(seen), f"its program is slow{aside}")
    if network:
        return Verdict(Word.NETWORK, f"its round trip is {span(network)} longer than usual")
    return _as_usual(seen)


def _as_usual(seen: Seen) -> Verdict:
    if seen.retransmitted:
        return Verdict(Word.NETWORK, "the first SYN got lost and was sent again")
    if seen.losses >= _LOSSES and seen.lost > seen.results * _LOSS_RATIO:
        return Verdict(Word.NETWORK, f"{seen.lost} of the last {seen.results} got lost, at {seen.losses} times")
    if seen.login is not None and seen.server is not None and seen.login > max(_FAR, 2 * seen.server):
        return Verdict(Word.FINE, "the distance, not the database")
    return FINE


def _excess(now: Seconds | None, usual: Seconds | None, noise: Seconds) -> Seconds:
    """Return how much more it is than usual, 0 where that is nothing notable."""
    if now is None or usual is None or now <= _SLOWER * usual + noise:
        return 0.0
    return now - usual

"""Whose fault is it? A pair as it is now, the others toward its host, our own health -> a word, half a sentence.

Plain values in, a verdict out; the rules, in their order:

    nothing decided yet                             no word
    nothing decided lately                          this host
    failed here, before anything was asked          this host
    what was asked can't succeed, and never did     configuration
    no way there, as the peer itself says           peer
    the name can't be looked up, no way there,
      or silence before anything was connected      network
    silence once connected, while packets get lost,
      of this connection or of others               network
    refused, broken off, silent once connected,
      or a wrong answer                             peer
    a round trip slower than usual, a lost SYN,
      a slow look-up, or losses lately              network
    a server slower than usual, or above a second,
      or failures lately                            peer
    executions that are stuck, workflows that fail  n8n
    else                                            fine

Where others explain it, the half sentence begins with whom (``suspects``). What gets lost for hours stands beside fine,
and so does a certificate that is too near its end, or over it.
Toward a host in maintenance it is none of theirs, but "in maintenance", with what it would be otherwise.

While our own queue is full, it is this host instead of network or peer, unless it is more than the queue can have done.
The peer is called database where it is one. What other pairs measured counts only if they did so after the failure.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence

from collectors.failures import SAID
from collectors.n8n.reading import N8nReading
from collectors.target import Gives
from collectors.terms import Gap, Reason, Seconds
from exporter.overview import losses, n8n, unreached
from exporter.overview.beside import NOTHING, Beside
from exporter.overview.delays import delays
from exporter.overview.pair_now import LATELY, PairNow
from exporter.overview.paths import QUEUE_DROPS
from exporter.recording.own_health import OwnHealth
from exporter.wording import span


class Culprit(enum.StrEnum):
    """Where the fault is. ``DATABASE`` stands for the peer where probes log in to it."""

    FINE = "fine"
    NETWORK = "network"
    PEER = "peer"
    DATABASE = "database"
    N8N = "n8n"
    THIS_HOST = "this host"
    CONFIGURATION = "configuration"
    MAINTENANCE = "in maintenance"
    """The host is in maintenance: whatever is wrong there is expected."""


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """Whose fault it is, and why; no culprit before there is a result."""

    culprit: Culprit | None
    why: str = ""

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.culprit or "-", self.why)))


FINE = Verdict(Culprit.FINE)
UNKNOWN = Verdict(None, "no result yet")

_LOGGED_IN = {Gives.LOGIN, Gives.QUERY, Gives.READING}
_THEIRS = {Culprit.NETWORK, Culprit.PEER, Culprit.DATABASE}
_QUEUE_CAUSES = {Reason.TIMEOUT, Reason.DNS}
_SLOW_LOOKUP: Seconds = 0.5
"""A look-up that takes longer is the network's fault."""
_LONG_LOGIN: Seconds = 0.5
"""A login that takes longer because of the distance is explained."""
_SILENCE = "its program does not answer"
_LOSING_QUEUE = "its own egress queue is full and loses packets"
_LATE: Seconds = 0.1
"""The numbers of probes that were started later are doubtful."""
_NEW_ADDRESS: Seconds = 3 * 3600.0
"""How long a change of address is mentioned: until the usual round trip is that of the new address."""
_GAPS = {
    Gap.ANSWER: "it answers, and a large packet of the answer gets lost each time (look at the path's MTU)",
    Gap.REQUEST: "it connects, and then what we send gets lost (large packets alone? look at the path's MTU)",
}


def judge(seen: PairNow, others: Sequence[PairNow], own: OwnHealth, beside: Beside = NOTHING) -> Verdict:
    """Return whose fault it is; ``others`` are the pairs toward the same place, ``beside`` is about other places."""
    verdict = _judge(seen, others, own, beside)
    if verdict.culprit in _THEIRS and _moved_lately(seen):
        moved = f"its address changed {span(seen.moved_ago or 0.0)} ago: {seen.moved}"
        verdict = Verdict(verdict.culprit, f"{verdict.why}; {moved}")
    return verdict if seen.maintenance is None else _in_maintenance(seen.maintenance, verdict)


def _in_maintenance(until: str, verdict: Verdict) -> Verdict:
    """Return a verdict as expected in maintenance; a fault of this host itself stays one."""
    if verdict.culprit is Culprit.THIS_HOST:
        return verdict
    otherwise = verdict.why if verdict.culprit in {None, Culprit.FINE} else str(verdict)
    return Verdict(Culprit.MAINTENANCE, "; ".join(filter(None, (until, otherwise))))


def _moved_lately(seen: PairNow) -> bool:
    """Return whether the address changed lately, or since the pair was well."""
    return seen.moved_ago is not None and seen.moved_ago <= max(_NEW_ADDRESS, seen.failing_for + LATELY)


def _judge(seen: PairNow, others: Sequence[PairNow], own: OwnHealth, beside: Beside) -> Verdict:
    if seen.age is None:
        return UNKNOWN
    if seen.stale:
        return Verdict(Culprit.THIS_HOST, f"not measured for {span(seen.age)}")
    if seen.reason is None:
        return _slow(seen, others, own, beside) or _as_usual(seen, others, own, beside)
    if own.full_queue and _queue_explains(seen):
        return Verdict(Culprit.THIS_HOST, f"no answer, and {_LOSING_QUEUE}")
    return _failed(seen, others, own, beside)


def _queue_explains(seen: PairNow) -> bool:
    """Return whether a full queue explains the failure: nothing was answered, not even that the name does not exist."""
    return seen.reason in _QUEUE_CAUSES and not seen.misconfigured and seen.in_a_row < QUEUE_DROPS


def judge_host(own: OwnHealth) -> Verdict:
    """Return whether the numbers of this host can be trusted."""
    if (own.lateness or 0) > _LATE or own.full_queue or own.skipped or own.overflows:
        return Verdict(Culprit.THIS_HOST, "do not trust the other lines")
    if own.no_icmp:
        return Verdict(Culprit.THIS_HOST, own.no_icmp)
    if own.not_reloaded:
        return Verdict(Culprit.CONFIGURATION, f"not reloaded, the one before is in force: {own.not_reloaded}")
    if own.hosts_missing:
        return Verdict(Culprit.CONFIGURATION, "not all hosts may be known")
    return FINE


def _failed(seen: PairNow, others: Sequence[PairNow], own: OwnHealth, beside: Beside) -> Verdict:
    if seen.reason is Reason.LOCAL:
        return Verdict(Culprit.THIS_HOST, seen.detail or "it could not ask")
    if seen.misconfigured and not seen.ever_succeeded:
        return Verdict(Culprit.CONFIGURATION, f"{seen.detail.rstrip('.')}; look at it in the fleet file")
    if seen.reason is Reason.DNS:
        return Verdict(Culprit.NETWORK, unreached.nameless(seen, others))
    if seen.silent and not unreached.refused_by_itself(seen):
        return Verdict(Culprit.NETWORK, unreached.silent(seen, others, own, beside))
    if seen.reason is Reason.TIMEOUT and (lost := _lost(seen, others, own)):
        return Verdict(Culprit.NETWORK, lost)
    also = f"; {seen.probe} {beside.everywhere}" if beside.everywhere else ""
    return Verdict(_peer_or_database(seen), f"{_unwell(seen)}{also}")


def _lost(seen: PairNow, others: Sequence[PairNow], own: OwnHealth) -> str:
    """Write why silence once connected is the network's; empty if nothing shows that."""
    if seen.gap is not None:
        return _GAPS[seen.gap]
    witnesses = () if own.full_queue else others  # a full queue loses theirs, too
    # A program that hangs drops handshakes, too, once it has a queue of them. Echoes that come back tell.
    echoes = [other for other in witnesses if Gives.ICMP_ECHO in other.gives and other.lost < other.results]
    witnesses = echoes or witnesses
    losing = next((other for other in witnesses if losses.of_packets(other) or _fell_silent(other)), None)
    return "" if losing is None else f"it connects, and then packets get lost ({losing.name} loses some, too)"


def _peer_or_database(seen: PairNow) -> Culprit:
    return Culprit.PEER if seen.gives.isdisjoint(_LOGGED_IN) else Culprit.DATABASE


def _unwell(seen: PairNow) -> str:
    """Write what is wrong with a host that was reached."""
    if refusal := unreached.refused_by_itself(seen):
        return refusal
    if seen.reason is Reason.REFUSED and not seen.misconfigured and _peer_or_database(seen) is Culprit.PEER:
        if SAID in seen.detail:  # by ICMP, and by whom: a firewall's way
            return seen.detail
        return "the host is up, and nothing listens on this port, or a firewall refuses it"
    if seen.reason is Reason.TIMEOUT:
        # The detail of a read says what it waited for: another transaction's lock, for example.
        silence = seen.detail if Gives.READING in seen.gives else _SILENCE
        return f"it connects, and then {silence} ({seen.phase})"
    if seen.reason is Reason.LIMIT:
        return f"at its limit: {seen.detail}"
    well = f"; it was well until {span(seen.failing_for)} ago" if seen.misconfigured and seen.ever_succeeded else ""
    return f"{seen.detail.rstrip('.') or seen.reason}{well}"


def _slow(seen: PairNow, others: Sequence[PairNow], own: OwnHealth, beside: Beside) -> Verdict | None:
    queue = own.full_queue
    slower = delays(seen, others, queue)
    if slower.queued:
        return Verdict(Culprit.THIS_HOST, f"up to {span(queue)} of it are its own egress queue")
    if queue and slower.single:
        return Verdict(Culprit.THIS_HOST, f"{_LOSING_QUEUE}: they are sent again")
    if not queue and slower.perhaps_lost and (losing := next(filter(losses.of_packets, (seen, *others)), None)):
        whose = "" if losing is seen else f" ({losing.name} loses some)"
        return Verdict(Culprit.NETWORK, f"its answer was late: packets get lost{whose}, or its program is slow, too")
    if slower.single:
        return None
    if slower.server > slower.network:
        aside = _and_the_network(slower.network, full=queue > 0)
        return Verdict(_peer_or_database(seen), f"its program is slow, {aside}")
    longer = f"its round trip is {span(slower.network)} longer than usual"
    return Verdict(Culprit.NETWORK, _suspected(longer, beside)) if slower.network else None


def _and_the_network(network: Seconds, *, full: bool) -> str:
    if full:
        return "by far more than this host's own egress queue"
    return "and the network is slower than usual" if network else "the network is not"


def _suspected(trouble: str, beside: Beside) -> str:
    """Write what is wrong with the path, what explains it first."""
    return beside.suspect.of(trouble) if beside.suspect else trouble


def _fell_silent(seen: PairNow) -> bool:
    """Return whether the pair was answered until lately; a pair that never was may just be blocked."""
    return seen.silent and seen.lost < seen.results


def _as_usual(seen: PairNow, others: Sequence[PairNow], own: OwnHealth, beside: Beside) -> Verdict:
    """Judge a probe whose times are as usual."""
    if lossy := _lossy(seen, beside):
        ours = Verdict(Culprit.THIS_HOST, f"{lossy}; {_LOSING_QUEUE}")
        return ours if own.full_queue else Verdict(Culprit.NETWORK, lossy)
    if losses.too_many(seen):
        return Verdict(_peer_or_database(seen), losses.in_words(seen))
    if isinstance(seen.reply, N8nReading):
        return _as_read(seen, n8n.n8n_now(seen.reply))
    far = seen.login is not None and seen.server is not None and seen.login > max(_LONG_LOGIN, 2 * seen.server)
    late = "this answer was late: a lost packet can do that" if delays(seen, others, 0.0).single else ""
    asides = (
        "the distance, not the database" if far else "",
        late,
        losses.aside(seen) or losses.steady(seen, beside),
        "" if seen.certificate_left is None else certificate_in_words(seen.certificate_left),
    )
    return Verdict(Culprit.FINE, "; ".join(filter(None, asides)))


def certificate_in_words(left: Seconds) -> str:
    """Write how near the end of a certificate is; ``left`` is negative once it has expired."""
    return f"its certificate ends in {span(left)}" if left > 0 else f"its certificate expired {span(-left)} ago"


def _as_read(seen: PairNow, state: n8n.N8nNow) -> Verdict:
    """Judge an n8n whose database is well."""
    if unwell := n8n.unwell(state):
        return Verdict(Culprit.N8N, unwell)
    return Verdict(Culprit.FINE, "; ".join(filter(None, (losses.aside(seen), state.state_problem))))


def _lossy(seen: PairNow, beside: Beside) -> str:
    if beside.uneven and Gives.HANDSHAKE in seen.gives and seen.lost + seen.resent:
        return f"{unreached.UNEVEN}; {losses.in_words(seen)}"
    if seen.retransmitted:
        return _suspected("the first SYN got lost and was sent again", beside)
    if seen.lookup is not None and seen.lookup > _SLOW_LOOKUP:
        return f"its name took {span(seen.lookup)} to look up"
    return _suspected(losses.in_words(seen), beside) if losses.of_packets(seen) else ""

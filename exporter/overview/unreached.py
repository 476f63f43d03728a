"""What it means that a probe did not reach its host, by the other pairs toward it and by what the host asked of us.

The name cannot be looked up, there is no way, or nothing came back before anything was connected.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from collectors.failures import PROHIBITED, SAID
from collectors.target import Gives
from collectors.terms import Reason
from exporter.overview.beside import Beside, SuspectKind
from exporter.overview.pair_now import PairNow
from exporter.recording.own_health import OwnHealth
from exporter.wording import span

UNEVEN = "handshakes get lost, ICMP does not: one of several parallel paths, or something that drops handshakes"
_SEVERAL = 2
"""So many places have to be silent before our own link is suspected."""


def witness(seen: PairNow, others: Sequence[PairNow]) -> PairNow | None:
    """Return another pair that has reached the host since this one failed, of the same family if there is one."""
    reached = [other for other in others if other.reached and (other.age or 0) <= seen.first_failure]
    return min(reached, key=lambda other: other.ip_family != seen.ip_family, default=None)


def all_are_silent(places: Sequence[Sequence[PairNow]]) -> bool:
    """Return whether several places are silent, and no other was heard of since; a place is given as its pairs."""
    silent: list[list[PairNow]] = []
    heard: list[list[PairNow]] = []
    for pairs in places:
        place = [seen for seen in pairs if seen.reached is not None]
        is_silent = any(seen.silent and witness(seen, place) is None for seen in place)
        (silent if is_silent else heard).append(place)
    if len(silent) < _SEVERAL:
        return False
    since = max(seen.first_failure for place in silent for seen in place if seen.silent)
    return all((seen.age or 0) > since for place in heard for seen in place)


def nameless(seen: PairNow, others: Sequence[PairNow]) -> str:
    """Write that the name cannot be looked up, and which other pair still reaches the host."""
    other = witness(seen, others)
    also = f"; {other.name} still reaches the host" if other else ""
    return f"the name can't be looked up: {seen.detail.rstrip('.')}{also}"


def silent(seen: PairNow, others: Sequence[PairNow], own: OwnHealth, beside: Beside) -> str:
    """Write what silence means, by what else is heard of the host and of others; the culprit first, if there is one."""
    silence = "no answer"
    if seen.reason is Reason.UNREACHABLE:
        silence = f"no way there ({seen.detail})" if seen.detail else "no way there"
    other, suspect = witness(seen, others), beside.suspect
    if other is not None and other.ip_family == seen.ip_family:
        return f"{silence}; {other.name} {other.reason or 'answers'}: {_lost_alone(seen, other, beside)}"
    if other is not None:
        silence = f"{silence}; over {other.ip_family} the host answers: look at the path of {seen.ip_family}"
    elif (asked := own.asked_by.get(seen.target, math.inf)) <= seen.first_failure:
        silence = f"{silence}, but it asked this host {span(asked)} ago: it is alive; a wrong address, or a firewall"
    elif beside.nobody_answers:
        return f"{silence}, from nobody at all: look at this host's own link first"
    elif suspect is None:
        return f"{silence}: network or host down"
    elif suspect.kind is SuspectKind.HOST:
        return suspect.of(silence)
    return silence if suspect is None or suspect.kind is SuspectKind.HOST else suspect.of(silence)


def _lost_alone(seen: PairNow, other: PairNow, beside: Beside) -> str:
    """Write what gets lost on the way to a host that another pair reaches over the same family."""
    if beside.everywhere:
        return f"the host is up, and {seen.probe} {beside.everywhere}"
    if beside.uneven and Gives.HANDSHAKE in seen.gives:
        return UNEVEN
    if Gives.ICMP_ECHO in seen.gives & other.gives:
        return "the host is up, only echoes of this size or class get lost: look at the path's MTU"
    if Gives.ICMP_ECHO in seen.gives:
        return "the host is up, only ICMP gets lost"
    return "the host is up, a firewall drops this port, or its queue is full"


def refused_by_itself(seen: PairNow) -> str:
    """Write what it means that a host itself says that it cannot be reached; empty if a router says so."""
    sender, says, what = seen.detail.partition(SAID)
    if seen.reason is not Reason.UNREACHABLE or not says or sender.rpartition(": ")[2] != seen.asked:
        return ""
    why = "its firewall prohibits it" if what.startswith(PROHIBITED) else "its firewall refuses it, or it passes it on"
    return f"no way there ({seen.detail}): the host is up, {why}"

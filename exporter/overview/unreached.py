"""A host that a probe could not reach: what that means, by what the other probes toward it show.

Its name cannot be looked up, there is no way to it, or nothing came back before anything was connected.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from collectors.failures import PROHIBITED, SAID
from collectors.target import Gives
from collectors.terms import Reason
from exporter.overview.seen import PairNow
from exporter.recording.own_health import OwnHealth
from exporter.wording import span

_SEVERAL = 2
"""So many places have to be silent before our own link is suspected."""


def witness(seen: PairNow, beside: Sequence[PairNow]) -> PairNow | None:
    """Return another pair that has reached the host since this one failed, of the same family if there is one."""
    since = [other for other in beside if other.reached and (other.age or 0) <= seen.first_failure]
    return min(since, key=lambda other: other.ip_family != seen.ip_family, default=None)


def nobody_answers(places: Sequence[Sequence[PairNow]]) -> bool:
    """Tell whether none of several places was heard of since their silence began; each is all pairs toward one."""
    silent: list[list[PairNow]] = []
    heard: list[list[PairNow]] = []
    for beside in places:
        place = [seen for seen in beside if seen.reached is not None]
        is_silent = any(seen.silent and witness(seen, place) is None for seen in place)
        (silent if is_silent else heard).append(place)
    if len(silent) < _SEVERAL:
        return False
    since = max(seen.first_failure for place in silent for seen in place if seen.silent)
    return all((seen.age or 0) > since for place in heard for seen in place)


def nameless(seen: PairNow, beside: Sequence[PairNow]) -> str:
    """Write that the name cannot be looked up, and who reaches the host nevertheless."""
    other = witness(seen, beside)
    also = f"; {other.name} still reaches the host" if other else ""
    return f"the name can't be looked up: {seen.detail.rstrip('.')}{also}"


def silent(seen: PairNow, beside: Sequence[PairNow], own: OwnHealth, *, nobody_answers: bool) -> str:
    """Write what silence means, by what else is heard of the host."""
    silence = "no answer"
    if seen.reason is Reason.UNREACHABLE:
        silence = f"no way there ({seen.detail})" if seen.detail else "no way there"
    other = witness(seen, beside)
    if other is None:
        return f"{silence}{_unheard(seen, own, nobody_answers=nobody_answers)}"
    if other.ip_family != seen.ip_family:
        return f"{silence}; over {other.ip_family} the host answers: look at the path of {seen.ip_family}"
    return f"{silence}; {other.name} {other.reason or 'answers'}: the host is up, {_lost_alone(seen, other)}"


def _unheard(seen: PairNow, own: OwnHealth, *, nobody_answers: bool) -> str:
    """Write what it means that no other pair reaches the host."""
    asked = own.asked_by.get(seen.target, math.inf)
    if asked <= seen.first_failure:
        return f", but it asked this host {span(asked)} ago: it is alive; a wrong address, or a firewall"
    if nobody_answers:
        return ", from nobody at all: look at this host's own link first"
    return ": network or host down"


def _lost_alone(seen: PairNow, other: PairNow) -> str:
    """Write what gets lost on the way to a host that another pair reaches over the same family."""
    if Gives.ICMP_ECHO in seen.gives & other.gives:
        return "only echoes of this size or class get lost: look at the path's MTU"
    if Gives.ICMP_ECHO in seen.gives:
        return "only ICMP gets lost"
    return "a firewall drops this port, or its queue is full"


def refused_by_itself(seen: PairNow) -> str:
    """Write what it means that the very host says that there is no way to it; empty if somebody else says so."""
    sender, says, what = seen.detail.partition(SAID)
    if seen.reason is not Reason.UNREACHABLE or not says or sender.rpartition(": ")[2] != seen.asked:
        return ""
    why = "its firewall prohibits it" if what.startswith(PROHIBITED) else "its firewall refuses it, or it passes it on"
    return f"no way there ({seen.detail}): the host is up, {why}"

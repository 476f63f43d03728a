"""What failed in the last minutes: whether it is more than chance, and how it is written.

A path that loses one packet in a hundred is healthy, and at one time in eight two of its last 60 results are losses.
So the failures are compared with the binomial distribution: they are too many if, at the share that is usual there, so
many or more occur less than once in 200 times. A share below one in a hundred counts as one in a hundred. More than
five in a hundred is no good path, however usual it is.
"""

from __future__ import annotations

import math

from collectors.target import Gives
from exporter.overview.beside import Beside
from exporter.overview.pair_now import PairNow
from exporter.wording import percent

CHANCE = 0.005
"""A loss that is less probable than this is no chance."""
LEAST, _MOST = 0.01, 0.05
"""The bounds within which the usual share of failures is believed."""
_BURSTS = 2
"""Fewer bursts are not too many: a single one is an outage, which is in the log, and no verdict mentions it."""
_OUTAGE = 5
"""So many failures in a row are an outage, which counts as one failure."""
FEW = 15
"""With fewer results, failures are written as a number, not as a percentage."""
_TOO_MUCH, _TOO_MUCH_FAR = 0.01, 0.005
"""A larger share that gets lost for hours is mentioned, however usual; the second is between datacenters."""
_NOTABLE = 0.1
"""A larger share of failures is mentioned of a pair that is well now."""


def too_many(seen: PairNow) -> bool:
    """Return whether more failed lately than usually does by chance; the longest outage counts as one failure."""
    if seen.bursts < _BURSTS:
        return False
    usual = min(max(seen.usual_loss or 0.0, LEAST), _MOST)
    return chance(*_without_outage(seen, seen.bad + seen.resent), usual) < CHANCE


def _without_outage(seen: PairNow, bad: int) -> tuple[int, int]:
    """Return how many are bad of how many results, where the longest outage counts as one."""
    repeated = min(bad, seen.longest - 1) if seen.longest >= _OUTAGE else 0
    return bad - repeated, seen.results - repeated


def of_packets(seen: PairNow) -> bool:
    """Return whether too many failed, and most of them because packets got lost."""
    return seen.lost + seen.resent >= seen.failed and too_many(seen)


def chance(bad: int, results: int, usual: float) -> float:
    """Return how probable it is that so many or more of the results are bad."""
    fewer = (math.comb(results, count) * usual**count * (1 - usual) ** (results - count) for count in range(bad))
    return max(0.0, 1.0 - sum(fewer))


def in_words(seen: PairNow) -> str:
    """Write what failed lately: 7 of the last 60 got lost, at 7 times; usually 2 %."""
    times = f"at {seen.bursts} times" if seen.bursts > 1 else "in a row"
    usual = seen.usual_loss or 0.0
    known = f"; usually {round(100 * usual)} %" if usual >= LEAST else ""
    return f"{seen.bad or seen.resent} of the last {seen.results} {_what(seen)}, {times}{known}"


def _what(seen: PairNow) -> str:
    if not seen.bad:
        return "lost their first SYN"
    first = f", and {seen.resent} lost their first SYN" if seen.resent else ""
    if not seen.failed:
        return f"got lost{first}"
    return f"failed{first}" if not seen.lost else f"failed, {seen.lost} of them without an answer{first}"


def aside(seen: PairNow) -> str:
    """Write what failed lately of a pair that is well now; empty where that explains itself."""
    if not seen.bad:
        return ""
    if seen.results < FEW:
        return f"{seen.bad} of the last {seen.results} failed: too few to judge"
    if seen.bad <= _NOTABLE * seen.results:
        return ""
    return in_words(seen) if seen.longest < _OUTAGE else f"well again; {in_words(seen)}"


def steady(seen: PairNow, beside: Beside) -> str:
    """Write how much failed for hours, where that is too much, however usual; as ``PathLossy`` has it."""
    usual = seen.steady_loss or 0.0
    if usual <= (_TOO_MUCH_FAR if beside.far else _TOO_MUCH):
        return ""
    what = "get lost" if Gives.ICMP_ECHO in seen.gives else "fail or lose their first SYN"
    return f"{100 * usual:.2g} % {what}, for hours"


def share(seen: PairNow) -> str:
    """Write the share of the latest results that failed; their number if there are few."""
    if seen.bad and seen.results < FEW:
        return f"{seen.bad} of {seen.results}"
    return percent(seen.bad, seen.results)

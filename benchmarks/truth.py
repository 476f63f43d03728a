"""What programs report of single probes, paired with the packets on the wire. By value: no clock, no socket.

A reported value belongs to a captured exchange in one of two ways: it is the n-th of its target (a histogram's
count, fping's sequence number), or it lies within the time in which it was asked for.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tests.netlab import Exchange

Seconds = float
_UNTIL_COUNTED: Seconds = 0.02
"""How long after its arrival a reply may still be missing in a program's count."""
_SURELY_WRONG_US = -2.0
"""fping prints whole microseconds."""


@dataclass(frozen=True, slots=True)
class Reported:
    """One value of one probe of a target, by its number (from 1) or by when it was asked for.

    The times are those of the question whose answer held it; of a number, only ``aligned`` needs them.
    """

    target: str
    value: Seconds
    number: int = 0
    asked: Seconds = 0.0
    answered: Seconds = 0.0


@dataclass(frozen=True, slots=True)
class Trip:
    """One probe on the wire; without a round trip where no answer came or it is not certain."""

    began: Seconds
    round_trip: Seconds | None


Wire = Mapping[str, Sequence[Trip]]
"""Target -> its trips by time."""


@dataclass(frozen=True, slots=True)
class Sums:
    """A histogram's two numbers on one page, and when that was asked for and there; both are of one moment."""

    count: int
    sum: Seconds
    asked: Seconds = 0.0
    answered: Seconds = 0.0


def wire_of(exchanges: Iterable[Exchange]) -> dict[str, list[Trip]]:
    """Return the exchanges by the address that was asked."""
    trips: dict[str, list[Trip]] = defaultdict(list)
    for exchange in exchanges:
        first = exchange.requests[0]
        trips[first.dst].append(Trip(first.time, exchange.round_trip))
    return dict(trips)


def singles(target: str, pages: Iterable[Sums]) -> Iterator[Reported]:
    """Yield the value of each probe that came alone between two pages: the difference of the sums."""
    before: Sums | None = None
    for page in pages:
        if before is not None and page.count == before.count + 1:
            yield Reported(target, page.sum - before.sum, page.count, page.asked, page.answered)
        before = page


def aligned(reported: Iterable[Reported], wire: Wire) -> Iterator[Reported]:
    """Renumber what a program counts that misses its first replies, by how many the wire saw before each page.

    Values have no say in it. A page that was asked for while a reply arrived says nothing; a target of which
    there are only such pages is left out.
    """
    by_target: dict[str, list[Reported]] = defaultdict(list)
    for report in reported:
        by_target[report.target].append(report)
    for target, reports in by_target.items():
        missed = [_missed(report, wire.get(target, ())) for report in reports]
        if known := [count for count in missed if count is not None]:
            offset = statistics.mode(known)
            yield from (replace(report, number=report.number + offset) for report in reports)


def pair(
    reported: Iterable[Reported], wire: Wire, shift: int = 0, since: Seconds = 0.0
) -> list[tuple[Reported, Seconds]]:
    """Return reported values with the wire's round trip; those that fit none or several are left out.

    So are those that began before ``since``. ``shift`` pairs numbers with a neighbour instead, to see whether that
    fits better.
    """
    pairs = []
    for report in reported:
        trips = wire.get(report.target, ())
        trip = _numbered(trips, report.number + shift) if report.number else _within(trips, report)
        if trip is not None and trip.round_trip is not None and trip.began >= since:
            pairs.append((report, trip.round_trip))
    return pairs


def errors_us(pairs: Iterable[tuple[Reported, Seconds]]) -> list[float]:
    """Return reported minus true, in microseconds."""
    return [(report.value - round_trip) * 1e6 for report, round_trip in pairs]


def impossible(errors: Iterable[float]) -> int:
    """Return how many were reported to be faster than the wire: values that are paired wrongly."""
    return sum(error < _SURELY_WRONG_US for error in errors)


def best_shift(reported: Sequence[Reported], wire: Wire) -> int:
    """Return the shift by which the pairs agree best; anything but 0 says that the numbers are out of step."""

    def disagreement(shift: int) -> float:
        errors = errors_us(pair(reported, wire, shift))
        middle = statistics.median(errors) if errors else 0.0
        return statistics.median([abs(error - middle) for error in errors]) if errors else float("inf")

    return min((0, -1, 1), key=disagreement)


def percentile(values: Iterable[float], share: float) -> float:
    """Return the smallest value that at least this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _missed(report: Reported, trips: Sequence[Trip]) -> int | None:
    """Return how many replies are not in the count; None where that is not certain."""
    arrivals = [trip.began + trip.round_trip for trip in trips if trip.round_trip is not None]
    before = sum(arrival < report.asked - _UNTIL_COUNTED for arrival in arrivals)
    return before - report.number if before == sum(arrival <= report.answered for arrival in arrivals) else None


def _numbered(trips: Sequence[Trip], number: int) -> Trip | None:
    """Return the n-th trip; None where one before it had no answer, so that the numbers are not certain."""
    if not 1 <= number <= len(trips) or any(trip.round_trip is None for trip in trips[:number]):
        return None
    return trips[number - 1]


def _within(trips: Sequence[Trip], report: Reported) -> Trip | None:
    inside = [trip for trip in trips if report.asked <= trip.began <= report.answered]
    return inside[0] if len(inside) == 1 else None

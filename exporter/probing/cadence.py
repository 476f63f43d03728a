"""When a job is due. Its dates are the middles of slots, so that jobs of one slot have equal dates despite rounding.

Plain arithmetic of seconds that neither waits nor reads a clock.
"""

from __future__ import annotations

import hashlib
import math

from collectors.terms import Seconds
from exporter.probing.jobs import Job

SLOT: Seconds = 0.1
"""What is due within one slot starts together at its end; fewer wake-ups are what makes probes cheap."""
_ROUNDING = 1e-6
"""The share of a slot by which a date may be behind the end of its slot: sums of floats are that should be at it."""
_LEAST_GAP = 0.5
"""Least gap between a job's first probes, as a share of its interval; a long timeout makes it larger."""
_AIR = 0.1
"""The share of an interval between the end of an attempt and the next one: a program that starts may be held up."""
_MOST_AIR: Seconds = 0.5
_CLOSEST = 0.98
"""The largest share that ``_LEAST_GAP`` grows to: for a timeout that is nearly the interval, gaps must still shrink."""


def slot_after(due: Seconds, slots: int = 1) -> Seconds:
    """Return the end of the slot that a date lies in, or of as many slots as one."""
    length = slots * SLOT
    return math.ceil(due / length - _ROUNDING) * length


def first_dates(source: str, job: Job, now: Seconds, lead: Seconds) -> tuple[Seconds, ...]:
    """Return when a new job is due: first within ``lead`` seconds, last in its own cadence.

    A hash of which host measures what says where in the interval the cadence lies. Dates in between keep every gap
    below the interval; each gap is long enough for an attempt to end before the next one begins.
    """
    phase = _phase(source, job)
    first = slot_after(now + phase * min(job.interval, lead), job.slots)
    cadence = slot_after(now + phase * job.interval, job.slots)
    cadence += job.interval if cadence - first < SLOT else 0  # the first round is its cadence already
    air = min(_AIR * job.interval, _MOST_AIR)
    least = min(max(_LEAST_GAP, (job.timeout + job.slots * SLOT + air) / job.interval), _CLOSEST)
    gaps = max(1, math.ceil((1 - (cadence - first) / job.interval) / (1 - least)))
    gap = (cadence + (gaps - 1) * job.interval - first) / gaps
    return tuple(slot_after(first + number * gap, job.slots) - SLOT / 2 for number in range(gaps + 1))


def without_first(dates: tuple[Seconds, ...], interval: Seconds) -> tuple[Seconds, ...]:
    """Return the dates without the first: for a job with an attempt under way, which the first date might meet."""
    return dates[1:] if len(dates) > 2 else (dates[1], dates[1] + interval)  # noqa: PLR2004 - two dates are a cadence


def _phase(source: str, job: Job) -> float:
    text = "\0".join((source, *job.identity)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest(), "big") / (1 << 48)

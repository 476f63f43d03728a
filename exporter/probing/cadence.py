"""When a job starts: the middle of slots, so that those of one slot are one group, however the sums are rounded.

Plain arithmetic of seconds that neither waits nor knows the time.
"""

from __future__ import annotations

import hashlib
import math

from collectors.terms import Seconds
from exporter.probing.jobs import Job

SLOT: Seconds = 0.1
"""What is due within one slot starts together at its end; fewer wake-ups are what makes probes cheap."""
_LEAST_GAP = 0.5
"""Of an interval that lies at least between the first probes of a job; a timeout and some air, where that is longer."""
_AIR = 0.1
_MOST_AIR: Seconds = 0.5
"""Of an interval, between the end of an attempt and the next one: a program that has just started may be held up."""
_CLOSEST = 0.98
"""Nearer than this to its interval, a timeout is no reason for still smaller steps."""


def slot_after(due: Seconds, slot: Seconds = SLOT) -> Seconds:
    """Return the end of the slot that a date lies in."""
    return math.ceil(due / slot) * slot


def first_dates(source: str, job: Job, now: Seconds, lead: Seconds) -> tuple[Seconds, ...]:
    """Return when a new job is due: first in a first round of ``lead`` seconds, last in its own cadence.

    The cadence lies anywhere within an interval, by a hash of who measures what. Of the dates between there are as
    many as it takes to keep every gap below the interval, and long enough for one attempt to end before the next.
    """
    phase = _phase(source, job)
    first = slot_after(now + phase * min(job.interval, lead), job.slot)
    cadence = slot_after(now + phase * job.interval, job.slot)
    cadence += job.interval if cadence - first < SLOT else 0  # the first round is its cadence already
    air = min(_AIR * job.interval, _MOST_AIR)
    least = min(max(_LEAST_GAP, (job.timeout + job.slot + air) / job.interval), _CLOSEST)
    gaps = max(1, math.ceil((1 - (cadence - first) / job.interval) / (1 - least)))
    gap = (cadence + (gaps - 1) * job.interval - first) / gaps
    return tuple(slot_after(first + number * gap, job.slot) - SLOT / 2 for number in range(gaps + 1))


def without_first(dates: tuple[Seconds, ...], interval: Seconds) -> tuple[Seconds, ...]:
    """Return the dates of a job that has just been started as it is: its next attempt would meet that one."""
    return dates[1:] if len(dates) > 2 else (dates[1], dates[1] + interval)  # noqa: PLR2004 - two dates are a cadence


def _phase(source: str, job: Job) -> float:
    text = "\0".join((source, *job.identity)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest(), "big") / (1 << 48)

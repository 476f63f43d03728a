"""What has been counted since counting began: plain numbers under bounded keys, which can be saved."""

from __future__ import annotations

import bisect
import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

from collectors.n8n.labels import OTHER, clean
from collectors.n8n.reading import BucketCounts, FinishedKey, NodeKey, NodeRuns
from collectors.n8n.rows import EndStatus, Unread
from collectors.terms import Seconds

BUCKETS: tuple[Seconds, ...] = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
"""Bounds of all histograms, in seconds."""
TIMED = (EndStatus.SUCCESS, EndStatus.ERROR)
"""Ends whose durations mean something: a crash is recorded long after it, and a cancel is a person's decision."""
_LONGEST: Seconds = 10 * 365 * 86_400.0
"""A run that seems to take longer has a wrong time ..."""
_CLOCKS_DIFFER: Seconds = 86_400.0
"""... and so has one that seems to end so long before it began."""
_NO_TIMES = BucketCounts((0,) * (len(BUCKETS) + 1), 0.0)
MODES = frozenset(
    "chat cli error evaluation integrated internal manual retry trigger webhook".split()  # noqa: SIM905 - a set of words
)
_OTHER_MODE = "other"
NODE_STATUSES = frozenset({"success", "error", "canceled", "crashed", "waiting", "unknown"})
_UNKNOWN = "unknown"
MAX_NODE_TYPES = 200


def with_time(histogram: BucketCounts, took: Seconds) -> BucketCounts:
    """Return a histogram with one more value. A run that seems to end before it began counts as 0: clocks differ."""
    if not -_CLOCKS_DIFFER <= took <= _LONGEST:
        return histogram
    took = max(0.0, took)
    at = bisect.bisect_left(BUCKETS, took)
    counts = (*histogram.counts[:at], histogram.counts[at] + 1, *histogram.counts[at + 1 :])
    return BucketCounts(counts, histogram.total + took)


def known_mode(mode: str) -> str:
    """Return one of n8n's modes, or ``other``."""
    return mode if mode in MODES else _OTHER_MODE


@dataclasses.dataclass(slots=True)
class Tallies:
    """Counters and histograms; the ledger decides what is counted."""

    max_node_series: int
    finished: dict[FinishedKey, int] = dataclasses.field(default_factory=dict)
    durations: dict[tuple[str, EndStatus], BucketCounts] = dataclasses.field(default_factory=dict)
    queue: BucketCounts = _NO_TIMES
    node_runs: dict[NodeKey, NodeRuns] = dataclasses.field(default_factory=dict)
    node_types: dict[str, BucketCounts] = dataclasses.field(default_factory=dict)
    node_data_unread: dict[Unread, int] = dataclasses.field(default_factory=dict)
    vanished: int = 0
    resets: int = 0
    overflow: int = 0

    def stand_at_zero(self, workflow: str, mode: str) -> None:
        """Let the series of a workflow and mode be there before anything is counted in them."""
        mode = known_mode(mode)
        for status in EndStatus:
            self.finished.setdefault(FinishedKey(workflow, mode, status), 0)
        for timed in TIMED:
            self.durations.setdefault((workflow, timed), _NO_TIMES)

    def ended(self, workflow: str, mode: str, status: EndStatus, took: Seconds | None) -> None:
        """Count an execution that has ended."""
        self.stand_at_zero(workflow, mode)
        self.finished[FinishedKey(workflow, known_mode(mode), status)] += 1
        self.overflow += workflow == OTHER
        if took is not None and status in TIMED:
            self.durations[workflow, status] = with_time(self.durations[workflow, status], took)

    def queued(self, took: Seconds) -> None:
        """Count how long an execution waited for its start."""
        self.queue = with_time(self.queue, took)

    def node_ran(self, workflow: str, node: str, node_type: str, status: str, took: Seconds) -> None:
        """Count one run of a node."""
        known = status if status in NODE_STATUSES else _UNKNOWN
        wanted = NodeKey(workflow, clean(node), clean(node_type), known)
        fits = wanted in self.node_runs or len(self.node_runs) < self.max_node_series
        key = wanted if fits else NodeKey(OTHER, OTHER, OTHER, known)
        self.overflow += not fits
        before = self.node_runs.get(key, NodeRuns())
        self.node_runs[key] = NodeRuns(before.runs + 1, before.took + took)
        types = self.node_types
        name = wanted.node_type if wanted.node_type in types or len(types) < MAX_NODE_TYPES else OTHER
        types[name] = with_time(types.get(name, _NO_TIMES), took)

    def unread(self, why: Unread) -> None:
        """Count an execution whose nodes are not counted."""
        self.node_data_unread[why] = self.node_data_unread.get(why, 0) + 1

    def unread_at_zero(self) -> None:
        """Let the counts of executions whose nodes are not counted be there before there are any."""
        for why in Unread:
            self.node_data_unread.setdefault(why, 0)

    def saved(self) -> dict[str, Any]:
        """Return all counts as values that JSON can hold."""
        return {
            "finished": _listed(self.finished),
            "durations": _listed(self.durations),
            "queue": self.queue,
            "node_runs": _listed(self.node_runs),
            "node_types": _listed({(name,): times for name, times in self.node_types.items()}),
            "node_data_unread": dict(self.node_data_unread),
            "vanished": self.vanished,
            "resets": self.resets,
            "overflow": self.overflow,
        }

    @classmethod
    def restored(cls, max_node_series: int, saved: Mapping[str, Any]) -> Tallies:
        """Return what was saved; KeyError, TypeError or ValueError if it was not saved by this version."""
        return cls(
            max_node_series=max_node_series,
            finished={FinishedKey(str(w), str(m), EndStatus(s)): int(n) for (w, m, s), n in saved["finished"]},
            durations={(str(w), EndStatus(s)): _histogram(times) for (w, s), times in saved["durations"]},
            queue=_histogram(saved["queue"]),
            node_runs={NodeKey(*map(str, key)): NodeRuns(int(n), _total(s)) for key, (n, s) in saved["node_runs"]},
            node_types={str(name): _histogram(times) for (name,), times in saved["node_types"]},
            node_data_unread={Unread(why): int(number) for why, number in saved["node_data_unread"].items()},
            vanished=int(saved["vanished"]),
            resets=int(saved["resets"]),
            overflow=int(saved["overflow"]),
        )


def _listed(by_key: Mapping[Any, Any]) -> list[Any]:
    return [[list(key), value] for key, value in by_key.items()]


def _histogram(saved: Iterable[Any]) -> BucketCounts:
    counts, total = saved
    if len(counts) != len(BUCKETS) + 1:
        raise ValueError
    return BucketCounts(tuple(map(int, counts)), _total(total))


def _total(saved: float) -> Seconds:
    total = float(saved)
    if not 0 <= total < math.inf:
        raise ValueError
    return total

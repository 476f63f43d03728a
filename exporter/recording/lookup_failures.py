"""How often a refresh of a target's cached address failed."""

from __future__ import annotations

from collections.abc import Iterable

from exporter.clock import wall_clock
from exporter.recording.exposition import Exposition
from exporter.recording.metrics import lookup_families


class LookupFailures:
    """The counts of all targets whose address is refreshed."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._created: dict[str, float] = {}
        """Since when each is counted, in seconds since the epoch."""
        self.watch(())

    def watch(self, targets: Iterable[str]) -> None:
        """Count these targets' failures and no others'; a new one begins with 0."""
        now = wall_clock()
        self._counts = {target: self._counts.get(target, 0) for target in targets}
        self._created = {target: self._created.get(target, now) for target in self._counts}
        self.page = Exposition(lookup_families(self._counts))
        for target, created in self._created.items():
            self.page.add(target, (("target", target),), target, created)

    def failed(self, target: str) -> None:
        """Count a failure; one of a target that a reload has just taken away is dropped."""
        if target in self._counts:
            self._counts[target] += 1

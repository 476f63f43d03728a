"""The requests of our ``/ping``: how many each host of the fleet sent, and when it sent the last one."""

from __future__ import annotations

from collections.abc import Iterable

from collectors.terms import Seconds
from exporter.clock import wall_clock
from exporter.fleet import STRANGER, Host, host_header
from exporter.recording.exposition import Exposition
from exporter.recording.metrics import PEER_LABELS, host_labels, ping_families

_STRANGER = (STRANGER, "", "", "")
"""The labels of a sender that is no host of the fleet."""


class Pings:
    """The requests of each host of the fleet, and of all others together."""

    def __init__(self) -> None:
        self._labels: dict[str, tuple[str, ...]] = {}
        """The labels of each host, by the header that it sends."""
        self._counts: dict[tuple[str, ...], int] = {}
        self._created: dict[tuple[str, ...], float] = {}
        """Since when each is counted, in seconds since the epoch."""
        self._last: dict[str, Seconds] = {}
        """When each host asked last, by its name and the monotonic clock."""
        self.configure(())

    def configure(self, hosts: Iterable[Host]) -> None:
        """Count these hosts by name; what was counted of one that stays goes on."""
        self._labels = {host_header(host.name): host_labels(host) for host in hosts} | {"": _STRANGER}
        self._counts = {labels: self._counts.get(labels, 0) for labels in self._labels.values()}
        now = wall_clock()
        self._created = {labels: self._created.get(labels, now) for labels in self._counts}
        names = {name for name, *_ in self._counts}
        self._last = {name: last for name, last in self._last.items() if name in names}
        self.page = Exposition(ping_families(self._counts))
        for labels, created in self._created.items():
            self.page.add(labels, tuple(zip(PEER_LABELS, labels, strict=True)), labels, created)

    def received(self, sender: str | None, now: Seconds) -> None:
        """Count a request, by the header in which its sender names itself."""
        labels = self._labels.get(sender or "", _STRANGER)
        self._counts[labels] += 1
        if labels is not _STRANGER:
            self._last[labels[0]] = now

    def ago(self, now: Seconds) -> dict[str, Seconds]:
        """Return how long ago each host asked, as far as it did."""
        return {name: now - last for name, last in self._last.items()}

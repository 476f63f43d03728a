"""The recent condition of this host itself: what makes its other numbers doubtful, and who asked its ``/ping``."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Mapping

from collectors.terms import Seconds
from exporter.clock import wall_clock
from exporter.fleet import Host, maintenance_in_words
from exporter.recording.history import Lately

LONG_QUEUE: Seconds = 0.01
"""An egress queue of ours that is longer is called full."""
_QUEUE_STANDS: Seconds = 60.0
"""How long a full egress queue is assumed to stand after it was last measured: the next echo may be far off."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OwnHealth:
    """This host's own condition over the last minute; what was not measured is None."""

    host: str = ""
    """Its name in the fleet file."""
    datacenter: str = ""
    sampled: frozenset[str] = frozenset()
    """The datacenters of which it probes a sample of the hosts."""
    maintenance: str | None = None
    """When its own ends, in words: empty without an end, None while there is none."""
    egress_queue: Seconds | None = None
    """The longest time that an echo request waited in our own transmit queue."""
    lateness: Seconds | None = None
    """How late the latest of the probes was started."""
    skipped: int = 0
    """Probes that were left out."""
    overflows: int = 0
    """Packets that our own receive buffer had no room for."""
    no_icmp: str = ""
    """Why a family of ICMP that is used has no socket."""
    not_reloaded: str = ""
    """What was wrong with the fleet file when it was last read."""
    hosts_missing: str = ""
    """Why not all hosts may be known that should be found."""
    asked_by: Mapping[str, Seconds] = dataclasses.field(default_factory=dict)
    """How long ago hosts of the fleet asked our ``/ping``, as far as they did."""

    @property
    def full_queue(self) -> Seconds:
        """How long our own queue is if it is full, else 0."""
        queue = self.egress_queue or 0.0
        return queue if queue > LONG_QUEUE else 0.0


class RecentHealth:
    """What was noticed of our own measuring in the last minute; its times are by the monotonic clock."""

    def __init__(self) -> None:
        self._queue, self._lateness = Lately(), Lately()
        self._skipped, self._overflows = Lately(operator.add), Lately(operator.add)
        self.queue_stands_until: Seconds = 0.0
        """Until then our own queue is in what is measured, and that is not learnt as usual."""
        self.not_reloaded = ""
        """What was wrong with the fleet file when it was last read; empty if nothing was."""
        self.hosts_missing: Callable[[], str] = str
        """Returns why not all hosts may be known; empty if all are."""
        self._host = self._datacenter = ""
        self._sampled: frozenset[str] = frozenset()
        self._maintenance: Seconds | None = None

    def configure(self, host: Host, sampled: frozenset[str] = frozenset()) -> None:
        """Record which host this is; ``sampled`` as OwnHealth has it."""
        self._sampled = sampled
        self._host, self._datacenter, self._maintenance = host.name, host.datacenter, host.maintenance

    def queued(self, waited: Seconds, now: Seconds) -> None:
        """Record how long an echo request waited in the transmit queue."""
        self._queue.add(waited, now)
        if waited > LONG_QUEUE:
            self.queue_stands_until = now + _QUEUE_STANDS

    def started_late(self, lateness: Seconds, now: Seconds) -> None:
        """Record how long after its slot a probe was started."""
        self._lateness.add(lateness, now)

    def skipped(self, probes: int, now: Seconds) -> None:
        """Record how many probes were left out."""
        self._skipped.add(probes, now)

    def overflowed(self, packets: int, now: Seconds) -> None:
        """Record how many packets the receive buffer had no room for."""
        self._overflows.add(packets, now)

    def read(self, now: Seconds, *, no_icmp: str, asked_by: Mapping[str, Seconds]) -> OwnHealth:
        """Return the health of the last minute; ``no_icmp`` and ``asked_by`` come from the caller."""
        return OwnHealth(
            host=self._host,
            datacenter=self._datacenter,
            sampled=self._sampled,
            maintenance=maintenance_in_words(self._maintenance, wall_clock()),
            egress_queue=self._queue.read(now),
            lateness=self._lateness.read(now),
            skipped=int(self._skipped.read(now) or 0),
            overflows=int(self._overflows.read(now) or 0),
            no_icmp=no_icmp,
            not_reloaded=self.not_reloaded,
            hosts_missing=self.hosts_missing(),
            asked_by=asked_by,
        )

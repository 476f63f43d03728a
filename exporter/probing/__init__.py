"""When each pair is probed, at which address, by which collector.

``Scheduler`` starts what is due; ``Addresses`` caches what names lead to, by jobs of a scheduler: ``refreshes``.
``collectors`` is the list of what can be measured; ``single`` probes once, because a person asked.
"""

from exporter.probing import collectors, single
from exporter.probing.addresses import Addresses, Move
from exporter.probing.refresh_jobs import NameAndFamily, refreshes
from exporter.probing.scheduler import Scheduler
from exporter.probing.single import ProbeResult

__all__ = ["Addresses", "Move", "NameAndFamily", "ProbeResult", "Scheduler", "collectors", "refreshes", "single"]

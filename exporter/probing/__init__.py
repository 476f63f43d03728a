"""When each pair is probed, at which address, by which collector.

``Scheduler`` starts what is due; ``Addresses`` are what names lead to, filled by a scheduler of ``refreshes``.
``collectors`` is the list of what can be measured, ``single`` one probe because a person asked.
"""

from exporter.probing import collectors, single
from exporter.probing.addresses import Addresses, Move
from exporter.probing.refresh_jobs import NameAndFamily, refreshes
from exporter.probing.scheduler import Scheduler
from exporter.probing.single import ProbeResult

__all__ = ["Addresses", "Move", "NameAndFamily", "ProbeResult", "Scheduler", "collectors", "refreshes", "single"]

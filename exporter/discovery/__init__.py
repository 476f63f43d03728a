"""The lists of ``hosts_from``: asked for again and again, however those behave that have them.

an entry of the fleet file -> Source -> the hosts that it lists | NoList
-> Discovery, which keeps asking, and hands over what has changed
"""

from exporter.discovery.asking import Answers, Run, known_or_asked, with_hosts_from
from exporter.discovery.following import Counts, Discovery
from exporter.discovery.no_list import NoList

__all__ = ["Answers", "Counts", "Discovery", "NoList", "Run", "known_or_asked", "with_hosts_from"]

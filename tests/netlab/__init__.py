"""Test hosts: network namespaces joined by paths of a known delay, loss and truth, and a capture of both.

This kernel has no netem; a TUN device with a user-space delay box is exact to 0.1 ms and, unlike
netem, can tell what it dropped and when each packet really passed. See ``Lab``. Needs root: mark tests
with ``requires_root``.
"""

from .cable import Cable, Veth
from .capture import Capture
from .delaybox.line import Fate, Settings
from .delaybox.packets import Flow, Packet
from .firewall import Rule
from .host import Host
from .lab import Lab
from .link import Link
from .namespaces import Namespace, leftovers, sweep
from .pairing import Exchange, pair_echoes, pair_handshakes, pair_requests, round_trips
from .programs import Program
from .requirements import missing, requires_root
from .shell import CommandFailed, wait_until
from .traffic import Passage, Tally, Traffic

__all__ = [
    "Cable",
    "Capture",
    "CommandFailed",
    "Exchange",
    "Fate",
    "Flow",
    "Host",
    "Lab",
    "Link",
    "Namespace",
    "Packet",
    "Passage",
    "Program",
    "Rule",
    "Settings",
    "Tally",
    "Traffic",
    "Veth",
    "leftovers",
    "missing",
    "pair_echoes",
    "pair_handshakes",
    "pair_requests",
    "requires_root",
    "round_trips",
    "sweep",
    "wait_until",
]

"""Test hosts: network namespaces joined by paths of a known delay, loss and truth, and a capture of both.

This kernel has no netem; a TUN device with a user-space delay box is exact to 0.1 ms and, unlike
netem, can tell what it dropped and when each packet really passed. See ``Lab``. Needs root: mark tests
with ``requires_root``.
"""

from tests.netlab.cable import Cable, Veth
from tests.netlab.capture import Capture
from tests.netlab.delaybox.line import Fate, Settings
from tests.netlab.delaybox.packets import Flow, Packet
from tests.netlab.firewall import Rule
from tests.netlab.host import Host
from tests.netlab.lab import Lab
from tests.netlab.link import Link
from tests.netlab.namespaces import Namespace, leftovers, sweep
from tests.netlab.pairing import Exchange, pair_echoes, pair_handshakes, pair_requests, round_trips
from tests.netlab.programs import Program
from tests.netlab.requirements import missing, requires_root
from tests.netlab.shell import CommandFailed, wait_until
from tests.netlab.traffic import Passage, Tally, Traffic

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

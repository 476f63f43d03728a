"""How many echo requests may leave in one burst: what an uplink of 100 Mbit/s and the receive buffer bear.

On the wire a burst takes 2.5 ms of such an uplink at most, so nothing that leaves after it waits longer. And if all its
answers come while nobody reads, they fill half of the buffer at most; the transmit stamps, which share the buffer, are
read with each batch that is sent.
"""

from __future__ import annotations

import functools

from collectors.icmp.echo import HEADER_BYTES
from collectors.terms import IpFamily, Seconds

_UPLINK = 100e6 / 8
"""Bytes a second."""
_BUSY: Seconds = 0.0025
"""How long a burst may keep the uplink busy: 256 requests of 56 bytes over IPv4."""
_IP_HEADER = {IpFamily.IPV4: 20, IpFamily.IPV6: 40}
_ETHERNET = 38
"""Bytes around a packet: preamble, header, check sequence and the gap behind it (IEEE 802.3)."""
_MTU = 1500
OVERHEAD = 1024
"""Bytes of the receive buffer that a packet takes beside its own (struct sk_buff and what it points to)."""


@functools.cache
def share(ip_family: IpFamily, payload_bytes: int, receive_buffer: int) -> float:
    """Return which share of a burst an echo request is, by whichever of the two bears less; 1 if none bears one."""
    echo, header = HEADER_BYTES + payload_bytes, _IP_HEADER[ip_family]
    packets = -(-echo // (_MTU - header))
    on_the_wire = echo + packets * (header + _ETHERNET)
    buffered = echo + packets * (header + OVERHEAD)
    return min(max(on_the_wire / (_UPLINK * _BUSY), buffered / (receive_buffer / 2)), 1.0)

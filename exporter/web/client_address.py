"""Which address a client counts for."""

from __future__ import annotations

import ipaddress


def address_of(peer: object) -> str:
    """Return the address that a peer name of a socket counts for; "" where peers have none (Unix sockets)."""
    if not isinstance(peer, tuple):
        return ""
    address = ipaddress.ip_address(peer[0].partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))

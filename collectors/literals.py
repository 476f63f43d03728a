"""Addresses that are written as addresses: their family, whose they can be, and how they stand before a port."""

from __future__ import annotations

import functools
import ipaddress

from collectors.terms import IpFamily


@functools.lru_cache(maxsize=4096)  # asked for each probe, and by the doctor for every pair of the fleet
def literal_family(address: str) -> IpFamily | None:
    """Return the family of a literal address; None for a name."""
    try:
        return IpFamily(f"ipv{ipaddress.ip_address(address).version}")
    except ValueError:
        return None


def bracketed(host: str) -> str:
    """Write a host as it stands before a port: an IPv6 address in brackets (RFC 3986, section 3.2.2)."""
    return f"[{host}]" if ":" in host else host


_NO_HOSTS = tuple(
    (ipaddress.ip_network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", "it stands for this machine"),  # RFC 1122, 3.2.1.3
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("240.0.0.0/4", "reserved"),  # RFC 1112, 4
        ("::/128", "it stands for this machine"),  # RFC 4291, 2.5.2
        ("ff00::/8", "multicast"),
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Behind which a resolver that translates puts an IPv4 address (RFC 6052, 2.1), also one that no host has."""


@functools.lru_cache(maxsize=4096)
def never_a_host(address: str) -> str | None:
    """Return the kind of a literal address that no other host can have; None: a host can, or it is a name.

    Such an address is never probed: what answers at 0.0.0.0 is this machine, in microseconds.
    """
    if literal_family(address) is None:
        return None
    literal = _meant(address)
    return next((kind for network, kind in _NO_HOSTS if literal in network), None)


@functools.lru_cache(maxsize=4096)
def is_loopback(address: str) -> bool:
    """Return whether a literal address leads to this machine itself, whichever it is."""
    return _meant(address).is_loopback


@functools.lru_cache(maxsize=4096)
def travels_by(address: str) -> IpFamily:
    """Return the family of the packets to a literal address: one of IPv4 in the form of IPv6 is reached by IPv4."""
    literal = ipaddress.ip_address(address)
    return IpFamily.IPV4 if getattr(literal, "ipv4_mapped", None) else IpFamily(f"ipv{literal.version}")


@functools.lru_cache(maxsize=4096)
def is_of_some_link(address: str) -> bool:
    """Return whether a literal address is valid on one link alone (RFC 4291, 2.5.6), and no zone says on which."""
    literal = ipaddress.ip_address(address)
    return isinstance(literal, ipaddress.IPv6Address) and literal.is_link_local and literal.scope_id is None


def _meant(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return a literal address, without a zone, or the IPv4 address that stands in it."""
    literal = ipaddress.ip_address(address.partition("%")[0])
    if literal.version == 4:  # noqa: PLR2004 - IPv4
        return literal
    nat64 = ipaddress.ip_address(literal.packed[-4:]) if literal in _NAT64 else None
    return literal.ipv4_mapped or nat64 or literal

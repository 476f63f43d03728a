"""What this host's routing tables say of it: whether it has a network at all, and whether an address is its own.

The first is read from /proc/net (proc_net(5)). A route is missing for two reasons: the address is of no network
that this host knows, or the host's own link has gone, and all routes with it. The second is nobody else's fault.
"""

from __future__ import annotations

import errno
import socket
import struct
from itertools import islice

from collectors.terms import IpFamily

_UP, _REJECT, _ANYCAST, _LOCAL = 0x1, 0x200, 0x100000, 0x80000000
"""RTF_* of include/uapi/linux/route.h and ipv6_route.h."""
_NOWHERE = {"lo", "*", "Iface"}
"""Interfaces: this host itself; none, as of a blackhole; the table's head."""
_LINK_LOCAL, _MULTICAST = "fe80", "ff"
_NETLINK_ROUTE, _NLM_F_REQUEST, _NLMSG_ERROR, _RTM_NEWROUTE, _RTM_GETROUTE, _RTA_DST, _RTN_LOCAL = 0, 1, 2, 24, 26, 1, 2
"""linux/netlink.h and rtnetlink.h."""
_NLMSGHDR, _RTMSG, _RTATTR = struct.Struct("=IHHII"), struct.Struct("=BBBBBBBBI"), struct.Struct("=HH")
_TYPE_AT = _NLMSGHDR.size + 7
"""Of struct rtmsg: rtm_type."""
_ANSWER_ROOM = 4096
_ENOUGH = 1_000
"""Routes that are looked at: 1 ms of the event loop, where a million would take more than a second of it."""


def has_network(ip_family: IpFamily) -> bool:
    """Return whether any route of a family leads out of this host; true where that cannot be read, or has no end."""
    table = "route" if ip_family is IpFamily.IPV4 else "ipv6_route"
    try:
        with open(f"/proc/thread-self/net/{table}") as lines:  # noqa: PTH123 - a line at a time: there may be a million
            several = (_leads_out(ip_family, line.split()) for line in islice(lines, _ENOUGH))
            return any(several) or next(lines, "") != ""
    except OSError:
        return True


def _leads_out(ip_family: IpFamily, fields: list[str]) -> bool:
    if ip_family is IpFamily.IPV4:
        interface, written, is_another_hosts = fields[0], fields[3], True
    else:
        destination, written, interface = fields[0], fields[8], fields[9]
        is_another_hosts = not destination.startswith((_LINK_LOCAL, _MULTICAST))
    if interface in _NOWHERE or not is_another_hosts:
        return False
    flags = int(written, 16)
    return flags & (_UP | _REJECT) == _UP and not flags & (_ANYCAST | _LOCAL)


def is_ours(ip_family: IpFamily, address: str) -> bool:
    """Return whether this host has an address, now."""
    with socket.socket(ip_family.address_family, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind((address, 0))
        except OSError:
            return False
    return is_ours_if_bound(ip_family, address)


def is_ours_if_bound(ip_family: IpFamily, address: str) -> bool:
    """Return whether an address that a socket could be bound to is this host's; true where that cannot be read.

    Where net.ipv4.ip_nonlocal_bind is set, as keepalived needs it, any can be bound to; the route to it decides.
    """
    try:
        answer = _route_to(ip_family.address_family, address)
    except OSError:
        return True
    kind = _NLMSGHDR.unpack_from(answer)[1]
    if kind == _NLMSG_ERROR:
        number: int = struct.unpack_from("=i", answer, _NLMSGHDR.size)[0]
        return -number == errno.EOPNOTSUPP
    return bool(kind != _RTM_NEWROUTE or answer[_TYPE_AT] == _RTN_LOCAL)


def _route_to(family: int, address: str) -> bytes:
    """Return the kernel's route to an address, as a message of rtnetlink(7); it comes at once."""
    packed = socket.inet_pton(family, address.partition("%")[0])
    length = _NLMSGHDR.size + _RTMSG.size + _RTATTR.size + len(packed)
    request = _NLMSGHDR.pack(length, _RTM_GETROUTE, _NLM_F_REQUEST, 1, 0)
    request += _RTMSG.pack(family, 8 * len(packed), 0, 0, 0, 0, 0, 0, 0)
    request += _RTATTR.pack(_RTATTR.size + len(packed), _RTA_DST) + packed
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _NETLINK_ROUTE) as sock:
        sock.send(request)
        return sock.recv(_ANSWER_ROOM)

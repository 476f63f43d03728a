"""Whether this host has a network at all: what its routing tables say, as /proc/net shows them (proc_net(5)).

A route is missing for two reasons: the address is of no network that this host knows, or its own link has gone, and all
routes with it. The second is nobody else's fault.
"""

from __future__ import annotations

from collectors.contract import IpFamily

_UP, _REJECT, _ANYCAST, _LOCAL = 0x1, 0x200, 0x100000, 0x80000000
"""RTF_* of include/uapi/linux/route.h and ipv6_route.h."""
_LINK_LOCAL, _MULTICAST = "fe80", "ff"


def has_network(ip_family: IpFamily) -> bool:
    """Tell whether any route of a family leads out of this host; so it is where nobody knows."""
    table = "route" if ip_family is IpFamily.IPV4 else "ipv6_route"
    try:
        with open(f"/proc/thread-self/net/{table}") as lines:  # noqa: PTH123 - a line at a time: there may be a million
            return any(_leads_out(ip_family, line.split()) for line in lines)
    except OSError:
        return True


def _leads_out(ip_family: IpFamily, fields: list[str]) -> bool:
    if ip_family is IpFamily.IPV4:
        interface, written, is_another_hosts = fields[0], fields[3], True
    else:
        destination, written, interface = fields[0], fields[8], fields[9]
        is_another_hosts = not destination.startswith((_LINK_LOCAL, _MULTICAST))
    if interface in {"lo", "Iface"} or not is_another_hosts:
        return False
    flags = int(written, 16)
    return flags & (_UP | _REJECT) == _UP and not flags & (_ANYCAST | _LOCAL)

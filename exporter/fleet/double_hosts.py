"""Finds targets that are this very machine under another host's name: what is measured there never leaves it.

As a rule the program was started with the name of another host, whose numbers it then gives to Prometheus.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from collectors.literals import literal_family
from collectors.routes import is_ours
from collectors.terms import IpFamily
from exporter.fleet.fleet import Fleet
from exporter.fleet.schema import Host

AddressList = Sequence[tuple[IpFamily, str]]
AddressesOf = Callable[[str], AddressList]
"""Returns the addresses of a name, as far as it was looked up."""


def _none(_name: str) -> AddressList:
    return ()


def double_host_warning(fleet: Fleet, me: Host, addresses_of: AddressesOf = _none) -> str:
    """Return a sentence about the first double host, and how many more there are; empty if there are none."""
    ours = list(_double_hosts(fleet, me, addresses_of))
    if not ours:
        return ""
    index, host, address = ours[0]
    others = len(ours) - 1
    more = f" (so {'is' if others == 1 else 'are'} {others} more)" if others else ""
    what = address if address == host.address else f"{host.address}, which is {address} here,"
    message = (
        f"{what} is this machine's own address, while it is called {me.name!r} here, so that {host.name!r} is "
        f"no other host: if this is {host.name!r}, start it with --host={host.name}{more}"
    )
    return str(fleet.problem(("hosts", index, "address"), message))


def _double_hosts(fleet: Fleet, me: Host, addresses_of: AddressesOf) -> Iterator[tuple[int, Host, str]]:
    for index, host in enumerate(fleet.hosts):
        literal = literal_family(host.address)
        addresses = [(literal, host.address)] if literal else addresses_of(host.address)
        own = next((address for family, address in addresses if is_ours(family, address)), None)
        if own and host.name != me.name:
            yield index, host, own

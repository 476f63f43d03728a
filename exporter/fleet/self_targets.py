"""Finds targets that are this very machine under another host's name: what is measured there is a loop.

As a rule the program was started with the name of another host, whose numbers it then delivers to Prometheus.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from collectors.literals import literal_family
from collectors.routes import is_ours
from collectors.terms import IpFamily
from exporter.fleet import Fleet, Host

Addresses = Sequence[tuple[IpFamily, str]]
Known = Callable[[str], Addresses]


def _nothing(_name: str) -> Addresses:
    return ()


def warning(fleet: Fleet, me: Host, known: Known = _nothing) -> str:
    """Return a sentence about the first double, and how many more there are; nothing if there are none.

    ``known`` are the addresses of a name, as far as it was looked up.
    """
    found = list(_doubles(fleet, me, known))
    if not found:
        return ""
    index, host, address = found[0]
    more = f" (so is {len(found) - 1} more)" if len(found) > 1 else ""
    what = address if address == host.address else f"{host.address}, which is {address} here,"
    message = (
        f"{what} is this machine's own address, while it is called {me.name!r} here, so that {host.name!r} is "
        f"no other host: if this is {host.name!r}, start it with --host={host.name}{more}"
    )
    return str(fleet.problem(("hosts", index, "address"), message))


def _doubles(fleet: Fleet, me: Host, known: Known) -> Iterator[tuple[int, Host, str]]:
    for index, host in enumerate(fleet.hosts):
        literal = literal_family(host.address)
        addresses = [(literal, host.address)] if literal else known(host.address)
        own = next((address for family, address in addresses if is_ours(family, address)), None)
        if own and host.name != me.name:
            yield index, host, own

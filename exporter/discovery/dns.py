"""A name whose addresses are the hosts, as a headless service of Kubernetes has it: one for each pod."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from collectors.contract import ProbeFailed
from collectors.terms import Seconds
from collectors.transport import resolver
from exporter.discovery.no_list import NoList
from exporter.fleet import MAX_HOSTS, Dns
from exporter.wording import some

_DEADLINE: Seconds = 10.0
"""For all look-ups."""
_AT_ONCE = 20
"""Look-ups under way: a name server is nobody's to flood."""


class HostNames:
    """The addresses of a name, and the name of each; that is looked up once, as long as the address is listed."""

    def __init__(self, settings: Dns, nameservers: Sequence[str] = ()) -> None:
        """``nameservers`` (``HOST:PORT``) replace the system's."""
        self._settings, self._nameservers = settings, nameservers
        self._names: dict[str, str] = {}

    async def groups(self) -> list[dict[str, object]]:
        """Return the hosts as target groups; raises NoList."""
        settings = self._settings
        try:
            async with asyncio.timeout(_DEADLINE):  # noqa: TID251 - of the list, not of a probe
                addresses = await resolver.addresses(settings.name, settings.ip_family, self._nameservers)
                if len(addresses) > MAX_HOSTS:
                    raise NoList(f"it has {len(addresses):,} addresses, more than {MAX_HOSTS:,}")
                if settings.host_names == "reverse":
                    await self._name(addresses)
        except ProbeFailed as failed:
            raise NoList(failed.detail) from failed
        except TimeoutError:
            raise NoList(f"the name servers have not answered within {_DEADLINE:g} s") from None
        return [
            {"targets": [f"[{address}]"], "labels": {"name": self._names.get(address, address)}}
            for address in addresses
        ]

    async def _name(self, addresses: Sequence[str]) -> None:
        listed = set(addresses)
        self._names = {address: name for address, name in self._names.items() if address in listed}
        under_way, nameless = asyncio.Semaphore(_AT_ONCE), dict[str, str]()

        async def look_up(address: str) -> None:
            async with under_way:
                try:
                    self._names[address] = await resolver.name_of(address, self._nameservers)
                except ProbeFailed as failed:
                    nameless[address] = failed.detail

        async with asyncio.TaskGroup() as group:
            for address in addresses:
                if address not in self._names:
                    group.create_task(look_up(address))
        if nameless:
            why = next(iter(nameless.values()))
            raise NoList(f"no reverse name of {some(sorted(nameless))} ({why}); add it, or write host_names: address")

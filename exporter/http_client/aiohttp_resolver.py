"""Names for aiohttp, by the same look-ups as all else here: never on threads, whose end Python would wait for."""

from __future__ import annotations

import asyncio
import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from collectors.contract import ProbeFailed
from collectors.terms import IpFamily
from collectors.transport import resolver

_FAMILIES = {
    socket.AF_INET: (IpFamily.IPV4,),
    socket.AF_INET6: (IpFamily.IPV6,),
    socket.AF_UNSPEC: (IpFamily.IPV4, IpFamily.IPV6),
}


async def addresses(name: str, families: tuple[IpFamily, ...] = tuple(IpFamily)) -> dict[IpFamily, tuple[str, ...]]:
    """Return a name's addresses by family, without families that it has none of; ProbeFailed(DNS) if there is none."""
    async with asyncio.TaskGroup() as group:
        tasks = {family: group.create_task(_of_family(name, family)) for family in families}
    results = {family: task.result() for family, task in tasks.items()}
    known = {family: result for family, result in results.items() if isinstance(result, tuple)}
    if not known:
        raise next(result for result in results.values() if isinstance(result, ProbeFailed))
    return known


async def _of_family(name: str, family: IpFamily) -> tuple[str, ...] | ProbeFailed:
    try:
        return await resolver.addresses(name, family)
    except ProbeFailed as failed:
        return failed


class Resolver(AbstractResolver):
    """Resolves for aiohttp's connector."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return all addresses; raises OSError with the words of the failed look-up."""
        try:
            known = await addresses(host, _FAMILIES[family])
        except ProbeFailed as failed:
            raise OSError(None, failed.detail) from failed
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=of.address_family,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for of, several in known.items()
            for address in several
        ]

    async def close(self) -> None:
        """Do nothing: nothing is kept."""

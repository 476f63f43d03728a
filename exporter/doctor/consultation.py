"""All servers and public names asked at once, until one deadline: a hanging one costs that, and delays nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from aiohttp import ClientSession

from collectors.contract import ProbeFailed, Reason, Seconds
from collectors.trust import Contexts, OwnCertificate
from exporter.doctor import answers, certificates
from exporter.doctor.client import Client, session
from exporter.doctor.outcome import Answer, Look, NameSeen, Outcome, Seen, Told, Trouble, answered
from exporter.doctor.resolver import addresses
from exporter.doctor.servers import HEALTH_LIMIT, KINDS, Question
from exporter.doctor.stack import Asked

HTTPS = 443
"""Where a public name is served."""


class PublicName(NamedTuple):
    """A name that should lead to a host of the fleet."""

    name: str
    host: str
    address: str
    """The host's own, a name or a literal address."""
    ca_file: str | None = None
    """Of the server of the stack that has this name; else the system's authorities count."""
    own_certificate: OwnCertificate | None = None
    """Likewise."""
    port: int = HTTPS


class Consulted(NamedTuple):
    """What everybody said."""

    servers: tuple[Seen, ...]
    names: tuple[NameSeen, ...]


class Waiting:
    """Told of each who is asked and has done; it shows nothing."""

    def asked(self, name: str) -> None:
        """Somebody was asked."""

    def done(self, name: str) -> None:
        """He has said all that he will say."""


async def consult(
    servers: Sequence[Asked], names: Sequence[PublicName], patience: Seconds, waiting: Waiting
) -> Consulted:
    """Ask everybody, for ``patience`` at most."""
    contexts = Contexts()
    trusts = {(server.ca_file, server.own_certificate) for server in servers if server.tls}
    for trust in trusts | {(name.ca_file, name.own_certificate) for name in names}:
        contexts.get(*trust, verify=True)  # before the time begins: the system's authorities take 55 ms to load
    deadline = asyncio.get_running_loop().time() + patience
    async with session() as shared, asyncio.TaskGroup() as group:
        visits = [group.create_task(_Visit(shared, server, contexts, deadline).made(waiting)) for server in servers]
        looks = [group.create_task(_look_at(name, contexts, deadline, waiting)) for name in names]
    return Consulted(tuple(visit.result() for visit in visits), tuple(look.result() for look in looks))


class _Visit:
    """One server: first how it is, alone, so that the time it takes is its own; then all that it knows, at once."""

    def __init__(self, shared: ClientSession, asked: Asked, contexts: Contexts, deadline: Seconds) -> None:
        self._asked, self._deadline, self._kind = asked, deadline, KINDS[asked.name]
        self._trust = contexts.get(asked.ca_file, asked.own_certificate, verify=True) if asked.tls else None
        self._client = Client(shared, asked, self._trust, deadline)

    async def made(self, waiting: Waiting) -> Seen:
        """Ask, and ask further where the answers give reason to."""
        waiting.asked(self._asked.name)
        async with asyncio.TaskGroup() as group:
            health = group.create_task(self._health())
            look = group.create_task(self._looked()) if self._trust else None
        looked = look.result() if look else None
        alive = any(isinstance(outcome, Answer) for outcome in health.result())
        if looked and looked.fault is None and any(_hung_up(outcome) for outcome in health.result()):
            looked = await self._looked(b"GET / HTTP/1.0\r\n\r\n")
        told = await self._knowledge() if alive else {}
        waiting.done(self._asked.name)
        return Seen(self._asked, health.result(), Told(told), looked)

    async def _health(self) -> tuple[Outcome, ...]:
        told = await self._told({path.path: Question(path.path, HEALTH_LIMIT) for path in self._kind.health})
        return tuple(told.values())

    async def _knowledge(self) -> Mapping[str, Outcome]:
        told = await self._told(self._kind.questions)
        if has_leftovers(told.get("leftovers")):
            return {**told, **await self._told(self._kind.further)}
        return told

    async def _told(self, questions: Mapping[str, Question]) -> Mapping[str, Outcome]:
        async with asyncio.TaskGroup() as group:
            tasks = {
                name: group.create_task(self._client.get(question.path, question.limit))
                for name, question in questions.items()
            }
        return {name: task.result() for name, task in tasks.items()}

    async def _looked(self, request: bytes = b"") -> Look:
        assert self._trust is not None  # noqa: S101 - asked only with TLS
        return await certificates.look(self._asked.host, self._asked.port, self._trust, self._deadline, request)


def _hung_up(outcome: Outcome) -> bool:
    return isinstance(outcome, Trouble) and outcome.reason is Reason.RESET


def has_leftovers(outcome: Outcome | None) -> bool:
    """Tell whether anything of the push path was found, so that it is worth to be compared."""
    try:
        return answered(outcome) and bool(answers.vector(outcome.body))
    except answers.Unreadable:
        return False


async def _look_at(public: PublicName, contexts: Contexts, deadline: Seconds, waiting: Waiting) -> NameSeen:
    waiting.asked(public.name)
    async with asyncio.TaskGroup() as group:
        own = group.create_task(_resolved(public.name, deadline))
        host = group.create_task(_resolved(public.address, deadline))
    found, fault = own.result()
    host_found, host_fault = host.result()
    look = None
    if found:
        trust = contexts.get(public.ca_file, public.own_certificate, verify=True)
        look = await certificates.look(public.name, public.port, trust, deadline)
    waiting.done(public.name)
    return NameSeen(public.name, public.host, found, host_found, fault, host_fault, look)


async def _resolved(name: str, deadline: Seconds) -> tuple[tuple[str, ...], str]:
    """Return the addresses of both families, or why there are none."""
    try:
        async with asyncio.timeout_at(deadline):
            known = await addresses(name)
    except ProbeFailed as failed:
        return (), failed.detail
    except TimeoutError:
        return (), "no answer of the name servers"
    return tuple(address for several in known.values() for address in several), ""

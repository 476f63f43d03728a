"""All servers and public names asked at once, until one deadline: one that hangs costs its time and delays no other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from aiohttp import ClientSession

from collectors.contract import ProbeFailed
from collectors.terms import Reason, Seconds
from collectors.transport.trust import Contexts, OwnCertificate
from exporter.doctor import bodies, certificates
from exporter.doctor.outcome import Answers, NameSeen, ServerSeen, TlsSeen, answered
from exporter.doctor.servers import HEALTH_LIMIT, KINDS, Question
from exporter.doctor.stack import StackServer
from exporter.http_client.aiohttp_resolver import addresses
from exporter.http_client.client import Client, session
from exporter.http_client.outcome import HttpAnswer, HttpOutcome, Trouble

HTTPS = 443
"""Where a public name is served."""


class PublicName(NamedTuple):
    """A name that should lead to a host of the fleet."""

    name: str
    host: str
    address: str
    """The host's own, a name or a literal address."""
    ca_file: str | None = None
    """``ca_file`` of the server of the stack that has this name; None: the system's authorities."""
    own_certificate: OwnCertificate | None = None
    """The certificate to show, ``cert_file`` of the same server."""
    port: int = HTTPS


class Consulted(NamedTuple):
    """All that came back."""

    servers: tuple[ServerSeen, ...]
    names: tuple[NameSeen, ...]


class ProgressWatcher(Protocol):
    """Is called when a server or a public name is asked, and when nothing more comes from it."""

    def asked(self, name: str) -> None: ...
    def done(self, name: str) -> None: ...


async def consult(
    servers: Sequence[StackServer], names: Sequence[PublicName], patience: Seconds, watcher: ProgressWatcher
) -> Consulted:
    """Ask all servers, resolve all names and shake hands there, for ``patience`` seconds at most."""
    contexts = Contexts()
    trusts = {(server.ca_file, server.own_certificate) for server in servers if server.tls}
    for trust in trusts | {(name.ca_file, name.own_certificate) for name in names}:
        contexts.get(*trust, verify=True)  # before the time begins: the system's authorities take 55 ms to load
    deadline = asyncio.get_running_loop().time() + patience
    async with session("doctor") as shared, asyncio.TaskGroup() as group:
        questions = [
            group.create_task(_ServerQuestions(shared, server, contexts, deadline).run(watcher)) for server in servers
        ]
        handshakes = [group.create_task(_name_seen(name, contexts, deadline, watcher)) for name in names]
    return Consulted(tuple(each.result() for each in questions), tuple(each.result() for each in handshakes))


class _ServerQuestions:
    """One server: first its health, alone, so that the time it takes is its own; then all that it knows, at once."""

    def __init__(self, shared: ClientSession, server: StackServer, contexts: Contexts, deadline: Seconds) -> None:
        self._server, self._deadline, self._kind = server, deadline, KINDS[server.name]
        self._trust = contexts.get(server.ca_file, server.own_certificate, verify=True) if server.tls else None
        self._client = Client(shared, server, self._trust, deadline)

    async def run(self, watcher: ProgressWatcher) -> ServerSeen:
        """Ask, and ask further where the answers give reason to."""
        watcher.asked(self._server.name)
        async with asyncio.TaskGroup() as group:
            health = group.create_task(self._health())
            handshake = group.create_task(self._shake_hands()) if self._trust else None
        tls = handshake.result() if handshake else None
        alive = any(isinstance(outcome, HttpAnswer) for outcome in health.result())
        if tls and tls.fault is None and any(_hung_up(outcome) for outcome in health.result()):
            tls = await self._shake_hands(b"GET / HTTP/1.0\r\n\r\n")
        outcomes = await self._knowledge() if alive else {}
        watcher.done(self._server.name)
        return ServerSeen(self._server, health.result(), Answers(outcomes), tls)

    async def _health(self) -> tuple[HttpOutcome, ...]:
        questions = {path.path: Question(path.path, HEALTH_LIMIT) for path in self._kind.health}
        return tuple((await self._outcomes(questions)).values())

    async def _knowledge(self) -> Mapping[str, HttpOutcome]:
        outcomes = await self._outcomes(self._kind.questions)
        if has_leftovers(outcomes.get("leftovers")):
            return {**outcomes, **await self._outcomes(self._kind.further)}
        return outcomes

    async def _outcomes(self, questions: Mapping[str, Question]) -> Mapping[str, HttpOutcome]:
        async with asyncio.TaskGroup() as group:
            tasks = {
                name: group.create_task(self._client.get(question.path, question.limit))
                for name, question in questions.items()
            }
        return {name: task.result() for name, task in tasks.items()}

    async def _shake_hands(self, request: bytes = b"") -> TlsSeen:
        assert self._trust is not None  # noqa: S101 - asked only with TLS
        return await certificates.shake_hands(
            self._server.host, self._server.port, self._trust, self._deadline, request
        )


def _hung_up(outcome: HttpOutcome) -> bool:
    return isinstance(outcome, Trouble) and outcome.reason is Reason.RESET


def has_leftovers(outcome: HttpOutcome | None) -> bool:
    """Return whether series of the push path are left, which are then compared with ours."""
    try:
        return answered(outcome) and bool(bodies.vector(outcome.body))
    except bodies.BadBody:
        return False


async def _name_seen(public: PublicName, contexts: Contexts, deadline: Seconds, watcher: ProgressWatcher) -> NameSeen:
    watcher.asked(public.name)
    async with asyncio.TaskGroup() as group:
        own = group.create_task(_resolved(public.name, deadline))
        host = group.create_task(_resolved(public.address, deadline))
    addresses_of_name, fault = own.result()
    addresses_of_host, host_fault = host.result()
    tls = None
    if addresses_of_name:
        trust = contexts.get(public.ca_file, public.own_certificate, verify=True)
        tls = await certificates.shake_hands(public.name, public.port, trust, deadline)
    watcher.done(public.name)
    return NameSeen(public.name, public.host, addresses_of_name, addresses_of_host, fault, host_fault, tls)


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

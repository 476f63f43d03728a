"""A handshake with a server, on a connection of its own: aiohttp shows no certificate that it has refused."""

from __future__ import annotations

import asyncio

from collectors.contract import Facts, ProbeFailed
from collectors.terms import Phase, Reason, Seconds
from collectors.transport.connection import Connector, open_socket
from collectors.transport.stream import Stream
from collectors.transport.tls import Tls
from collectors.transport.trust import ClientContext
from exporter.doctor.outcome import TlsSeen
from exporter.http_client.aiohttp_resolver import addresses
from exporter.http_client.outcome import Trouble

_ROOM = 256 * 1024
"""Bytes that a handshake may take."""


async def shake_hands(host: str, port: int, trust: ClientContext, deadline: Seconds, request: bytes = b"") -> TlsSeen:
    """Shake hands and leave, until a deadline by the loop's clock.

    With a ``request`` its answer is waited for: in TLS 1.3 a server says only there what it thinks of our certificate.
    """
    facts = Facts()
    fault = None
    try:
        async with asyncio.timeout_at(deadline):
            await _shake(host, port, trust, facts, request)
    except TimeoutError:
        fault = Trouble(Reason.TIMEOUT, "", facts.phase is Phase.TLS)
    except ProbeFailed as failed:
        fault = Trouble(failed.reason, failed.detail, facts.phase is Phase.TLS)
    return TlsSeen(facts.certificate_expiry, fault, facts.certificate_not_before)


async def _shake(host: str, port: int, trust: ClientContext, facts: Facts, request: bytes) -> None:
    family, (address, *_) = next(iter((await addresses(host)).items()))
    with Connector() as connector, open_socket(family) as sock:
        await connector.connect(sock, address, port, facts)
        with Stream(sock, _ROOM, facts) as stream, Tls(stream, trust, host.rstrip(".")) as tls:
            facts.phase = Phase.TLS
            await tls.handshake(facts)
            if request:
                await tls.send(request)
                await tls.first()

"""HTTP and HTTPS: a new connection and one request per probe, all but the lookup timed by the kernel.

    dns         the lookup, by the user clock; none for a literal address
    connect     SYN to SYN/ACK (TCP_INFO)
    tls         each flight out to the last byte of its answer in, added up
    processing  the request's last byte out to the answer's first byte in: the ``response``. An interim answer
                (103 Early Hints) is none: it may be somebody else's, long before the work is done
    transfer    the answer's first byte in to its last

``duration`` is their sum: of our own program's time, only what noticing the end of the lookup takes is in it. Only
where a SYN was lost the connection counts as long as it took by the user clock; then rtt and ``connect`` are absent.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from http import HTTPStatus

from collectors import kernel
from collectors.contract import Context, Facts, Probe, ProbeFailed, one_by_one
from collectors.http.exchange import HttpExchange, name_in_tls, split_url
from collectors.http.requests import Requests
from collectors.http.target import HttpTarget
from collectors.replies import Exchange
from collectors.terms import Clock, Phase, Seconds
from collectors.transport import connection
from collectors.transport.resolver import resolve
from collectors.transport.stream import Channel, Stream
from collectors.transport.tls import Tls
from collectors.transport.trust import ClientContext, Contexts

_AROUND_THE_BODY = 128 * 1024
"""What a peer may send beside ``max_body_bytes``: 64 KiB of headers, certificates, TLS records, chunk sizes."""
_SHARE = 1 / 64
"""Of a burst: so many have begun within 10 ms."""

_Phases = dict[Phase, Seconds]


@contextlib.asynccontextmanager
async def collector(context: Context, user_agent: str = "latency-exporter") -> AsyncIterator[Probe[HttpTarget]]:
    """Ask web servers; ``user_agent`` is what their logs will call us."""
    contexts, requests = Contexts(), Requests(user_agent)

    async def probe(target: HttpTarget, facts: Facts) -> Exchange:
        try:
            return await ask(target, facts)
        except ProbeFailed as failed:
            refused = target.password if facts.status_code == HTTPStatus.UNAUTHORIZED else None
            if refused is None:
                raise
            if not await refused.has_changed():
                failed.detail += refused.not_read
                raise
        return await ask(target, facts)  # by the password that stands in its file by now

    async def ask(target: HttpTarget, facts: Facts) -> Exchange:
        url, exchange = split_url(target.url), HttpExchange(target, facts)
        request = requests.of(target, url, exchange)
        trust = _trust(contexts, target) if url.tls else None
        phases: _Phases = {}
        end = kernel.now().monotonic + target.timeout
        addresses = await resolve(context, url.host, target.ip_family, facts, phases)
        peer = connection.Peer(url.host, addresses, target.ip_family, url.port)
        sock, handshake = await connector.reach(peer, facts, end - kernel.now().monotonic)
        with sock:
            if handshake.rtt is not None:
                phases[Phase.CONNECT] = handshake.rtt
            with Stream(sock, target.max_body_bytes + _AROUND_THE_BODY, facts) as stream:
                if trust is None:
                    await _converse(stream, stream, exchange, request, phases)
                else:
                    with Tls(stream, trust, name_in_tls(url, target.headers)) as tls:
                        facts.phase = Phase.TLS
                        phases[Phase.TLS] = await tls.handshake(facts)
                        await _converse(tls, stream, exchange, request, phases)
        return _reply(handshake, phases, connection.coarser(handshake, stream.clock))

    with kernel.keep_stamping(), connection.Connector() as connector:
        yield one_by_one(probe, requests.forget, lambda _: _SHARE)


def _trust(contexts: Contexts, target: HttpTarget) -> ClientContext:
    return contexts.get(target.tls_ca_file, target.own_certificate, verify=target.tls_verify, protocols=("http/1.1",))


async def _converse(channel: Channel, stream: Stream, exchange: HttpExchange, request: bytes, phases: _Phases) -> None:
    """Send the request, read the answer, and note when its first and its last byte came; interim ones are none."""
    exchange.facts.phase = Phase.PROCESSING
    await channel.send(request)
    began, receipt = await channel.first()
    last, complete = receipt, False
    while not complete:
        before = exchange.interim_answers
        complete = exchange.feed(receipt.data)
        if exchange.interim_answers > before:  # if the answer has begun, then in what was just read
            began = receipt
        exchange.facts.phase = Phase.TRANSFER if exchange.answer_begun else Phase.PROCESSING
        last = receipt if receipt.data else last
        if not complete:
            began, receipt = (began, await channel.more()) if exchange.answer_begun else await channel.first()
    phases[Phase.PROCESSING] = stream.since_send(began)
    phases[Phase.TRANSFER] = stream.between(began, last)


def _reply(handshake: connection.Handshake, phases: _Phases, clock: Clock) -> Exchange:
    return Exchange(
        rtt=handshake.rtt,
        clock=clock,
        response=phases[Phase.PROCESSING],
        duration=sum(phases.values()) + (handshake.took if handshake.rtt is None else 0),
        phases=phases,
    )

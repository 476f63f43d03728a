"""A name with several addresses: which one is asked, and what the dead ones cost."""

import asyncio
import contextlib
import socket
import struct

import pytest

from collectors import http, tcp
from collectors.contract import Context, Facts, ProbeFailed
from collectors.sql import postgresql
from collectors.terms import Phase, Reason
from collectors.transport import resolver
from tests.collectors import peers, resources
from tests.collectors.asking import ask
from tests.collectors.peers import OK, Peer, answering
from tests.collectors.targets import context, database_target, http_target, tcp_target

LIVING, DEAD, ANOTHER = "127.0.0.2", "127.0.0.1", "127.0.0.3"


@contextlib.asynccontextmanager
async def probing(*addresses):
    async def lookup(_name, _family):
        return addresses

    async with http.collector(context(lookup)) as probe:
        yield probe


def web(port, **changes):
    return http_target(f"http://several.example:{port}/", **changes)


async def test_a_refused_connection_is_followed_by_the_next_address_at_once():
    facts = Facts()
    async with probing(DEAD, LIVING) as probe:
        with Peer(answering(OK), host=LIVING) as peer:
            reply = await ask(probe, web(peer.port), facts)
    assert facts.address == LIVING
    assert facts.tried == (f"{DEAD}: connection refused: nothing listens on this port, or a firewall refuses it",)
    assert reply.phases[Phase.CONNECT] == reply.rtt < 0.5


@pytest.mark.clock
async def test_a_silent_address_leaves_the_next_one_its_part_of_the_time_and_is_in_no_measurement():
    facts = Facts()
    with peers.full_backlog() as listener:
        port = listener.getsockname()[1]
        async with probing(DEAD, LIVING) as probe:
            with Peer(answering(OK), host=LIVING, port=port):
                reply = await ask(probe, web(port, timeout=0.9), facts)
    assert facts.tried == (f"{DEAD}: no answer within 0.3 s",)
    assert reply.duration < 0.3
    assert not facts.retransmitted


async def test_the_address_that_answered_is_asked_first_from_then_on_while_it_answers():
    async with probing(DEAD, LIVING, ANOTHER) as probe:
        with Peer(answering(OK), host=LIVING) as peer, Peer(answering(OK), host=ANOTHER, port=peer.port) as third:
            for _ in range(3):
                facts = Facts()
                await ask(probe, web(peer.port), facts)
            assert (facts.address, facts.tried) == (LIVING, ())
            assert third.clients == []
        with Peer(answering(OK), host=ANOTHER, port=peer.port):
            await ask(probe, web(peer.port), facts)
        assert facts.address == ANOTHER


async def test_when_all_refuse_the_last_one_is_the_reason_and_the_others_are_known():
    facts = Facts()
    with Peer(peers.silent) as gone:
        pass
    async with probing(DEAD, LIVING) as probe:
        with pytest.raises(ProbeFailed) as failed:
            await ask(probe, web(gone.port), facts)
    assert failed.value.reason is Reason.REFUSED
    refused = "connection refused: nothing listens on this port, or a firewall refuses it"
    assert failed.value.detail == f"{LIVING}: {refused} (before it: {DEAD}: {refused})"
    assert (facts.address, len(facts.tried)) == (LIVING, 1)


async def test_a_probe_that_is_cancelled_at_the_first_address_leaves_nothing():
    with peers.full_backlog() as listener:
        async with probing(DEAD, LIVING) as probe:
            before = resources.descriptors(), resources.readers(), len(asyncio.all_tasks())
            with pytest.raises(TimeoutError):
                await ask(probe, web(listener.getsockname()[1]), deadline=0.05)
            assert (resources.descriptors(), resources.readers(), len(asyncio.all_tasks())) == before


async def test_a_file_table_that_is_full_is_our_fault_whatever_the_address(monkeypatch):
    def full(*_):
        raise OSError(24, "Too many open files")

    async with probing(DEAD, LIVING) as probe:
        monkeypatch.setattr(socket, "socket", full)
        with pytest.raises(ProbeFailed) as failed:
            await ask(probe, web(9))
    assert failed.value.reason is Reason.LOCAL


async def test_a_handshake_goes_on_from_the_cached_address_to_the_others():
    cache = Context(
        address=lambda *_: DEAD, lookup=resolver.addresses, notice=print, others=lambda *_: (LIVING, ANOTHER)
    )
    with Peer(peers.silent, host=LIVING) as peer:
        async with tcp.collector(cache) as probe:
            for tried in (1, 0):
                facts = Facts()
                reply = await ask(probe, tcp_target(peer.port, "several.example"), facts)
                assert (facts.address, len(facts.tried)) == (LIVING, tried)
                assert reply.phases == {Phase.CONNECT: reply.rtt}


async def test_a_login_goes_on_to_the_next_address_as_well():
    async def lookup(_name, _family):
        return DEAD, LIVING

    def let_in(connection):
        connection.recv(4096)
        connection.sendall(b"R" + struct.pack("!ii", 8, 0) + b"Z" + struct.pack("!i", 5) + b"I")
        connection.recv(4096)
        connection.sendall(b"Z" + struct.pack("!i", 5) + b"I")

    facts = Facts()
    async with postgresql.collector(context(lookup)) as probe:
        with Peer(let_in, host=LIVING) as peer:
            target = database_target(peer.port, address="several.example", password=None)
            reply = await ask(probe, target, facts)
    assert facts.address == LIVING
    assert reply.phases[Phase.CONNECT] == reply.rtt

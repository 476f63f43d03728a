"""TCP against real listeners: the kernel's round trip, every way to fail, and nothing left behind."""

import asyncio
import resource
import socket
import time

import pytest

from collectors import tcp
from collectors.contract import Context, Facts, ProbeFailed
from collectors.terms import Clock, Phase, Reason
from tests.collectors import peers, resources
from tests.collectors.asking import ask, failure
from tests.collectors.peers import Peer
from tests.collectors.targets import context, tcp_target


@pytest.fixture
async def probe():
    async with tcp.collector(context()) as probe:
        yield probe


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_handshake_is_timed_by_the_kernel_over_both_families(probe, host):
    facts = Facts()
    with Peer(peers.silent, host=host) as peer:
        reply = await ask(probe, tcp_target(peer.port, host), facts)
    assert 0 < reply.rtt < 0.05
    assert reply.clock is Clock.KERNEL
    assert reply.phases == {Phase.CONNECT: reply.rtt}
    assert facts == Facts(phase=Phase.CONNECT)


@pytest.mark.clock
async def test_a_loop_that_stands_still_is_not_inside_the_round_trip(probe):
    with Peer(peers.silent) as peer:
        started = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            asked = tasks.create_task(ask(probe, tcp_target(peer.port)))
            asyncio.get_running_loop().call_soon(time.sleep, 0.3)
        assert time.monotonic() - started >= 0.3
    assert asked.result().rtt < 0.2


async def test_the_peer_reads_an_ordinary_end_and_nobody_keeps_a_time_wait(probe):
    ends = []
    with Peer(lambda connection: ends.append(peers.until_reset(connection))) as peer:
        for _ in range(50):
            await ask(probe, tcp_target(peer.port))
        await peer.has_served(50)
    assert ends == [b""] * 50
    assert peers.lingering(peer) == 0


@pytest.mark.clock
async def test_a_lost_syn_is_told_and_is_in_no_measurement(probe):
    facts = Facts()
    with peers.full_backlog() as listener:
        async with asyncio.TaskGroup() as tasks:
            asked = tasks.create_task(ask(probe, tcp_target(listener.getsockname()[1]), facts))
            await asyncio.sleep(0)  # now its SYN is out, and dropped
            listener.listen(8)
    assert (asked.result().rtt, asked.result().phases) == (None, {})
    assert facts.retransmitted


@pytest.mark.clock
async def test_a_probe_cancelled_at_its_deadline_still_tells_a_lost_syn(probe):
    facts = Facts()
    with peers.full_backlog() as listener, pytest.raises(TimeoutError):
        await ask(probe, tcp_target(listener.getsockname()[1]), facts, deadline=1.3)
    assert facts.retransmitted


async def test_the_source_address_is_the_one_asked_for(probe):
    with Peer(peers.silent) as peer:
        await ask(probe, tcp_target(peer.port, source_address="127.0.0.9"))
        await peer.has_served(1)
    assert [host for host, _ in peer.clients] == ["127.0.0.9"]


async def test_a_closed_port_refuses(probe):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    assert await failure(probe, tcp_target(port)) == (
        Reason.REFUSED,
        "connection refused: nothing listens on this port, or a firewall refuses it",
    )


async def test_an_address_that_is_not_ours_is_our_fault(probe):
    reason, detail = await failure(probe, tcp_target(9, source_address="192.0.2.1"))
    assert (reason, detail) == (
        Reason.LOCAL,
        "no socket: the source address is not this host's, or it has no free port left",
    )


async def test_a_source_address_of_the_other_family_is_our_fault(probe):
    reason, _ = await failure(probe, tcp_target(9, source_address="::1"))
    assert reason is Reason.LOCAL


async def test_a_full_file_table_is_our_fault_and_passes(probe):
    with Peer(peers.silent) as peer:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            reason, detail = await failure(probe, tcp_target(peer.port))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert (reason, detail) == (Reason.LOCAL, "no socket: too many open files in this program")
        assert (await ask(probe, tcp_target(peer.port))).rtt


async def test_a_name_without_an_address_fails_with_dns():
    def never(name, _family):
        raise ProbeFailed(Reason.DNS, f"{name}: no address yet")

    async with tcp.collector(Context(address=never, lookup=never, notice=print)) as probe:
        assert await failure(probe, tcp_target(80, "later.example")) == (Reason.DNS, "later.example: no address yet")


async def test_200_failures_of_each_kind_leave_no_descriptor_and_no_reader(probe):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        closed = gone.getsockname()[1]
    before = resources.descriptors(), resources.readers()
    for _ in range(200):
        await failure(probe, tcp_target(closed))
        await failure(probe, tcp_target(9, source_address="192.0.2.1"))
    with peers.full_backlog() as listener:
        for _ in range(200):
            with pytest.raises(TimeoutError):
                await ask(probe, tcp_target(listener.getsockname()[1]), deadline=0)
    assert (resources.descriptors(), resources.readers()) == before

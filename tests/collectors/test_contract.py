"""Every collector is asked the same questions."""

import asyncio
import re
import socket
from functools import partial

import pytest

from collectors import http, icmp, tcp
from collectors.contract import Context, Facts, ProbeFailed
from collectors.icmp.target import IcmpTarget
from collectors.n8n import reader
from collectors.replies import Exchange, Login, Query, RoundTrip
from collectors.secret import Secret
from collectors.sql import mysql, postgresql
from collectors.terms import IpFamily, Reason
from tests.collectors import peers, resources
from tests.collectors.asking import Asked, ask
from tests.collectors.n8n.test_reader import target as n8n_target
from tests.collectors.peers import Peer, answering
from tests.collectors.sql.scripted import MY_OK, OK_NO_PASSWORD, READY, greeting, my, says
from tests.collectors.targets import context, database_target, http_target, tcp_target
from tests.netlab import requires_root


def over_tcp(port):
    return tcp_target(port)


def over_http(port):
    return http_target(f"http://127.0.0.1:{port}/", user="u", password=Secret("hush"))


def over_https(port):
    return http_target(f"https://127.0.0.1:{port}/", tls_verify=False, user="u", password=Secret("hush"))


def over_icmp(_port):
    return IcmpTarget(address="127.0.0.1", ip_family=IpFamily.IPV4, payload_bytes=56, dscp=0, source_address=None)


def a_login(port):
    return database_target(port)


def a_query(port):
    return database_target(port, logs_in=False)


def a_read(port):
    return n8n_target(port, password=Secret("hush"), timeout=5.0)


_TCP = [
    pytest.param(tcp.collector, over_tcp, id="tcp"),
    pytest.param(http.collector, over_http, id="http"),
    pytest.param(http.collector, over_https, id="https"),
    pytest.param(postgresql.collector, a_login, id="postgresql login"),
    pytest.param(postgresql.collector, a_query, id="postgresql query"),
    pytest.param(mysql.collector, a_login, id="mysql login"),
    pytest.param(mysql.collector, a_query, id="mysql query"),
    pytest.param(reader.collector, a_read, id="n8n"),
]
those_over_tcp = pytest.mark.parametrize(("collector", "target"), _TCP)
every_collector = pytest.mark.parametrize(
    ("collector", "target"), [*_TCP, pytest.param(icmp.collector, over_icmp, id="icmp")]
)


@every_collector
async def test_entering_and_leaving_touches_no_network_and_keeps_nothing(collector, target, monkeypatch):
    def touched(*_):
        raise AssertionError("the network was touched")

    for call in ("connect", "connect_ex", "send", "sendto", "sendmsg"):
        monkeypatch.setattr(socket.socket, call, touched)
    before = resources.descriptors(), resources.readers()
    async with collector(Context(address=touched, lookup=touched, notice=print)):
        pass
    assert (resources.descriptors(), resources.readers()) == before


@pytest.mark.parametrize(
    ("collector", "target", "most"),
    [
        pytest.param(icmp.collector, over_icmp, 256, id="icmp", marks=requires_root),
        pytest.param(tcp.collector, over_tcp, 128, id="tcp"),
        pytest.param(http.collector, over_http, 64, id="http"),
    ],
)
async def test_a_burst_holds_so_many_probes(collector, target, most):
    async with collector(context()) as probe:
        assert int(1 / probe.share(target(9))) == most


@every_collector
@pytest.mark.parametrize("turns", range(12))
async def test_cancelling_at_any_moment_leaves_no_socket_no_task_and_no_reader(collector, target, turns):
    async with collector(context()) as probe:
        before = resources.descriptors(), resources.readers(), len(asyncio.all_tasks())
        with Peer(peers.silent) as peer:
            task = asyncio.create_task(ask(probe, target(peer.port)))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        if collector is reader.collector:
            await until_its_thread_is_done(before[0])
        assert (resources.descriptors(), resources.readers(), len(asyncio.all_tasks())) == before


async def until_its_thread_is_done(descriptors):
    """Wait until a thread has given back what it held: it is told at once, and does it on its own time."""
    async with asyncio.timeout(10):
        while resources.descriptors() > descriptors:
            await asyncio.sleep(0.001)


login = partial(database_target, password=None)
query = partial(database_target, password=None, logs_in=False)
POSTGRESQL, MYSQL = says(OK_NO_PASSWORD + READY, READY), says(MY_OK, my(MY_OK[4:], 1), first=greeting())


@pytest.mark.parametrize(
    ("collector", "target", "talk", "kind"),
    [
        pytest.param(icmp.collector, over_icmp, peers.silent, RoundTrip, id="icmp", marks=requires_root),
        pytest.param(tcp.collector, over_tcp, peers.silent, RoundTrip, id="tcp"),
        pytest.param(http.collector, over_http, answering(peers.OK), Exchange, id="http"),
        pytest.param(postgresql.collector, login, POSTGRESQL, Login, id="postgresql login"),
        pytest.param(postgresql.collector, query, POSTGRESQL, Query, id="postgresql query"),
        pytest.param(mysql.collector, login, MYSQL, Login, id="mysql login"),
        pytest.param(mysql.collector, query, MYSQL, Query, id="mysql query"),
    ],
)
async def test_a_reply_is_of_its_kind_and_its_headline_and_the_servers_share_are_inside_of_what_it_took(
    collector, target, talk, kind
):
    with Peer(talk) as peer:
        async with collector(context()) as probe:
            reply = await ask(probe, target(peer.port))
    assert type(reply) is kind
    assert 0 < reply.headline <= reply.took
    assert 0 <= (reply.server or 0) <= reply.took
    assert all(took >= 0 for took in reply.phases.values())


@those_over_tcp
async def test_a_slot_is_answered_in_its_order_and_one_hanging_target_delays_no_other(collector, target):
    with Peer(peers.silent) as gone:
        pass
    with peers.full_backlog() as listener:
        async with collector(context()) as probe:
            slot = [Asked(target(listener.getsockname()[1])), Asked(target(gone.port))]
            hangs, fails = (asyncio.ensure_future(one) for one in probe(slot))
            with pytest.raises(ProbeFailed) as caught:
                await fails
            assert caught.value.reason is Reason.REFUSED
            assert not hangs.done()
            hangs.cancel()
            await asyncio.wait([hangs])


@those_over_tcp
async def test_no_secret_shows_in_a_target_or_in_a_failure(collector, target):
    with Peer(peers.silent) as gone:
        pass
    async with collector(context()) as probe:
        facts = Facts()
        with pytest.raises(ProbeFailed) as caught:
            await ask(probe, target(gone.port), facts)
    shown = f"{target(1)!r} {caught.value!r} {facts!r} {caught.value.__cause__!r}"
    assert not re.search("hush|dTpodXNo", shown)

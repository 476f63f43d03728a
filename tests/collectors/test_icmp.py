"""ICMP on the wire: two hosts of a lab, one of which answers as each test tells it to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import pytest

from collectors import icmp, icmp_socket, pinger
from collectors.batch import BATCH
from collectors.contract import (
    Clock,
    Context,
    DuplicateReply,
    IpFamily,
    LateReply,
    Notice,
    Probe,
    ProbeFailed,
    Reason,
    ReceiveOverflow,
    Reply,
    SocketOpened,
)
from collectors.targets import IcmpTarget
from tests.collectors.peers import Asked, begin
from tests.netlab import Host, Lab, requires_root

pytestmark = requires_root

ECHO_REQUEST, ECHO_REPLY, ECHO_REQUEST_V6 = 8, 0, 128
IP_HEADER = 20
SOON = 5.0
"""Seconds after which a test is broken, not slow."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        lab.veth(lab.host("here"), lab.host("there"))
        lab.hosts["there"].sysctl("net.ipv4.icmp_ratelimit", "0")  # it must say no as often as it is asked
        lab.link(lab.hosts["here"], lab.host("far"), delay=0.020)
        yield lab


@pytest.fixture(params=["datagram", "raw"])
def here(request: pytest.FixtureRequest, lab: Lab) -> Iterator[Host]:
    host = lab.hosts["here"]
    host.allow_ping_groups(*((0, 2147483647) if request.param == "datagram" else (1, 0)))
    yield host
    host.flush_firewall()


@pytest.fixture
def there(lab: Lab) -> Iterator[Host]:
    host = lab.hosts["there"]
    yield host
    host.flush_firewall()


@contextlib.asynccontextmanager
async def pinging(host: Host) -> AsyncIterator[tuple[Probe[IcmpTarget], list[Notice]]]:
    """Enter the collector inside a host; what it told beside its replies is in the list."""
    notices: list[Notice] = []

    async def lookup(name: str, _: IpFamily) -> str:
        return name

    context = Context(address=lambda name, _: name, lookup=lookup, notice=notices.append)
    async with contextlib.AsyncExitStack() as stack:
        with host.entered():
            probe = await stack.enter_async_context(icmp.collector(context))
        yield probe, notices


def target(
    address: str,
    *,
    ip_family: IpFamily = IpFamily.IPV4,
    payload_bytes: int = 56,
    dscp: int = 0,
    source_address: str | None = None,
) -> IcmpTarget:
    return IcmpTarget(
        address=address,
        ip_family=ip_family,
        payload_bytes=payload_bytes,
        dscp=dscp,
        source_address=source_address,
    )


async def one(probe: Probe[IcmpTarget], aim: IcmpTarget) -> Reply:
    (asked,) = begin(probe, [aim])
    async with asyncio.timeout(SOON):
        return await asked.answer


def reason(asked: Asked) -> Reason | None:
    """Why it failed; None if it did not, or is under way."""
    error = asked.answer.exception() if asked.answer.done() else None
    return error.reason if isinstance(error, ProbeFailed) else None


async def reason_of(probe: Probe[IcmpTarget], aim: IcmpTarget) -> Reason:
    with pytest.raises(ProbeFailed) as failed:
        await one(probe, aim)
    return failed.value.reason


Answer = Callable[[bytes, str], Sequence[bytes]]


@contextlib.asynccontextmanager
async def answering(host: Host, answer: Answer, seen: Callable[[bytes], object] = len) -> AsyncIterator[list[bytes]]:
    """Answer echo requests by hand, the kernel being told not to; the list is what came, IP header and all."""
    host.sysctl("net.ipv4.icmp_echo_ignore_all", "1")
    with host.entered():
        sock = socket.socket(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_ICMP)
        sock.bind((host.address, 0))
    came: list[bytes] = []

    def readable() -> None:
        packet, (source, _) = sock.recvfrom(65535)
        if packet[IP_HEADER] == ECHO_REQUEST:
            came.append(packet)
            seen(packet)
            for reply in answer(packet[IP_HEADER:], source):
                sock.sendto(reply, (source, 0))

    loop = asyncio.get_running_loop()
    loop.add_reader(sock, readable)
    try:
        yield came
    finally:
        loop.remove_reader(sock)
        sock.close()
        host.sysctl("net.ipv4.icmp_echo_ignore_all", "0")


def reply_to(request: bytes) -> bytes:
    """The right answer: the same as a reply, with its checksum."""
    blank = bytes([ECHO_REPLY, 0, 0, 0]) + request[4:]
    return blank[:2] + checksum(blank) + blank[4:]


def checksum(data: bytes) -> bytes:
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (total ^ 0xFFFF).to_bytes(2, "big")


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(SOON):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_slot_of_targets_is_answered_by_the_kernels_clock(here: Host, there: Host) -> None:
    async with pinging(here) as (probe, _):
        await one(probe, target(there.address))  # the first stamps come a moment after they are asked for
        slot = begin(probe, [target(there.address)] * 150)
        replies = await asyncio.gather(*(asked.answer for asked in slot))
    assert all(reply.clock is Clock.KERNEL for reply in replies)
    assert all(reply.rtt is not None and 0 < reply.rtt < 0.01 for reply in replies)
    assert {asked.hop_limit for asked in slot} == {64}


async def test_the_first_of_each_batch_tells_the_time_in_our_own_queue(here: Host, there: Host) -> None:
    async with pinging(here) as (probe, _):
        await one(probe, target(there.address))
        slot = begin(probe, [target(there.address)] * (2 * BATCH))
        queues = [(await asked.answer).egress_queue for asked in slot]
    assert [number for number, queue in enumerate(queues) if queue is not None] == [0, BATCH]
    assert all(0 <= queue < 0.01 for queue in queues if queue is not None)


async def test_ipv6_is_measured_likewise(here: Host, there: Host) -> None:
    async with pinging(here) as (probe, _):
        await one(probe, target(there.address6, ip_family=IpFamily.IPV6))
        (asked,) = begin(probe, [target(there.address6, ip_family=IpFamily.IPV6)])
        reply = await asked.answer
    assert reply.clock is Clock.KERNEL
    assert asked.hop_limit == 64


async def test_a_link_of_20_ms_is_measured_to_the_half_millisecond(here: Host, lab: Lab) -> None:
    far = lab.hosts["far"]
    async with pinging(here) as (probe, _):
        for ip_family, address in ((IpFamily.IPV4, far.address), (IpFamily.IPV6, far.address6)):
            trips = [(await one(probe, target(address, ip_family=ip_family))).rtt or 0 for _ in range(11)]
            assert statistics.median(trips) == pytest.approx(0.020, abs=0.0005)


async def test_a_busy_process_does_not_show_in_the_numbers(here: Host, lab: Lab) -> None:
    async with pinging(here) as (probe, _):
        await one(probe, target(lab.hosts["far"].address))
        slot = begin(probe, [target(lab.hosts["far"].address)] * 20)
        time.sleep(0.3)  # noqa: ASYNC251 - holds the loop on purpose: that is what is tested
        trips = [reply.rtt or 0 for reply in await asyncio.gather(*(asked.answer for asked in slot))]
    assert max(trips) < 0.025


@pytest.mark.parametrize("payload_bytes", [8, 9, 57, 1472, 1473, 4000])
async def test_any_size_is_answered_also_in_fragments(here: Host, there: Host, payload_bytes: int) -> None:
    async with pinging(here) as (probe, _):
        assert (await one(probe, target(there.address, payload_bytes=payload_bytes))).rtt


async def test_the_packets_bear_traffic_class_and_source_as_configured(here: Host, there: Host, lab: Lab) -> None:
    source = lab.cables[0].address_of(here)  # not the one that the route would choose
    async with pinging(here) as (probe, _), answering(there, lambda request, _: [reply_to(request)]) as came:
        with here.entered():  # it is the first probe from there that opens a socket for it
            await one(probe, target(there.address, dscp=46, source_address=source))
        await one(probe, target(there.address))
    assert [packet[1] >> 2 for packet in came] == [46, 0]
    assert [socket.inet_ntoa(packet[12:16]) for packet in came] == [source, here.address]


async def test_ipv6_takes_traffic_class_and_source_too(here: Host, there: Host, lab: Lab) -> None:
    source = lab.cables[0].address6_of(here)
    with there.entered():
        sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_ICMPV6)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
    with sock:
        async with pinging(here) as (probe, _):
            aim = target(there.address6, ip_family=IpFamily.IPV6, dscp=46, source_address=source)
            with here.entered():
                assert (await one(probe, aim)).rtt
        came = []
        with contextlib.suppress(BlockingIOError):
            while True:
                data, ancillary, _, address = sock.recvmsg(2000, 100)
                if data[0] == ECHO_REQUEST_V6:
                    came.append((address[0], int.from_bytes(ancillary[0][2], "little") >> 2))
    assert came == [(source, 46)]


async def test_a_source_address_that_is_not_ours_is_our_own_fault(here: Host, there: Host) -> None:
    async with pinging(here) as (probe, _):
        assert await reason_of(probe, target(there.address, source_address="192.0.2.1")) is Reason.LOCAL


async def test_a_late_reply_is_counted_apart_and_answers_nobody(here: Host, there: Host) -> None:
    kept: list[bytes] = []

    def keep(request: bytes, _: str) -> Sequence[bytes]:
        kept.append(request)
        return [reply_to(kept[0])] if len(kept) == 2 else []  # the second request brings the first one's answer

    first = target(there.address)
    async with pinging(here) as (probe, notices), answering(there, keep):
        (early,) = begin(probe, [first])
        await until(lambda: kept)
        early.give_up()
        (second,) = begin(probe, [target(there.address)])
        await until(lambda: LateReply(first) in notices)
        assert not second.answer.done()
    assert not [notice for notice in notices if isinstance(notice, DuplicateReply)]


async def test_a_duplicate_is_counted_and_not_measured(here: Host, there: Host) -> None:
    aim = target(there.address)
    async with pinging(here) as (probe, notices), answering(there, lambda request, _: [reply_to(request)] * 3):
        await one(probe, aim)
        await until(lambda: notices.count(DuplicateReply(aim)) == 2)
    assert LateReply(aim) not in notices


FORGERIES: dict[str, Callable[[bytes], bytes]] = {
    "token": lambda request: reply_to(request[:-3] + bytes([request[-3] ^ 1]) + request[-2:]),
    "sequence": lambda request: reply_to(request[:7] + bytes([request[7] ^ 1]) + request[8:]),
    "identifier": lambda request: reply_to(request[:5] + bytes([request[5] ^ 1]) + request[6:]),
    "checksum": lambda request: reply_to(request)[:3] + bytes([reply_to(request)[3] ^ 1]) + request[4:],
    "length": lambda request: reply_to(request[:-10] + request[-8:]),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_reply_is_no_reply(here: Host, there: Host, forgery: str) -> None:
    forge = FORGERIES[forgery]
    async with pinging(here) as (probe, notices), answering(there, lambda request, _: [forge(request)]) as came:
        (asked,) = begin(probe, [target(there.address)])
        await until(lambda: came)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await asked.answer
    assert not [notice for notice in notices if not isinstance(notice, SocketOpened)]


async def test_a_reply_that_was_altered_on_the_way_is_a_protocol_failure_if_no_other_comes(
    here: Host, there: Host
) -> None:
    altered = FORGERIES["token"]
    async with pinging(here) as (probe, _), answering(there, lambda request, _: [altered(request)]):
        (asked,) = begin(probe, [target(there.address)])
        await until(lambda: asked.silence is Reason.PROTOCOL)


async def test_a_reply_from_another_address_is_no_reply(here: Host, there: Host, lab: Lab) -> None:
    """The third host knows everything, even the token, but not how to send from there."""
    far = lab.hosts["far"]
    with far.entered():
        forger = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    caught: list[bytes] = []

    def catch(request: bytes, source: str) -> Sequence[bytes]:
        caught.append(request)
        forger.sendto(reply_to(request), (source, 0))
        return []

    with forger:
        async with pinging(here) as (probe, notices), answering(there, catch):
            (asked,) = begin(probe, [target(there.address)])
            await until(lambda: caught)
            await one(probe, target(far.address))  # sent after the forgery, over the same path
            assert not asked.answer.done()
    assert not [notice for notice in notices if not isinstance(notice, SocketOpened)]


@pytest.mark.parametrize("kind", ["icmp-port-unreachable", "icmp-host-prohibited", "icmp-net-unreachable"])
async def test_an_icmp_error_is_unreachable(here: Host, there: Host, kind: str) -> None:
    there.reject("-p", "icmp", reject_with=kind)
    async with pinging(here) as (probe, _):
        assert await reason_of(probe, target(there.address)) is Reason.UNREACHABLE


async def test_an_icmpv6_error_is_unreachable(here: Host, there: Host) -> None:
    there.reject("-p", "icmpv6", "--icmpv6-type", "echo-request", ip_family="ipv6")
    async with pinging(here) as (probe, _):
        assert await reason_of(probe, target(there.address6, ip_family=IpFamily.IPV6)) is Reason.UNREACHABLE


async def test_a_redirect_is_no_failure_because_the_packet_goes_on(here: Host, there: Host) -> None:
    ours: list[bytes] = []

    def redirected(request: bytes, _: str) -> Sequence[bytes]:
        gateway = socket.inet_aton(there.address)
        blank = bytes([5, 1, 0, 0]) + gateway + ours[-1][:IP_HEADER] + request[:8]
        return [blank[:2] + checksum(blank) + blank[4:], reply_to(request)]

    async with pinging(here) as (probe, notices), answering(there, redirected, ours.append):
        for _ in range(5):
            assert (await one(probe, target(there.address))).rtt
    assert not [notice for notice in notices if isinstance(notice, LateReply)]


async def test_an_error_about_one_target_is_not_held_against_another(here: Host, there: Host, lab: Lab) -> None:
    there.reject("-p", "icmp", reject_with="icmp-host-prohibited")
    far = target(lab.hosts["far"].address)
    async with pinging(here) as (probe, _):
        for _ in range(5):
            slot = begin(probe, [target(there.address), far, target(there.address)])
            async with asyncio.timeout(SOON):
                ends = await asyncio.gather(*(asked.answer for asked in slot), return_exceptions=True)
            assert isinstance(ends[1], Reply)
            assert all(isinstance(end, ProbeFailed) and end.reason is Reason.UNREACHABLE for end in ends[::2])


async def test_a_flood_of_errors_about_one_target_does_not_fail_another(here: Host, there: Host, lab: Lab) -> None:
    there.reject("-p", "icmp", reject_with="icmp-host-prohibited")
    far, bad = target(lab.hosts["far"].address), target(there.address)
    async with pinging(here) as (probe, _), asyncio.timeout(SOON):
        for _ in range(20):
            slot = begin(probe, [bad] * 50 + [far] + [bad] * 50)
            assert (await slot[50].answer).rtt
            for asked in slot:
                asked.give_up()


@pytest.mark.parametrize("how", ["unreachable", "blackhole", "prohibit"])
async def test_a_route_that_refuses_is_unreachable(here: Host, there: Host, how: str) -> None:
    here.forbid_route(there, how)
    try:
        async with pinging(here) as (probe, _):
            assert await reason_of(probe, target(there.address)) is Reason.UNREACHABLE
    finally:
        here.allow_route(there)


async def test_our_own_firewall_is_our_own_fault(here: Host, there: Host) -> None:
    here.drop("-p", "icmp", chain="OUTPUT")
    async with pinging(here) as (probe, _):
        assert await reason_of(probe, target(there.address)) is Reason.LOCAL


async def test_a_name_without_an_address_is_dns(here: Host) -> None:
    def unknown(name: str, _: IpFamily) -> str:
        raise ProbeFailed(Reason.DNS, name)

    async def lookup(name: str, _: IpFamily) -> str:
        return name

    context = Context(address=unknown, lookup=lookup, notice=lambda _: None)
    with here.entered():
        entering = icmp.collector(context)
        probe = await entering.__aenter__()
    assert await reason_of(probe, target("nowhere")) is Reason.DNS
    await entering.__aexit__(None, None, None)


async def test_an_overflowing_receive_buffer_is_counted_and_is_not_the_targets_loss(
    here: Host, there: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(icmp_socket, "_RECEIVE_BUFFER", 4096)
    async with pinging(here) as (probe, notices):
        slot = begin(probe, [target(there.address)] * 200)
        await until(lambda: any(isinstance(notice, ReceiveOverflow) for notice in notices))
        unanswered = [asked for asked in slot if not asked.answer.done()]
    assert unanswered
    assert {asked.silence for asked in unanswered} == {Reason.LOCAL}


async def test_when_all_sequences_are_under_way_that_is_our_own_fault(
    here: Host, there: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pinger, "_SEQUENCES", 4)
    async with pinging(here) as (probe, _), answering(there, lambda *_: []):
        slot = begin(probe, [target(there.address)] * 5)
        assert [reason(asked) for asked in slot] == [None] * 4 + [Reason.LOCAL]
        slot[0].give_up()
        (again,) = begin(probe, [target(there.address)])
        assert not again.answer.done()


async def test_probes_that_were_given_up_are_forgotten_when_nobody_will_answer_them_any_more(
    here: Host, there: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pinger, "_REMEMBERED", 0.0)
    monkeypatch.setattr(pinger, "_BETWEEN_SWEEPS", 0.0)
    kept: list[bytes] = []

    def keep(request: bytes, _: str) -> Sequence[bytes]:
        kept.append(request)
        return [reply_to(kept[0]), reply_to(request)] if len(kept) > 2 else []

    async with pinging(here) as (probe, notices), answering(there, keep):
        for _ in range(2):  # at the second, the first is seen to be over, and at the third it is forgotten
            before = len(kept)
            (early,) = begin(probe, [target(there.address)])
            await until(lambda before=before: len(kept) > before)  # type: ignore[misc]  # mypy knows no default here
            early.give_up()
        await one(probe, target(there.address))
    assert not [notice for notice in notices if isinstance(notice, LateReply)]


async def test_leaving_closes_the_sockets_and_their_readers(here: Host) -> None:
    async with pinging(here) as (_, notices):
        kinds = {notice.kind for notice in notices if isinstance(notice, SocketOpened)}
    assert len(notices) == 2
    assert "none" not in kinds
    assert len(kinds) == 1

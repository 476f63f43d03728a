"""ICMP on the wire: two hosts of a lab, one of which answers as each test tells it to."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import socket
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import pytest

from collectors import icmp, kernel
from collectors.contract import (
    Context,
    DuplicateReply,
    LateReply,
    Notice,
    Probe,
    ProbeFailed,
    ReceiveOverflow,
    SocketOpened,
)
from collectors.icmp import batch, echo_socket, identifiers, requests
from collectors.icmp.batch import BATCH
from collectors.icmp.target import IcmpTarget
from collectors.replies import RoundTrip
from collectors.terms import Clock, IpFamily, Reason
from tests.collectors.asking import Asked, begin
from tests.collectors.resources import descriptors
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
    """Enter the collector inside a host; its notices are in the list."""
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


async def one(probe: Probe[IcmpTarget], aim: IcmpTarget) -> RoundTrip:
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
    """Answer echo requests by hand, in the kernel's place; the list has every packet that came, with its IP header."""
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
    data += bytes(len(data) % 2)
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
    trips = [reply.rtt or 0 for reply in replies]
    assert min(trips) > 0
    assert statistics.median(trips) < 0.01  # where others keep the processors, the kernel may be late with some
    assert {asked.hop_limit for asked in slot} == {64}


async def test_the_first_of_each_batch_tells_the_time_in_our_own_queue(here: Host, there: Host) -> None:
    async with pinging(here) as (probe, _):
        await one(probe, target(there.address))
        slot = begin(probe, [target(there.address)] * (2 * BATCH))
        queues = [(await asked.answer).egress_queue for asked in slot]
    assert [number for number, queue in enumerate(queues) if queue is not None] == [0, BATCH]
    known = [queue for queue in queues if queue is not None]
    assert 0 <= min(known) < 0.01
    assert max(known) < 0.2  # the machine may stand still for a moment


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
    assert statistics.median(trips) < 0.025  # the link is a process too, which others may hold up
    assert max(trips) < 0.2


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


async def test_a_source_address_that_goes_away_is_our_own_fault_until_it_is_back(here: Host, there: Host) -> None:
    for family, address, away, bits in (
        (IpFamily.IPV4, there.address, "10.199.0.5", 32),
        (IpFamily.IPV6, there.address6, "fd99::5", 128),
    ):
        aim = target(address, ip_family=family, source_address=away)
        here.add_address(f"{away}/{bits}", "lo")
        async with pinging(here) as (probe, _):
            (first,) = _entered(here, probe, aim)
            first.give_up()  # nobody there knows the way back to it
            here.ip("address", "del", f"{away}/{bits}", "dev", "lo")
            (gone,) = _entered(here, probe, aim)
            with pytest.raises(ProbeFailed, match=f"source_address {away} is no address of this host") as failed:
                await gone.answer
            assert failed.value.reason is Reason.LOCAL
            here.add_address(f"{away}/{bits}", "lo")
            (back,) = _entered(here, probe, aim)
            assert not back.answer.done()
        here.ip("address", "del", f"{away}/{bits}", "dev", "lo")


def _entered(host: Host, probe: Probe[IcmpTarget], aim: IcmpTarget) -> list[Asked]:
    with host.entered():  # the program lives there, and looks there for the address
        return begin(probe, [aim])


async def test_an_address_without_a_route_is_unreachable_and_all_of_them_is_this_hosts_own(lab: Lab) -> None:
    """A host of its own: its only link goes down."""
    lone = lab.host("lone")
    cable = lab.veth(lone, lab.host("other"))
    aims = [
        target("198.51.100.7"),
        target("2001:db8::7", ip_family=IpFamily.IPV6),
    ]
    async with pinging(lone) as (probe, _):
        with lone.entered():
            nowhere = begin(probe, aims)
        cable.down()
        with lone.entered():
            cut_off = begin(probe, aims)
    assert [reason(asked) for asked in nowhere] == [Reason.UNREACHABLE] * 2
    assert [reason(asked) for asked in cut_off] == [Reason.LOCAL] * 2
    assert "no network here: no route of ipv6 leads out of this host" in str(cut_off[1].answer.exception())


async def test_a_silent_address_is_asked_by_another_identifier_after_three_probes(
    here: Host, there: Host, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a NAT whose entry for the old identifier leads nowhere; others keep theirs, and late replies count."""
    monkeypatch.setattr(requests, "_BETWEEN_SWEEPS", 0.0)
    monkeypatch.setattr(identifiers, "_BETWEEN_CHANGES", 0.0)
    far = lab.hosts["far"]
    dead: list[bytes] = []

    def answer(request: bytes, _: str) -> Sequence[bytes]:
        dead.extend([request[4:6]] if not dead else [])
        return [] if request[4:6] in dead else [reply_to(request)]

    aim, well = target(there.address), target(far.address)
    async with pinging(here) as (probe, notices), answering(there, answer) as came:
        for number in range(4):
            (asked, other) = _entered_all(here, probe, [aim, well])
            assert (await other.answer).rtt
            if number < 3:
                await until(lambda number=number: len(came) > number)  # type: ignore[misc]  # mypy knows no default here
                asked.give_up()
        assert (await asked.answer).clock is Clock.KERNEL
        assert len({packet[IP_HEADER + 4 : IP_HEADER + 6] for packet in came}) == 2
        assert (await one(probe, aim)).rtt  # it stays where it answers
        with there.entered():
            late = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
            late.bind((there.address, 0))
        with late:
            late.sendto(reply_to(came[0][IP_HEADER:]), (socket.inet_ntoa(came[0][12:16]), 0))
            await until(lambda: LateReply(aim) in notices)


async def test_over_ipv6_likewise(here: Host, there: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "_BETWEEN_SWEEPS", 0.0)
    with there.entered():
        sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_ICMPV6)
    came: list[bytes] = []

    def take() -> int:
        with contextlib.suppress(BlockingIOError):
            while True:
                data = sock.recv(2000)
                came.extend([data[4:6]] if data[0] == ECHO_REQUEST_V6 else [])
        return len(came)

    aim = target(there.address6, ip_family=IpFamily.IPV6)
    there.sysctl("net.ipv6.icmp.echo_ignore_all", "1")
    try:
        with sock:
            async with pinging(here) as (probe, _):
                for number in range(identifiers.SILENT_AFTER):
                    (asked,) = _entered_all(here, probe, [aim])
                    await until(lambda number=number: take() > number)  # type: ignore[misc]  # mypy knows no default here
                    asked.give_up()
                there.sysctl("net.ipv6.icmp.echo_ignore_all", "0")
                (asked,) = _entered_all(here, probe, [aim])
                assert (await asked.answer).clock is Clock.KERNEL
            take()
    finally:
        there.sysctl("net.ipv6.icmp.echo_ignore_all", "0")
    assert [identifier == came[0] for identifier in came] == [True, True, True, False]


def _entered_all(host: Host, probe: Probe[IcmpTarget], aims: Sequence[IcmpTarget]) -> list[Asked]:
    with host.entered():  # another identifier may be another socket
        return begin(probe, aims)


async def test_what_never_left_this_host_or_was_answered_wrongly_is_no_silence(
    here: Host, there: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "_BETWEEN_SWEEPS", 0.0)
    monkeypatch.setattr(identifiers, "_BETWEEN_CHANGES", 0.0)
    cut = target(there.address, payload_bytes=1000)
    async with pinging(here) as (probe, _), answering(there, lambda request, _: [reply_to(request[:72])]) as came:
        for _ in range(6):
            (asked,) = begin(probe, [cut])
            await until(lambda asked=asked: asked.silence is Reason.PROTOCOL)  # type: ignore[misc]  # mypy knows no default here
            asked.give_up()
    assert len({packet[IP_HEADER + 4 : IP_HEADER + 6] for packet in came}) == 1


@pytest.mark.parametrize("flags", [0, socket.MSG_ERRQUEUE])
async def test_an_error_that_is_announced_on_either_queue_fails_nobody(
    here: Host, there: Host, monkeypatch: pytest.MonkeyPatch, flags: int
) -> None:
    """Before Linux 5 recvmmsg(2) hands out a socket's pending error when it reads the error queue, too."""
    calls: list[int] = []
    real = batch._recvmmsg

    def announcing(descriptor: int, block: int, count: int, asked: int, wait: None) -> int:
        if asked & socket.MSG_ERRQUEUE == flags:
            calls.append(asked)
            if len(calls) % 3:
                ctypes.set_errno(errno.EHOSTUNREACH)
                return -1
        return int(real(descriptor, block, count, asked, wait))

    monkeypatch.setattr(batch, "_recvmmsg", announcing)
    async with pinging(here) as (probe, _):
        for _ in range(5):
            assert (await one(probe, target(there.address))).rtt
    assert len(calls) > 5


async def test_without_stamps_the_users_clock_measures(
    here: Host, there: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "SO_TIMESTAMPING", 9999)  # such an option no kernel has
    async with pinging(here) as (probe, notices):
        for address, family in ((there.address, IpFamily.IPV4), (there.address6, IpFamily.IPV6)):
            reply = await one(probe, target(address, ip_family=family, dscp=46))
            assert reply.clock is Clock.USER
            assert 0 < (reply.rtt or 0) < 1
            assert reply.egress_queue is None
    assert not any(notice.stamped for notice in notices if isinstance(notice, SocketOpened))


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


WRONG: dict[str, Callable[[bytes], bytes]] = {
    "cut to 64 bytes of data": lambda request: reply_to(request[: 8 + 64]),
    "cut to its header": lambda request: reply_to(request[:8]),
    "longer": lambda request: reply_to(request + bytes(500)),
    "another token": FORGERIES["token"],
    "another sequence at its end": lambda request: reply_to(request[:-1] + bytes([request[-1] ^ 1])),
    "other data": lambda request: reply_to(request[:20] + b"?" + request[21:]),
    "another sequence in its header": FORGERIES["sequence"],
    "one byte less": lambda request: reply_to(request[:-1]),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_reply_that_is_not_the_request_is_the_protocols_failure_of_its_probe_alone(
    here: Host, there: Host, wrong: str
) -> None:
    def answer(request: bytes, _: str) -> Sequence[bytes]:
        return [WRONG[wrong](request)] if len(request) > 200 else [reply_to(request)]

    small, large = (target(there.address, payload_bytes=size) for size in (56, 1000))
    async with pinging(here) as (probe, notices), answering(there, answer):
        for _ in range(5):
            asked = begin(probe, [small, large, small])
            await until(lambda asked=asked: asked[1].silence is Reason.PROTOCOL)  # type: ignore[misc]  # mypy knows no default here
            assert [(await asked[n].answer).clock for n in (0, 2)] == [Clock.KERNEL] * 2
            asked[1].give_up()
    assert not [notice for notice in notices if not isinstance(notice, SocketOpened)]


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
            assert isinstance(ends[1], RoundTrip)
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
    monkeypatch.setattr(echo_socket, "_RECEIVE_BUFFER", 4096)
    async with pinging(here) as (probe, notices):
        slot = begin(probe, [target(there.address)] * 200)
        await until(lambda: any(isinstance(notice, ReceiveOverflow) for notice in notices))
        unanswered = [asked for asked in slot if not asked.answer.done()]
    assert unanswered
    assert {asked.silence for asked in unanswered} == {Reason.LOCAL}


async def test_when_all_sequences_are_under_way_that_is_our_own_fault(
    here: Host, there: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "_SEQUENCES", 4)
    async with pinging(here) as (probe, _), answering(there, lambda *_: []):
        slot = begin(probe, [target(there.address)] * 5)
        assert [reason(asked) for asked in slot] == [None] * 4 + [Reason.LOCAL]
        slot[0].give_up()
        (again,) = begin(probe, [target(there.address)])
        assert not again.answer.done()


async def test_probes_that_were_given_up_are_forgotten_when_nobody_will_answer_them_any_more(
    here: Host, there: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "_REMEMBERED_FOR", 0.0)
    monkeypatch.setattr(requests, "_BETWEEN_SWEEPS", 0.0)
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


class Old(socket.socket):
    """A datagram ICMPv6 socket as before Linux 6.1: what goes beside a packet is not read."""

    def sendmsg(self, buffers, ancdata=(), flags=0, address=None):
        self.sendto(b"".join(buffers), address)
        return 0


@pytest.mark.parametrize("permitted", [True, False])
async def test_where_a_datagram_socket_reads_no_ancillary_data_a_raw_one_is_taken_if_it_may_be(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, permitted: bool
) -> None:
    host = lab.hosts["here"]
    host.allow_ping_groups()

    def old_socket(family: int, kind: int, protocol: int) -> socket.socket:
        if kind & socket.SOCK_RAW == socket.SOCK_RAW and not permitted:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        return Old(family, kind, protocol)

    monkeypatch.setattr(socket, "socket", old_socket)
    async with pinging(host) as (_, notices):
        opened = {notice.ip_family: notice for notice in notices if isinstance(notice, SocketOpened)}
    four, six = opened[IpFamily.IPV4], opened[IpFamily.IPV6]
    assert (four.kind, four.stamped, four.reads_ancillary) == ("datagram", True, True)
    assert (six.kind, six.stamped, six.reads_ancillary) == (
        ("raw", True, True) if permitted else ("datagram", False, False)
    )


@pytest.mark.parametrize("number", [None, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EPERM, errno.EACCES])
def test_only_a_kernel_that_complains_of_ancillary_data_has_read_it(number: int | None) -> None:
    """It says EINVAL before it looks for a way; a host without ::1 says something else, or the packet goes out."""
    assert not echo_socket._reads_ancillary(_Fails(number))  # type: ignore[arg-type]  # as much of a socket as is used
    assert echo_socket._reads_ancillary(_Fails(errno.EINVAL))  # type: ignore[arg-type]  # likewise


class _Fails:
    def __init__(self, error: int | None) -> None:
        self._error = error

    def sendmsg(self, *_: object) -> int:
        if self._error:
            raise OSError(self._error, "")
        return 0


async def test_this_kernel_reads_it_also_without_a_way_to_loopback(lab: Lab) -> None:
    host = lab.hosts["here"]
    host.allow_ping_groups()
    host.sysctl("net.ipv6.conf.lo.disable_ipv6", "1")
    try:
        async with pinging(host) as (_, notices):
            assert [n.reads_ancillary for n in notices if isinstance(n, SocketOpened)] == [True, True]
    finally:
        host.sysctl("net.ipv6.conf.lo.disable_ipv6", "0")


async def test_leaving_closes_also_a_socket_that_was_opened_and_not_yet_used(
    here: Host, there: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "_BETWEEN_SWEEPS", 0.0)
    before = descriptors()
    async with pinging(here) as (probe, _), answering(there, lambda *_: []) as came:
        for number in range(identifiers.SILENT_AFTER):
            (asked,) = _entered_all(here, probe, [target(there.address)])
            await until(lambda number=number: len(came) > number)  # type: ignore[misc]  # mypy knows no default here
            asked.give_up()
        with here.entered():
            begin(probe, [target(there.address, dscp=46)])[0].give_up()
    assert descriptors() == before


async def test_leaving_closes_the_sockets_and_their_readers(here: Host) -> None:
    async with pinging(here) as (_, notices):
        kinds = {notice.kind for notice in notices if isinstance(notice, SocketOpened)}
    assert len(notices) == 2
    assert "none" not in kinds
    assert len(kinds) == 1

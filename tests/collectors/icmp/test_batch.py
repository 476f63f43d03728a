"""Batches of datagrams, on loopback."""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
from collections.abc import Iterator

import pytest

from collectors import ancillary, kernel
from collectors.icmp.batch import BATCH, CONTROL_ROOM, Inbox, Outbox, name_of
from collectors.icmp.receiver import REPLY, STAMP

V4, V6 = socket.AF_INET, socket.AF_INET6
NAME_BYTES = {V4: 16, V6: 28}


@pytest.fixture(params=[V4, V6])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected UDP sockets of a family, so that names need no port; both are non-blocking."""
    with contextlib.ExitStack() as stack:
        one, other = (stack.enter_context(socket.socket(request.param, socket.SOCK_DGRAM)) for _ in range(2))
        for sock in (one, other):
            sock.bind(("127.0.0.1" if request.param == V4 else "::1", 0))
            sock.setblocking(False)
        one.connect(other.getsockname())
        other.connect(one.getsockname())
        yield one, other


def outbox(sock: socket.socket, length: int, control: bytes = b"", first: bytes = b"") -> Outbox:
    return Outbox(sock, 0, length, control, first)  # no name: the sockets are connected


def datagrams(inbox: Inbox) -> list[bytes]:
    return [bytes(inbox.memory[data : data + length]) for _, _, _, data, length in inbox.receive()]


def test_a_batch_arrives_in_its_order_and_nothing_more_after_it(pair: tuple[socket.socket, socket.socket]) -> None:
    sent = [f"{number:04}".encode() for number in range(BATCH)]
    assert outbox(pair[0], 4).send(sent, []) == BATCH
    inbox = Inbox(pair[1], 100, REPLY)
    assert datagrams(inbox) == sent
    assert inbox.receive() == []


def test_more_than_a_batch_is_received_in_several(pair: tuple[socket.socket, socket.socket]) -> None:
    box, inbox = outbox(pair[0], 1), Inbox(pair[1], 100, REPLY)
    for _ in range(2):
        box.send([b"x"] * BATCH, [])
    box.send([b"y"], [])
    assert [len(datagrams(inbox)) for _ in range(4)] == [BATCH, BATCH, 1, 0]


def test_of_a_long_datagram_the_beginning_is_there(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[0].send(b"0123456789")
    pair[0].send(b"next")
    assert datagrams(Inbox(pair[1], 5, REPLY)) == [b"01234", b"next"]


def test_sending_goes_on_behind_what_was_skipped(pair: tuple[socket.socket, socket.socket]) -> None:
    box, inbox = outbox(pair[0], 1), Inbox(pair[1], 10, REPLY)
    box.send([b"a", b"b", b"c"], [])
    assert box.send([b"a", b"b", b"c"], [], 1) == 2
    assert datagrams(inbox) == [b"a", b"b", b"c", b"b", b"c"]


def test_an_error_is_the_kernels(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[1].close()
    box = outbox(pair[0], 1)
    box.send([b"a"], [])  # answered by an ICMP error, which the next call reports
    with pytest.raises(OSError, match="refused") as raised:
        box.send([b"a"], [])
    assert raised.value.errno == errno.ECONNREFUSED


def test_a_datagram_without_a_stamp_does_not_bear_its_predecessors(pair: tuple[socket.socket, socket.socket]) -> None:
    inbox = Inbox(pair[1], 10, REPLY)
    kernel.stamp_packets(pair[1], kernel.WITH_PACKET)
    pair[0].send(b"a")
    ((read, *_),) = inbox.receive()
    assert read[0] == STAMP
    assert read[1] > 1_600_000_000
    kernel.stamp_packets(pair[1], 0)
    pair[0].send(b"b")
    ((read, control, *_),) = inbox.receive()
    assert set(read[0]) == {0}
    assert not any(inbox.memory[control : control + CONTROL_ROOM])


def test_each_has_its_ancillary_data_and_the_first_its_own(pair: tuple[socket.socket, socket.socket]) -> None:
    is_v4 = pair[0].family == V4
    level, kind = (socket.IPPROTO_IP, socket.IP_TOS) if is_v4 else (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)
    pair[1].setsockopt(level, 13 if is_v4 else socket.IPV6_RECVTCLASS, 1)  # IP_RECVTOS
    controls = [ancillary.packed(level, kind, struct.pack("@i", wanted)) for wanted in (0x28, 0xB8)]
    outbox(pair[0], 1, *controls).send([b"x"] * 3, [])
    inbox = Inbox(pair[1], 10, REPLY)
    classes = [
        data[0]
        for _, control, *_ in inbox.receive()
        for got, _, data in ancillary.pieces(inbox.memory[control : control + CONTROL_ROOM])
        if got == level and data
    ]
    assert classes == [0xB8, 0x28, 0x28]


def test_a_name_is_what_the_kernel_takes_and_gives() -> None:
    with socket.socket(V4, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        port = sock.getsockname()[1].to_bytes(2, "big")
        name = name_of(V4, "127.0.0.1")
        with socket.socket(V4, socket.SOCK_DGRAM) as other:
            Outbox(other, NAME_BYTES[V4], 1, b"", b"").send([b"x"], [name[:2] + port + name[4:]])
            other_port = other.getsockname()[1].to_bytes(2, "big")
        inbox = Inbox(sock, 10, REPLY)
        ((_, _, at, _, _),) = inbox.receive()
    assert inbox.memory[at : at + 16] == name[:2] + other_port + name[4:16]


def test_a_name_of_ipv6_bears_its_scope() -> None:
    family, flow, address, scope = struct.unpack_from("@H2xI16sI", name_of(V6, "fe80::1", 7))
    assert (family, flow, address, scope) == (V6, 0, socket.inet_pton(V6, "fe80::1"), 7)

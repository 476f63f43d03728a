"""Echo packets by value; icmplib, which builds them by other code, is the oracle."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icmplib.sockets import ICMPv4Socket

from collectors.icmp import echo
from collectors.terms import IpFamily

TOKEN = echo.token(b"\x01\x02\x03\x04\x05\x06", 0x1234)
V4 = echo.layout(IpFamily.IPV4, 56)
V6 = echo.layout(IpFamily.IPV6, 56)
REQUEST = V4.request(7, TOKEN)
RAW = echo.Judge(IpFamily.IPV4, summed=False)
"""Of a raw socket: nothing has verified its checksums."""


def answers(reply: bytes, request: bytes = REQUEST, judge: echo.Judge = RAW) -> bool:
    """Judge a reply somewhere in a memory that holds more."""
    return judge.answers(b"before" + reply + b"behind", 6, 6 + len(reply), request)


def checksum(data: bytes) -> int:
    """The Internet checksum as RFC 1071 defines it, word by word."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def reply_to(request: bytes, kind: int = 0) -> bytes:
    """What a host answers: the same with another type and the checksum made anew."""
    blank = bytes([kind, 0, 0, 0]) + request[4:]
    return blank[:2] + checksum(blank).to_bytes(2, "big") + blank[4:]


def test_a_request_is_the_one_that_icmplib_builds() -> None:
    request = V4.request(0x4242, TOKEN)
    icmplib = object.__new__(ICMPv4Socket)
    icmplib._sock = None
    assert request == icmplib._create_packet(0x4242, 0x1234, request[8:])


@given(
    random=st.binary(min_size=6, max_size=6),
    sequence=st.integers(0, 0xFFFF),
    identifier=st.integers(0, 0xFFFF),
    payload=st.integers(8, 300),
)
def test_every_request_has_a_right_checksum_and_its_reply_is_recognised(
    random: bytes, sequence: int, identifier: int, payload: int
) -> None:
    layout = echo.layout(IpFamily.IPV4, payload)
    token = echo.token(random, sequence)
    request = layout.request(identifier, token)
    assert len(request) == 8 + payload
    assert checksum(request) == 0
    assert request.endswith(token)
    assert token.endswith(sequence.to_bytes(2, "big"))
    assert echo.sequence_of(request[:8]) == sequence
    assert answers(reply_to(request), request)


@pytest.mark.parametrize("position", range(64))
def test_a_reply_with_one_other_byte_is_not_the_answer(position: int) -> None:
    reply = bytearray(reply_to(REQUEST))
    reply[position] ^= 0x10
    assert not answers(bytes(reply))


@pytest.mark.parametrize("packet", [b"", b"\0", bytes(8), bytes(64), bytes(65), b"\xff" * 64])
def test_rubbish_is_not_the_answer(packet: bytes) -> None:
    assert not answers(packet)
    assert not answers(packet, judge=echo.Judge(IpFamily.IPV6, summed=True))


def test_our_own_request_coming_back_is_not_the_answer() -> None:
    assert not answers(REQUEST)


def test_a_truncated_reply_is_not_the_answer() -> None:
    assert not answers(reply_to(REQUEST)[:-1])


def test_both_ways_to_write_a_zero_checksum_are_accepted() -> None:
    identifier = next(number for number in range(1 << 16) if reply_to(V4.request(number, TOKEN))[2:4] == b"\0\0")
    request = V4.request(identifier, TOKEN)
    reply = reply_to(request)
    assert answers(reply, request)
    assert answers(reply[:2] + b"\xff\xff" + reply[4:], request)


def test_icmpv6_leaves_the_checksum_to_the_kernel() -> None:
    request = V6.request(7, TOKEN)
    assert request[0] == 128
    assert answers(bytes([129, 0]) + b"\xab\xcd" + request[4:], request, echo.Judge(IpFamily.IPV6, summed=True))


def test_too_short_a_quotation_names_no_probe() -> None:
    assert echo.sequence_of(bytes(7)) is None

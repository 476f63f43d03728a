"""By which identifier an address is asked, by value."""

from __future__ import annotations

import socket
import sys

import pytest

from collectors.icmp import identifiers
from collectors.icmp.echo_socket import IDENTIFIERS, EchoSocket
from collectors.icmp.identifiers import Identifiers
from collectors.terms import IpFamily


@pytest.fixture
def ours() -> Identifiers:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.close()
    return Identifiers(EchoSocket(sock, IpFamily.IPV4, "raw", 0x1230, reads_ancillary=True, stamped=True))


def lose(ours: Identifiers, address: str, times: int, begin: float = 0.0, interval: float = 1.0) -> list[int]:
    """Return the identifiers that these probes bore."""
    borne = []
    for number in range(times):
        borne.append(ours.of(address).identifier)
        ours.count_lost(address, begin + number * interval)
    return borne


def test_three_in_a_row_change_it_and_leave_the_others_alone(ours: Identifiers) -> None:
    assert lose(ours, "a", 4) == [0x1230, 0x1230, 0x1230, 0x1231]
    assert ours.of("b").identifier == 0x1230


def test_an_answer_in_between_begins_the_count_anew(ours: Identifiers) -> None:
    lose(ours, "a", 2)
    del ours.lost["a"]  # as the pinger does
    assert lose(ours, "a", 3) == [0x1230] * 3


@pytest.mark.parametrize("interval", [0.1, 1.0, 5.0, 60.0])
def test_no_identifier_comes_back_before_a_nat_has_forgotten_it(ours: Identifiers, interval: float) -> None:
    """However long the silence, and also if the way back opens in its midst."""
    used: dict[int, float] = {}
    for number, identifier in enumerate(lose(ours, "a", 2000, interval=interval)):
        now = number * interval
        if identifier in used and now - used[identifier] > interval * 1.01:
            assert now - used[identifier] > 60
        used[identifier] = now
    assert len(used) == IDENTIFIERS


def test_without_a_descriptor_it_is_asked_as_before(ours: Identifiers, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(_first: EchoSocket, _number: int) -> EchoSocket:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(identifiers, "with_identifier", none_left)
    assert set(lose(ours, "a", 20)) == {0x1230}


@pytest.mark.parametrize("times", [1, 3])
def test_addresses_that_never_answer_again_fill_no_memory(ours: Identifiers, times: int) -> None:
    for number in range(20_000):
        lose(ours, f"{number}", times)
    blocks = sys.getallocatedblocks()
    for number in range(20_000, 40_000):
        lose(ours, f"{number}", times)
    assert sys.getallocatedblocks() - blocks < 5_000
    assert lose(ours, "b", 4) == [0x1230, 0x1230, 0x1230, 0x1231]

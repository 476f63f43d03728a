"""Who gives way where there is no room, and what counts as one address."""

import pytest

from exporter.web.connections.limits import Guests, Limits, address_of


class Visitor:
    def __init__(self, name):
        self.name, self.is_cut = name, False

    def cut(self):
        self.is_cut = True


def enter(guests, *names, address):
    visitors = [Visitor(name) for name in names]
    for visitor in visitors:
        guests.enter(visitor, address)
    return visitors


def cut(*visitors):
    return [visitor.name for visitor in visitors if visitor.is_cut]


def test_beyond_its_own_cap_an_address_loses_its_own_oldest_connection():
    guests = Guests(10, 2)
    other = enter(guests, "other", address="b")
    ours = enter(guests, "first", "second", "third", address="a")
    assert cut(*other, *ours) == ["first"]


def test_beyond_the_cap_of_all_the_oldest_of_all_goes():
    guests = Guests(3, 2)
    visitors = [*enter(guests, "1", "2", address="a"), *enter(guests, "3", "4", address="b")]
    assert cut(*visitors) == ["1"]


def test_who_brought_a_request_goes_after_those_who_brought_none():
    guests = Guests(2, 2)
    first, second = enter(guests, "first", "second", address="a")
    guests.asked(first)
    enter(guests, "third", address="b")
    assert cut(first, second) == ["second"]


def test_who_left_makes_room_and_may_leave_twice():
    guests = Guests(1, 1)
    (first,) = enter(guests, "first", address="a")
    guests.leave(first)
    guests.leave(first)
    guests.asked(first)
    (second,) = enter(guests, "second", address="a")
    assert not cut(first, second)
    guests.leave(second)
    assert not guests._all
    assert not guests._by_address


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        (("192.0.2.1", 5), "192.0.2.1"),
        (("::ffff:192.0.2.1", 5, 0, 0), "192.0.2.1"),
        (("2001:db8:1:2:3:4:5:6", 5, 0, 0), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 5, 0, 2), "fe80::/64"),
        ("", ""),
        (None, ""),
    ],
)
def test_an_address_is_one_of_ipv4_or_a_network_of_ipv6(peer, address):
    assert address_of(peer) == address


def test_half_of_the_file_descriptors_are_left_to_the_probes():
    assert Limits().within(1024).connections == 512
    assert Limits().within(256) == Limits(connections=128)
    assert Limits().within(40) == Limits(connections=20, per_address=20)

"""Which addresses can be another host's."""

import pytest

from collectors.literals import is_of_some_link, never_a_host, travels_by

NO_HOSTS = [
    *("0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.254", "255.255.255.255"),
    *("::", "ff02::1", "ff02::1%eth0", "::ffff:0.0.0.0", "::ffff:255.255.255.255", "::ffff:e000:1", "64:ff9b::"),
]
HOSTS = [
    "127.0.0.1",
    "::1",
    "192.0.2.1",
    "223.255.255.255",
    "1.0.0.0",
    "2001:db8::1",
    "fe80::1%eth0",
    "::ffff:192.0.2.1",
    "64:ff9b::192.0.2.1",
]


@pytest.mark.parametrize("address", NO_HOSTS)
def test_an_address_that_no_other_host_can_have_is_known(address):
    assert never_a_host(address)


@pytest.mark.parametrize("address", [*HOSTS, "host.example", "", "0x0"])
def test_any_other_address_and_a_name_can_be_a_hosts(address):
    assert never_a_host(address) is None


@pytest.mark.parametrize(
    ("address", "family"),
    [("192.0.2.1", "ipv4"), ("2001:db8::1", "ipv6"), ("::ffff:192.0.2.1", "ipv4"), ("64:ff9b::192.0.2.1", "ipv6")],
)
def test_an_address_of_ipv4_in_the_form_of_ipv6_is_reached_by_ipv4(address, family):
    assert travels_by(address) == family


@pytest.mark.parametrize(
    ("address", "is_so"),
    [("fe80::1", True), ("febf::1", True), ("fe80::1%eth0", False), ("fec0::1", False), ("169.254.1.1", False)],
)
def test_an_address_of_one_link_needs_its_zone(address, is_so):
    assert is_of_some_link(address) is is_so

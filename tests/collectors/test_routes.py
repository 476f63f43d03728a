"""Whether a host has a network, in namespaces of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from collectors import routes, tcp
from collectors.contract import IpFamily, Reason
from tests.collectors.peers import context, failure, tcp_target
from tests.netlab import Host, Lab, requires_root

pytestmark = requires_root


@pytest.fixture
def lone() -> Iterator[tuple[Host, Lab]]:
    with Lab() as lab:
        host = lab.host("lone")
        lab.veth(host, lab.host("other"))
        yield host, lab


def known(host: Host) -> dict[IpFamily, bool]:
    with host.entered():
        return {ip_family: routes.has_network(ip_family) for ip_family in IpFamily}


def test_a_host_whose_only_link_is_down_has_no_network(lone: tuple[Host, Lab]) -> None:
    host, lab = lone
    assert set(known(host).values()) == {True}
    lab.cables[0].down()
    assert set(known(host).values()) == {False}
    lab.cables[0].up()
    assert set(known(host).values()) == {True}


def test_a_family_of_which_there_are_but_link_local_addresses_has_none(lone: tuple[Host, Lab]) -> None:
    host, lab = lone
    host.ip("-6", "route", "flush", "dev", lab.cables[0].device_of(host), "table", "main", "proto", "boot")
    host.ip("-6", "address", "flush", "dev", lab.cables[0].device_of(host), "scope", "global")
    assert known(host) == {IpFamily.IPV4: True, IpFamily.IPV6: False}


def test_a_route_that_refuses_leads_nowhere(lone: tuple[Host, Lab]) -> None:
    host, lab = lone
    lab.cables[0].down()
    host.ip("route", "add", "unreachable", "default")
    host.ip("-6", "route", "add", "unreachable", "default")
    assert set(known(host).values()) == {False}


@pytest.mark.parametrize("address", ["198.51.100.7", "2001:db8::7"])
async def test_a_handshake_for_which_there_is_no_route_fails_as_the_hosts_own_if_there_are_none_at_all(
    lone: tuple[Host, Lab], address: str
) -> None:
    host, lab = lone
    async with tcp.collector(context()) as probe:
        with host.entered():
            assert (await failure(probe, tcp_target(80, address)))[0] is Reason.UNREACHABLE
        lab.cables[0].down()
        with host.entered():
            reason, detail = await failure(probe, tcp_target(80, address))
    assert reason is Reason.LOCAL
    assert detail.startswith("no network here: no route of ipv")

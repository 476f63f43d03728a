"""Whether a host has a network, in namespaces of their own."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from collectors import icmp, routes, tcp
from collectors.icmp.target import IcmpTarget
from collectors.terms import IpFamily, Reason
from tests.collectors.asking import failure
from tests.collectors.targets import context, tcp_target
from tests.netlab import Host, Lab, requires_root
from tests.netlab.shell import ip_batch

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


@pytest.mark.parametrize("kind", ["unreachable", "prohibit", "blackhole"])
def test_a_route_that_refuses_leads_nowhere(kind: str, lone: tuple[Host, Lab]) -> None:
    host, lab = lone
    lab.cables[0].down()
    host.ip("route", "add", kind, "default")
    host.ip("-6", "route", "add", kind, "default")
    assert set(known(host).values()) == {False}


def test_not_all_routes_of_very_many_are_looked_at(lone: tuple[Host, Lab]) -> None:
    host, lab = lone
    lab.cables[0].down()
    blackholes = [f"route add blackhole 10.{number // 250}.{number % 250}.0/24" for number in range(routes._ENOUGH)]
    ip_batch(host.namespace.name, blackholes[1:])  # the table's head is a line, too
    assert known(host)[IpFamily.IPV4] is False
    ip_batch(host.namespace.name, blackholes[:1])
    assert known(host)[IpFamily.IPV4] is True


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


@pytest.mark.parametrize("any_can_be_bound", ["0", "1"])
def test_an_address_is_this_hosts_own_if_the_kernel_delivers_it_here(
    lone: tuple[Host, Lab], any_can_be_bound: str
) -> None:
    host, lab = lone
    device = lab.cables[0].device_of(host)
    for prefix in ("10.199.0.5/24", "10.199.0.6/24", "fd99::5/64"):  # two of one network
        host.add_address(prefix, device)
    for setting in ("net.ipv4.ip_nonlocal_bind", "net.ipv6.ip_nonlocal_bind"):
        host.sysctl(setting, any_can_be_bound)
    own = [*("127.0.0.1", "127.0.0.9", "10.199.0.5", "10.199.0.6"), *("::1", "fd99::5")]
    others = [*("10.199.0.7", "10.199.0.255", "198.51.100.7"), *("fd99::7", "2001:db8::7")]
    with host.entered():
        is_ours = {address: routes.is_ours(family_of(address), address) for address in (*own, *others)}
    assert is_ours == dict.fromkeys(own, True) | dict.fromkeys(others, False)


def test_where_the_kernel_tells_no_routes_binding_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "AF_NETLINK", 255)
    assert routes.is_ours(IpFamily.IPV4, "127.0.0.1")
    assert not routes.is_ours(IpFamily.IPV4, "192.0.2.1")


@pytest.mark.parametrize(("address", "source"), [("198.51.100.7", "10.199.0.5"), ("2001:db8::7", "fd99::5")])
async def test_a_source_that_is_gone_is_this_hosts_own_fault_also_where_it_can_still_be_bound_to(
    lone: tuple[Host, Lab], address: str, source: str
) -> None:
    host, _ = lone
    for setting in ("net.ipv4.ip_nonlocal_bind", "net.ipv6.ip_nonlocal_bind"):
        host.sysctl(setting, "1")
    family = family_of(address)
    aim = IcmpTarget(address=address, ip_family=family, payload_bytes=56, dscp=0, source_address=source)
    with host.entered():
        async with tcp.collector(context()) as probe:
            assert (await failure(probe, tcp_target(80, address, source)))[0] is Reason.LOCAL
        async with icmp.collector(context()) as probe:
            assert (await failure(probe, aim))[0] is Reason.LOCAL


def family_of(address: str) -> IpFamily:
    return IpFamily.IPV6 if ":" in address else IpFamily.IPV4

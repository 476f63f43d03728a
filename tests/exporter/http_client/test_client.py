"""Whose fault it is that a server was not asked."""

from __future__ import annotations

import errno

import pytest
import yarl
from aiohttp import ClientConnectorError
from aiohttp.client_reqrep import ConnectionKey

from collectors import routes
from collectors.terms import IpFamily, Reason
from exporter.http_client.client import trouble_of


def not_connected(host: str, number: int) -> ClientConnectorError:
    url = yarl.URL.build(scheme="http", host=host)
    return ClientConnectorError(ConnectionKey(url.host or "", 80, False, True, None, None, None), OSError(number, ""))


@pytest.mark.parametrize(
    ("host", "networks", "reason"),
    [
        ("192.0.2.1", set(), Reason.LOCAL),
        ("192.0.2.1", {IpFamily.IPV6}, Reason.LOCAL),
        ("192.0.2.1", {IpFamily.IPV4}, Reason.UNREACHABLE),
        ("2001:db8::1", {IpFamily.IPV4}, Reason.LOCAL),
        ("2001:db8::1", {IpFamily.IPV6}, Reason.UNREACHABLE),
        ("wf001.example", set(), Reason.LOCAL),
        ("wf001.example", {IpFamily.IPV6}, Reason.UNREACHABLE),
    ],
)
def test_without_a_network_of_its_own_a_host_blames_nobody_else(
    monkeypatch: pytest.MonkeyPatch, host: str, networks: set[IpFamily], reason: Reason
) -> None:
    monkeypatch.setattr(routes, "has_network", networks.__contains__)
    assert trouble_of(not_connected(host, errno.ENETUNREACH), connected=False).reason is reason


def test_a_server_that_refuses_is_no_fault_of_this_host() -> None:
    assert trouble_of(not_connected("192.0.2.1", errno.ECONNREFUSED), connected=False).reason is Reason.REFUSED

"""What is probed, in the fewest words; the rest is as in most fleet files."""

from typing import Any

import re2

from collectors.contract import Context
from collectors.http.target import HttpTarget
from collectors.secret import Secret
from collectors.sql.target import DatabaseTarget
from collectors.tcp import TcpTarget
from collectors.terms import IpFamily
from collectors.transport import resolver


def context(lookup=resolver.addresses) -> Context:
    """Addresses are literal, names are looked up for real."""
    return Context(address=lambda name, _family: name, lookup=lookup, notice=print)


def tcp_target(port: int, address: str = "127.0.0.1", source_address: str | None = None) -> TcpTarget:
    family = IpFamily.IPV6 if ":" in address else IpFamily.IPV4
    return TcpTarget(address=address, ip_family=family, port=port, source_address=source_address)


def database_target(port: int, **changes) -> DatabaseTarget:
    plain: dict[str, Any] = {
        "protocol": "postgresql",
        "address": "127.0.0.1",
        "ip_families": (IpFamily.IPV4,),
        "port": port,
        "socket": None,
        "user": "monitor",
        "password": Secret("hush"),
        "dbname": "n8n",
        "tls": "disable",
        "tls_ca_file": None,
        "query": "SELECT 1",
        "timeout": 5.0,
        "logs_in": True,
    }
    return DatabaseTarget(**plain | changes)


def http_target(url: str, **changes) -> HttpTarget:
    plain: dict[str, Any] = {
        "url": url,
        "ip_family": IpFamily.IPV6 if "[" in url else IpFamily.IPV4,
        "method": "GET",
        "headers": (),
        "expect_status": frozenset(range(200, 300)),
        "expect_body": None,
        "max_body_bytes": 65536,
        "tls_ca_file": None,
        "tls_verify": True,
        "user": None,
        "password": None,
    }
    if changes.get("expect_body") is not None:
        changes["expect_body"] = re2.compile(changes["expect_body"])
    return HttpTarget(**plain | changes)


def url(peer, path="/", *, host="127.0.0.1", scheme="http"):
    return f"{scheme}://{host}:{peer.port}{path}"


def https(peer, authority, **changes):
    return http_target(url(peer, host="localhost", scheme="https"), **{"tls_ca_file": authority.ca_file} | changes)

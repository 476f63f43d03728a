"""MySQL blocks a host after so many connections of it that broke off: not for our sake, and if so it is told.

The server counts a connection whose handshake did not end, by the address of who made it, unless that is loopback
or ``skip_name_resolve`` is on (MySQL 8.0 Reference Manual, "Host Cache"); anybody's successful login clears the count.
"""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collectors import mysql
from collectors.contract import ProbeFailed, Reason
from collectors.secret import Secret
from tests.collectors.peers import Authority, ask, context, database_target
from tests.netlab import Host, Lab, requires_root, wait_until

from .databases import PASSWORD, Server, requires_databases, started
from .test_databases import certificate

pytestmark = [requires_root, requires_databases]

FORGIVEN = 3
"""Broken connections after which the server blocks."""


@dataclasses.dataclass
class Stage:
    """A server with a certificate for `wfdb02`, and a host away from it."""

    here: Host
    there: Host
    server: Server
    authority: Authority

    def probes(self, *wanted: dict[str, Any]) -> list[Reason | None]:
        """Log in by one collector after the other way; the reasons, None for success."""

        async def run() -> list[Reason | None]:
            async with mysql.collector(context()) as probe:
                return [await outcome(probe, self.server.port, {"address": self.there.address} | how) for how in wanted]

        with self.here.entered():
            return asyncio.run(run())


async def outcome(probe: Any, port: int, how: dict[str, Any]) -> Reason | None:
    try:
        await ask(probe, database_target(port, **{"password": Secret(PASSWORD)} | how))
    except ProbeFailed as failed:
        return failed.reason
    return None


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    with Lab() as lab:
        here, there = lab.host("wf001"), lab.host("wfdb02")
        lab.link(here, there)
        options = ["--skip-name-resolve=0", f"--max-connect-errors={FORGIVEN}"]
        with (
            certificate(authority, "mysql", "wfdb02") as file,
            started(
                "mysql",
                address="0.0.0.0",
                tls=(file, file),
                through=("ip", "netns", "exec", there.namespace.name),
                options=options,
            ) as server,
        ):
            yield Stage(here, there, server, authority)


@pytest.fixture
def trust(stage: Stage) -> dict[str, Any]:
    return {"tls": "verify-full", "tls_ca_file": stage.authority.ca_file}


def test_a_certificate_that_does_not_verify_blocks_nobody(stage: Stage, trust: dict[str, Any]) -> None:
    tried = stage.probes(*[trust] * (3 * FORGIVEN), {"tls": "disable"})  # its address is no name of the certificate's
    assert tried == [Reason.TLS] * (3 * FORGIVEN) + [None]


def test_a_certificate_that_was_renewed_is_believed_at_once(
    stage: Stage, trust: dict[str, Any], tmp_path: Path
) -> None:
    def renew(*names: str) -> None:
        assert stage.server.tls
        stage.server.tls[0].write_bytes(stage.authority.file(*names).read_bytes())
        stage.server.admin("FLUSH SSL")

    async def run() -> list[Reason | None]:
        found = []
        async with mysql.collector(context()) as probe:
            for name in ("wfdb02", None, None, stage.there.address, "another", None, stage.there.address):
                if name:
                    renew(name)
                found.append(await outcome(probe, stage.server.port, {"address": stage.there.address} | trust))
        return found

    with stage.here.entered():
        found = asyncio.run(run())
    assert found == [Reason.TLS] * 3 + [None] + [Reason.TLS] * 2 + [None]


def test_a_host_that_is_blocked_is_refused_and_recovers_when_it_is_forgiven(stage: Stage) -> None:
    with stage.here.entered():
        for _ in range(FORGIVEN):
            socket.create_connection((stage.there.address, stage.server.port)).close()
        wait_until(lambda: stage.probes({"tls": "disable"}) == [Reason.REFUSED], "the host is blocked")
    assert stage.probes({"tls": "disable"}, {"tls": "disable", "cold": False}) == [Reason.REFUSED] * 2
    stage.server.admin("FLUSH HOSTS")
    assert stage.probes({"tls": "disable"}, {"tls": "disable", "cold": False}) == [None] * 2

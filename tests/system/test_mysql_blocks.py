"""MySQL blocks a host after so many connections of it that broke off: not for our sake, and if so it is told.

The server counts a connection whose handshake did not end, by the address of who made it, unless that is loopback
or ``skip_name_resolve`` is on (MySQL 8.0 Reference Manual, "Host Cache"); anybody's successful login clears the count.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mysql import connector

from collectors.contract import ProbeFailed
from collectors.secret import Secret
from collectors.sql import mysql
from collectors.terms import Reason
from tests.authority import Authority
from tests.collectors.asking import ask
from tests.collectors.targets import context, database_target
from tests.netlab import Host, Lab, requires_root, wait_until
from tests.system.database_server import Server
from tests.system.database_sessions import certificate
from tests.system.databases import PASSWORD, MariaDB, requires_databases, started
from tests.system.rooted import MariaDB11, MySQL9, requires_newer_databases

pytestmark = [requires_root, requires_databases]

UNSPOKEN: dict[type[Server], str] = {
    MariaDB: "CREATE USER unspoken IDENTIFIED VIA mysql_old_password USING '6f8c114b58f2ce9e'",
    MariaDB11: "CREATE USER unspoken IDENTIFIED VIA mysql_old_password USING '6f8c114b58f2ce9e'",
    MySQL9: f"CREATE USER unspoken IDENTIFIED WITH sha256_password BY '{PASSWORD}'",
}
FORGET: dict[type[Server], str] = {
    MariaDB: "FLUSH HOSTS",
    MariaDB11: "FLUSH HOSTS",
    MySQL9: "SET GLOBAL host_cache_size = 100; SET GLOBAL host_cache_size = 128",
}
RELOAD_TLS: dict[type[Server], str] = {
    MariaDB: "FLUSH SSL",
    MariaDB11: "FLUSH SSL",
    MySQL9: "ALTER INSTANCE RELOAD TLS NO ROLLBACK ON ERROR",
}
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

    def lets_others_in(self) -> bool:
        """Whether another program of the near host, a driver that is none of ours, can log in."""
        how = {"host": self.there.address, "port": self.server.port, "user": "monitor", "password": PASSWORD}
        with self.here.entered(), contextlib.suppress(connector.Error):
            connector.connect(**how, use_pure=True).close()
            return True
        return False


async def outcome(probe: Any, port: int, how: dict[str, Any]) -> Reason | None:
    try:
        await ask(probe, database_target(port, **{"password": Secret(PASSWORD)} | how))
    except ProbeFailed as failed:
        return failed.reason
    return None


SERVERS = [
    MariaDB,
    pytest.param(MariaDB11, marks=requires_newer_databases),
    pytest.param(MySQL9, marks=requires_newer_databases),
]


@pytest.fixture(scope="module", params=SERVERS, ids=["mariadb10", "mariadb11", "mysql9"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    with Lab() as lab:
        here, there = lab.host("wf001"), lab.host("wfdb02")
        lab.link(here, there)
        options = ["--skip-name-resolve=0", f"--max-connect-errors={FORGIVEN}"]
        if request.param is not MySQL9:
            options.append("--secure-auth=OFF")
        with (
            certificate(authority, "mysql", "wfdb02") as file,
            started(
                request.param,
                address="0.0.0.0",
                tls=(file, file),
                through=("ip", "netns", "exec", there.namespace.name),
                options=options,
            ) as server,
        ):
            server.admin(UNSPOKEN[request.param])
            yield Stage(here, there, server, authority)


@pytest.fixture
def trust(stage: Stage) -> dict[str, Any]:
    return {"tls": "verify-full", "tls_ca_file": stage.authority.ca_file}


def test_a_certificate_that_does_not_verify_blocks_nobody(stage: Stage, trust: dict[str, Any]) -> None:
    """The address is no name of the certificate's."""
    assert stage.probes(*[trust] * (3 * FORGIVEN)) == [Reason.TLS] * (3 * FORGIVEN)
    assert stage.lets_others_in()


REFUSED: dict[str, tuple[dict[str, Any], Reason]] = {
    "a wrong password": ({"password": Secret("wrong"), "tls": "verify-ca"}, Reason.AUTH),
    "a wrong password without TLS": ({"password": Secret("wrong")}, Reason.AUTH),
    "no password": ({"password": None}, Reason.AUTH),
    "a user who does not exist": ({"user": "nobody-we-know", "tls": "verify-ca"}, Reason.AUTH),
    "a user who does not exist, without TLS": ({"user": "moniter"}, Reason.AUTH),
    "a database that does not exist": ({"dbname": "not-there", "tls": "verify-ca"}, Reason.AUTH),
    "a method that is not spoken": ({"user": "unspoken", "tls": "verify-ca"}, Reason.AUTH),
    "a method that is not spoken, without TLS": ({"user": "unspoken"}, Reason.AUTH),
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_a_login_that_is_refused_blocks_nobody(stage: Stage, trust: dict[str, Any], wrong: str) -> None:
    how, reason = REFUSED[wrong]
    ca_file = {"tls_ca_file": stage.authority.ca_file}
    assert stage.probes(*[ca_file | how] * (3 * FORGIVEN)) == [reason] * (3 * FORGIVEN)
    assert stage.lets_others_in()


@pytest.mark.parametrize("stage", [SERVERS[-1]], ids=["mysql9"], indirect=True)  # MariaDB's method never asks for it
@pytest.mark.parametrize("tls", ["disable", "require"])
def test_a_server_that_asks_for_the_password_itself_is_not_told_and_blocks_nobody(stage: Stage, tls: str) -> None:
    stage.server.admin("FLUSH PRIVILEGES")  # it has forgotten who has logged in
    assert stage.probes(*[{"tls": tls}] * (3 * FORGIVEN)) == [Reason.AUTH] * (3 * FORGIVEN)
    assert stage.lets_others_in()


def test_a_probe_that_is_given_up_while_the_server_hangs_blocks_nobody(stage: Stage) -> None:
    """What it reads when it goes on makes it refuse; that our ends have come is seen by its next answer."""

    async def give_up() -> None:
        async with mysql.collector(context()) as probe:
            for _ in range(3 * FORGIVEN):
                with pytest.raises(TimeoutError):
                    await ask(probe, database_target(stage.server.port, address=stage.there.address), deadline=0.1)

    stage.server.freeze()
    try:
        with stage.here.entered():
            asyncio.run(give_up())
    finally:
        stage.server.thaw()
    wait_until(stage.lets_others_in, "others are let in")
    assert stage.lets_others_in()


def test_a_certificate_that_was_renewed_is_believed_at_once(
    stage: Stage, trust: dict[str, Any], tmp_path: Path
) -> None:
    def renew(*names: str) -> None:
        assert stage.server.tls
        stage.server.tls[0].write_bytes(stage.authority.file(*names).read_bytes())
        stage.server.admin(RELOAD_TLS[type(stage.server)])

    async def run() -> list[Reason | None]:
        outcomes = []
        async with mysql.collector(context()) as probe:
            for name in ("wfdb02", None, None, stage.there.address, "another", None, stage.there.address):
                if name:
                    renew(name)
                outcomes.append(await outcome(probe, stage.server.port, {"address": stage.there.address} | trust))
        return outcomes

    with stage.here.entered():
        outcomes = asyncio.run(run())
    assert outcomes == [Reason.TLS] * 3 + [None] + [Reason.TLS] * 2 + [None]


def test_a_host_that_is_blocked_is_refused_and_recovers_when_it_is_forgiven(
    stage: Stage, trust: dict[str, Any]
) -> None:
    well = {"tls": "verify-ca", "tls_ca_file": stage.authority.ca_file}

    def blocked() -> bool:  # it counts when it notices, which may be after the next has come
        for _ in range(3 * FORGIVEN):
            with stage.here.entered(), socket.create_connection((stage.there.address, stage.server.port)) as broken:
                broken.recv(1)
        return stage.probes(well) == [Reason.REFUSED]

    wait_until(blocked, "the host is blocked")
    assert stage.probes(well, well | {"logs_in": False}) == [Reason.REFUSED] * 2
    assert not stage.lets_others_in()
    stage.server.admin(FORGET[type(stage.server)])
    assert stage.probes(well, well | {"logs_in": False}) == [None] * 2

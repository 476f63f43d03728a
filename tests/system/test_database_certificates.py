"""Real PostgreSQL and MariaDB servers that ask who we are, or speak TLS of yesterday alone."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collectors.secret import Secret
from collectors.sql.target import DatabaseTarget
from collectors.terms import Reason
from collectors.transport.trust import OwnCertificate
from tests.authority import Authority
from tests.collectors.asking import ask, failure
from tests.collectors.targets import context, database_target
from tests.system.database_server import Server
from tests.system.database_sessions import CERTIFIED, COLLECTORS, DEMANDING
from tests.system.databases import KINDS, PASSWORD, requires_databases, started

pytestmark = requires_databases

REFUSAL = {"postgresql": "28000: connection requires a valid client certificate", "mysql": "1045: Access denied"}
OLD = {
    "postgresql": ["-c", "ssl_min_protocol_version=TLSv1", "-c", "ssl_max_protocol_version=TLSv1.1"],
    "mysql": ["--tls-version=TLSv1.1"],
}
WEAK = {"postgresql": ["-c", "ssl_ciphers=ALL:@SECLEVEL=0"], "mysql": ["--ssl-cipher=ALL:@SECLEVEL=0"]}


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def files(authority: Authority, kind: str) -> Iterator[Path]:
    """A folder with a server's certificate and its authority, where the server's user can read them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copy(authority.file("localhost"), folder / "server.pem")
        shutil.copy(authority.ca_file, folder / "ca.pem")
        (folder / "server.pem").chmod(0o600)
        shutil.chown(folder / "server.pem", KINDS[kind].user)
        yield folder


def target(server: Server, authority: Authority, **changes: Any) -> DatabaseTarget:
    plain: dict[str, Any] = {
        "port": server.port,
        "address": "localhost",
        "password": Secret(PASSWORD),
        "tls": "verify-full",
        "tls_ca_file": authority.ca_file,
    }
    return database_target(**plain | changes)


@pytest.fixture
def demanding(kind: str, files: Path) -> Iterator[Server]:
    """A server that lets a user in by password and certificate, and others by password."""
    option = ["-c", f"ssl_ca_file={files / 'ca.pem'}"] if kind == "postgresql" else [f"--ssl-ca={files / 'ca.pem'}"]
    with started(kind, tls=(files / "server.pem", files / "server.pem"), options=option) as server:
        server.admin(DEMANDING[kind])
        if kind == "postgresql":
            hba = server.data / "pg_hba.conf"
            hba.write_text(f"hostssl all {CERTIFIED} all scram-sha-256 clientcert=verify-full\n" + hba.read_text())
            server.admin("SELECT pg_reload_conf()")
        yield server


@pytest.mark.parametrize("logs_in", [True, False])
async def test_a_user_who_needs_a_certificate_is_let_in_by_ours(
    demanding: Server, authority: Authority, logs_in: bool
) -> None:
    file = str(authority.file("a client"))
    async with COLLECTORS[demanding.kind](context()) as probe:
        wanted = target(
            demanding, authority, user=CERTIFIED, logs_in=logs_in, own_certificate=OwnCertificate(file, file)
        )
        for _ in range(3):
            await ask(probe, wanted)
        without = await failure(probe, target(demanding, authority, user=CERTIFIED, logs_in=logs_in))
        assert without[0] is Reason.AUTH
        assert without[1].startswith(REFUSAL[demanding.kind])
        del wanted


async def test_a_certificate_that_the_server_does_not_trust_is_told(
    demanding: Server, authority: Authority, tmp_path: Path
) -> None:
    stranger = str(Authority(tmp_path).file())
    async with COLLECTORS[demanding.kind](context()) as probe:
        wanted = target(demanding, authority, user=CERTIFIED, own_certificate=OwnCertificate(stranger, stranger))
        assert await failure(probe, wanted) == (
            Reason.TLS,
            "the server refuses our client certificate (cert_file): its authority is unknown there",
        )


@pytest.mark.parametrize("tls", ["require", "verify-full"])
async def test_a_server_of_old_tls_is_told_the_least_version_and_hears_no_password(
    kind: str, files: Path, authority: Authority, tls: str
) -> None:
    with started(kind, tls=(files / "server.pem", files / "server.pem"), options=[*OLD[kind], *WEAK[kind]]) as server:
        async with COLLECTORS[kind](context()) as probe:
            assert await failure(probe, target(server, authority, tls=tls)) == (
                Reason.TLS,
                "the server speaks no TLS that is new enough: it must be 1.2 at least (RFC 8996)",
            )

"""n8n in a real PostgreSQL over TLS: whom psycopg2 trusts, and what it shows."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collectors.contract import Facts, ProbeFailed
from collectors.n8n.reader import Reader
from collectors.terms import Reason
from collectors.transport.trust import OwnCertificate
from tests.authority import Authority
from tests.collectors.targets import context
from tests.system import n8n_tables
from tests.system.database_server import Server
from tests.system.databases import PASSWORD, requires_databases, started
from tests.system.n8n_tables import Place

pytestmark = requires_databases

CERTIFIED = "server"
"""The name in the certificates that an ``Authority`` makes: PostgreSQL wants it to be the user's."""


@pytest.fixture
def server(authority: Authority) -> Iterator[Server]:
    """A server with a certificate for localhost, which lets nobody in without a certificate for its own name."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copy(authority.file("localhost"), folder / "server.pem")
        shutil.copy(authority.ca_file, folder / "ca.pem")
        (folder / "server.pem").chmod(0o600)
        shutil.chown(folder / "server.pem", "postgres")
        option = ["-c", f"ssl_ca_file={folder / 'ca.pem'}"]
        with started("postgresql", tls=(folder / "server.pem", folder / "server.pem"), options=option) as made:
            hba = made.data / "pg_hba.conf"
            hba.write_text(f"hostssl all {CERTIFIED} all scram-sha-256 clientcert=verify-full\n" + hba.read_text())
            made.admin("SELECT pg_reload_conf()")
            made.admin(f"CREATE ROLE {CERTIFIED} LOGIN PASSWORD '{PASSWORD}' IN ROLE monitor")
            n8n_tables.run(made, n8n_tables.create(Place()))
            yield made


async def failure(server: Server, **changes: Any) -> tuple[Reason, str]:
    with contextlib.closing(Reader(context())) as reader, pytest.raises(ProbeFailed) as failed:
        await reader.read(n8n_tables.target(server, Place(), **changes), Facts())
    return failed.value.reason, failed.value.detail


async def test_certificates_are_verified_and_shown(server, authority, tmp_path):
    trusted: dict[str, Any] = {
        "user": CERTIFIED,
        "address": "localhost",
        "tls": "verify-full",
        "tls_ca_file": str(authority.ca_file),
    }
    file = authority.file("a client")
    ours: dict[str, Any] = {"own_certificate": OwnCertificate(str(file), str(file))}
    assert await failure(server, **trusted | ours) == (
        Reason.LOCAL,
        "log in: cert_file or key_file can't be used; are they mode 600?",
    )
    file.chmod(0o600)

    with contextlib.closing(Reader(context())) as reader:
        for tls in ("verify-full", "verify-ca", "require"):
            await reader.read(n8n_tables.target(server, Place(), **trusted | ours | {"tls": tls}), Facts())
        await reader.read(
            n8n_tables.target(server, Place(), **trusted | ours | {"tls": "require", "tls_ca_file": None}), Facts()
        )

    stranger = str(Authority(tmp_path).ca_file)
    not_trusted = (
        Reason.TLS,
        "log in: its certificate is not trusted: its authority is not known here, or it is out of date",
    )
    assert await failure(server, **trusted | ours | {"address": "127.0.0.1"}) == (
        Reason.TLS,
        "log in: its certificate is for another name",
    )
    assert await failure(server, **trusted | ours | {"tls_ca_file": stranger}) == not_trusted
    assert await failure(server, **trusted | ours | {"tls_ca_file": None}) == not_trusted
    assert await failure(server, **trusted | ours | {"tls_ca_file": "/nonexistent/ca"}) == (
        Reason.LOCAL,
        "log in: tls_ca_file can't be read",
    )
    assert await failure(server, **trusted) == (Reason.AUTH, "log in: the database wants a certificate; set cert_file")

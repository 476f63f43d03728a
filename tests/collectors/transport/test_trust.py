"""Whom we trust, what we show, and the least that we speak: the same on every Python, for every protocol over TLS."""

import datetime as dt
import shutil
import ssl
import warnings
from contextlib import asynccontextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from collectors import http
from collectors.contract import Facts, ProbeFailed
from collectors.sql import mysql, postgresql
from collectors.terms import Reason
from collectors.transport.trust import Contexts, OwnCertificate, UnusableFile, client_context, load_own_certificate
from tests.authority import Authority
from tests.collectors.asking import ask
from tests.collectors.peers import OK, Peer, answering
from tests.collectors.sql.scripted import greeting
from tests.collectors.targets import context, database_target, https

COLLECTORS: dict[str, Any] = {"http": http.collector, "postgresql": postgresql.collector, "mysql": mysql.collector}
KINDS = list(COLLECTORS)
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
OFFERING_TLS = greeting(capabilities=0xFFFFFFFF)
NO_TLS_OF_OURS = "the server speaks no TLS that is new enough: it must be 1.2 at least (RFC 8996)"
WANTS_ONE = "the server asks for a client certificate; set cert_file and key_file"
ADMITTED = {
    "postgresql": b"E\0\0\0\x1dSFATAL\0C28000\0Madmitted\0\0",
    "mysql": b"\x11\0\0\3\xff\x15\x04#28000admitted",
}
"""What a server says that has seen enough: a refusal of the login, which comes after TLS."""


def serving(kind, tls):
    """A server that begins TLS as its protocol has it, and answers once."""

    def talk(connection):
        if kind == "mysql":
            connection.sendall(OFFERING_TLS)
            connection.recv(36)
        elif kind == "postgresql":
            connection.recv(8)
            connection.sendall(b"S")
        with tls.wrap_socket(connection, server_side=True) as encrypted:
            if kind == "http":
                answering(OK)(encrypted)
            else:
                encrypted.recv(4096)
                encrypted.sendall(ADMITTED[kind])

    return Peer(talk)


def alerting(alert):
    """What answers the first flight by an alert."""
    return lambda connection: connection.recv(9999) and connection.sendall(alert)


@asynccontextmanager
async def asking(kind, peer, authority, **changes):
    """Give a function that probes a peer once, and returns how that ended: a reason and its words."""
    plain = {"address": "localhost", "tls": "verify-full", "tls_ca_file": authority.ca_file}
    target = https(peer, authority, **changes) if kind == "http" else database_target(peer.port, **plain | changes)

    async def once(facts=None):
        try:
            await ask(probe, target, facts)
        except ProbeFailed as failed:
            return failed.reason, failed.detail.removesuffix(": admitted")
        return None

    async with COLLECTORS[kind](context()) as probe:
        yield once


def admitted(kind):
    return {"http": None, "postgresql": (Reason.AUTH, "28000"), "mysql": (Reason.AUTH, "1045")}[kind]


@pytest.fixture
def own_certificate(authority):
    file = str(authority.file("a client"))
    return OwnCertificate(file, file)


def demanding(authority, version=ssl.TLSVersion.TLSv1_3):
    tls = authority.server("localhost", version=version)
    tls.load_verify_locations(authority.ca_file)
    tls.verify_mode = ssl.CERT_REQUIRED
    return tls


# How certificates are judged


@pytest.mark.parametrize("verify", [True, False])
def test_a_context_is_the_same_on_every_python_and_under_every_policy(verify):
    made = client_context(verify=verify)
    assert made.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert made.maximum_version in {ssl.TLSVersion.MAXIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_3}
    assert not made.verify_flags & ssl.VERIFY_X509_STRICT
    assert made.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    assert made.options & ssl.OP_NO_RENEGOTIATION
    assert made.check_hostname is verify
    assert made.verify_mode is (ssl.CERT_REQUIRED if verify else ssl.CERT_NONE)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_stands_in_a_ca_file_is_trusted_be_it_the_servers_own_certificate(authority, kind, tmp_path):
    leaf = authority.file("localhost")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(leaf)
    other = authority.file("localhost")
    with serving(kind, tls) as peer:
        async with asking(kind, peer, authority, tls_ca_file=str(leaf)) as once:
            assert await once() == admitted(kind)
        async with asking(kind, peer, authority, tls_ca_file=str(other)) as once:
            assert await once() == (Reason.TLS, "its authority is not known here")


# The least that is spoken


def old_server(authority, least, newest):
    """A server that speaks old versions, with all that clients need who still do."""
    tls = authority.server("localhost")
    tls.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        tls.minimum_version, tls.maximum_version = least, newest
    return tls


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("changes", [{}, {"tls": "require", "tls_verify": False}], ids=["verified", "unverified"])
async def test_a_server_that_speaks_old_tls_alone_is_told_the_least_version(authority, kind, changes):
    tls = old_server(authority, ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
    changes = {key: value for key, value in changes.items() if (key == "tls_verify") == (kind == "http")}
    with serving(kind, tls) as peer:
        async with asking(kind, peer, authority, **changes) as once:
            assert await once() == (Reason.TLS, NO_TLS_OF_OURS)


async def test_a_server_that_refuses_our_versions_is_told_likewise(authority):
    with Peer(alerting(b"\x15\x03\x01\0\2\2\x46")) as peer:  # protocol_version
        async with asking("http", peer, authority) as once:
            assert await once() == (Reason.TLS, NO_TLS_OF_OURS)


# What we show


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_that_demands_a_certificate_gets_ours(authority, own_certificate, kind, version):
    with serving(kind, demanding(authority, version)) as peer:
        async with asking(kind, peer, authority, own_certificate=own_certificate) as once:
            assert await once() == admitted(kind)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_that_demands_one_and_gets_none_is_told_so_also_after_the_handshake(authority, kind, version):
    with serving(kind, demanding(authority, version)) as peer:
        async with asking(kind, peer, authority) as once:
            facts = Facts()
            assert await once(facts) == (Reason.TLS, WANTS_ONE)
            assert facts.certificate_expiry is not None
            for _ in range(4):
                assert await once() == (Reason.TLS, WANTS_ONE)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda authority, _: authority.file(), "its authority is unknown there"),
        (
            lambda _, folder: Authority(folder).file("a client"),
            "it is not signed by an authority that is trusted there",
        ),
        (lambda authority, _: authority.file("a client", until=dt.datetime.now(dt.UTC)), "it has expired"),
    ],
    ids=["signed by itself", "signed by another of that name", "expired"],
)
async def test_why_the_server_refuses_ours_is_told(authority, tmp_path, version, made, words):
    file = str(made(authority, tmp_path))
    with serving("http", demanding(authority, version)) as peer:
        async with asking("http", peer, authority, own_certificate=OwnCertificate(file, file)) as once:
            assert await once() == (Reason.TLS, f"the server refuses our client certificate (cert_file): {words}")


async def test_a_refusal_before_the_server_has_shown_its_certificate_is_not_about_ours(authority):
    with Peer(alerting(b"\x15\x03\x03\0\2\2\x28")) as peer:  # handshake_failure
        async with asking("http", peer, authority) as once:
            reason, words = await once()
    assert reason is Reason.TLS
    assert "client certificate" not in words


@pytest.mark.parametrize("kind", KINDS)
async def test_a_certificate_that_was_renewed_is_shown_without_a_restart(authority, tmp_path, kind):
    stranger, ours = Authority(tmp_path).file("a client"), authority.file("a client")
    file = tmp_path / "client.pem"
    shutil.copy(stranger, file)
    own_certificate = OwnCertificate(str(file), str(file))
    with serving(kind, demanding(authority)) as peer:
        async with asking(kind, peer, authority, own_certificate=own_certificate) as once:
            reason, _ = await once()
            assert reason is Reason.TLS
            shutil.copy(ours, file)
            assert await once() == admitted(kind)


async def test_files_that_do_not_fit_are_our_fault_and_named(authority, tmp_path):
    one, other = str(authority.file("one")), str(authority.file("other"))
    contexts = Contexts()

    def fault(cert_file, key_file):
        with pytest.raises(ProbeFailed) as failed:
            contexts.get(None, OwnCertificate(cert_file, key_file), verify=False)
        return failed.value.reason, failed.value.detail

    missing = str(tmp_path / "none.pem")
    assert fault(one, other) == (
        Reason.LOCAL,
        f"key_file {other}: is the key of another certificate than cert_file's",
    )
    assert fault(missing, one)[1] == (
        f"cert_file {missing}: no usable certificate here or no usable key in key_file "
        "(No such file or directory); both have to be PEM"
    )


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(authority, tmp_path):
    plain = authority.file("a client")
    key = serialization.load_pem_private_key(plain.read_bytes(), None)
    encrypted = tmp_path / "key.pem"
    encrypted.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(UnusableFile, match="key_file: is encrypted; decrypt it") as caught:
        load_own_certificate(client_context(verify=False), OwnCertificate(str(plain), str(encrypted)))
    assert caught.value.key == "key_file"

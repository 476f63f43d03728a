"""TLS against real clients: which certificate is served, and whose is taken."""

import asyncio
import ipaddress
import logging
import ssl

import pytest
from cryptography import x509

from exporter.web_config import load
from tests.exporter.web_config.conftest import LONG, Client, serving

TLS = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"
MUTUAL = f"{TLS}  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n"
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def client_context(folder, certificate=None):
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # on by default since Python 3.13
    if certificate:
        context.load_cert_chain(folder / f"{certificate}.pem", folder / f"{certificate}.key")
    return context


async def ask(port, context):
    """Return the answer and the served certificate's serial number."""
    async with asyncio.timeout(LONG):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
        try:
            served = x509.load_der_x509_certificate(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
            writer.write(REQUEST)
            return await reader.read(), served.serial_number
        finally:
            writer.transport.abort()


async def answer_of(port, context):
    """Return the answer, which is nothing where TLS came to none."""
    try:
        return (await ask(port, context))[0]
    except OSError:
        return b""


async def test_a_renewed_certificate_is_served_at_the_next_connection(written, tmp_path, authority, caplog):
    caplog.set_level(logging.INFO)
    config = load(written(TLS))
    context = client_context(tmp_path)
    async with serving(lambda: config) as port:
        answer, old = await ask(port, context)
        assert answer.endswith(b"pong\n")
        new = authority.issue(tmp_path, "server")
        _, served = await ask(port, context)
        assert served == new != old
        await ask(port, context)
    assert [record.getMessage() for record in caplog.records] == [
        f"TLS files changed and were read again: {tmp_path}/server.pem"
    ]


async def test_a_half_written_certificate_leaves_the_old_one_in_use_and_is_said_once(
    written, tmp_path, authority, caplog
):
    config = load(written(TLS))
    context = client_context(tmp_path)
    async with serving(lambda: config) as port:
        _, old = await ask(port, context)
        key = (tmp_path / "server.key").read_text()
        new = authority.issue(tmp_path, "server")
        new_key = (tmp_path / "server.key").read_text()
        (tmp_path / "server.key").write_text(key)
        assert [(await ask(port, context))[1] for _ in range(2)] == [old, old]
        (tmp_path / "server.key").unlink()
        assert (await ask(port, context))[1] == old
        (tmp_path / "server.key").write_text(new_key)
        assert (await ask(port, context))[1] == new
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        "TLS files changed but cannot be used, the old ones stay: "
        "key_file: is the key of another certificate than cert_file's",
        f"TLS files changed but cannot be used, the old ones stay: key_file: {tmp_path}/server.key cannot be read: "
        "No such file or directory; check the path and its permissions",
    ]


async def test_a_client_without_a_certificate_of_the_authority_does_not_get_in(written, tmp_path):
    config = load(written(MUTUAL))
    async with serving(lambda: config) as port:
        answer, _ = await ask(port, client_context(tmp_path, "client"))
        assert answer.endswith(b"pong\n")
        assert await answer_of(port, client_context(tmp_path)) == b""


async def test_a_certificate_if_given_is_verified(written, tmp_path):
    config = load(written(MUTUAL.replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven")))
    async with serving(lambda: config) as port:
        assert (await ask(port, client_context(tmp_path)))[0].endswith(b"pong\n")


@pytest.mark.parametrize(
    ("sans", "let_in"),
    [
        ("[prometheus.example]", True),
        ("['2001:db8::1', other]", True),
        ("[198.51.100.7]", True),
        ("['spiffe://example/prometheus']", True),
        ("[someone@example.org]", True),
        ("[example]", False),
        ("['*.example']", False),
    ],
)
async def test_only_a_client_with_an_allowed_name_gets_in(written, tmp_path, authority, sans, let_in):
    config = load(written(f"{MUTUAL}  client_allowed_sans: {sans}\n"))
    authority.issue(
        tmp_path,
        "named",
        x509.DNSName("prometheus.example"),
        x509.IPAddress(ipaddress.ip_address("198.51.100.7")),
        x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
        x509.UniformResourceIdentifier("spiffe://example/prometheus"),
        x509.RFC822Name("someone@example.org"),
    )
    async with serving(lambda: config) as port:
        answer = await answer_of(port, client_context(tmp_path, "named"))
    assert answer.endswith(b"pong\n") if let_in else answer == b""


async def test_versions_and_ciphers_are_those_of_the_file(written, tmp_path):
    suites = "[TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]"
    config = load(written(f"{TLS}  max_version: TLS12\n  cipher_suites: {suites}\n  curve_preferences: [CurveP384]\n"))
    context = client_context(tmp_path)
    async with serving(lambda: config) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
        assert writer.get_extra_info("cipher")[:2] == ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLSv1.2")
        writer.transport.abort()
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        assert await answer_of(port, context) == b""


async def test_no_session_is_resumed_since_it_would_skip_the_new_certificate(written, tmp_path):
    config = load(written(TLS))
    context = client_context(tmp_path)
    async with serving(lambda: config) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
        writer.write(REQUEST)
        await reader.read()
        session = writer.get_extra_info("ssl_object").session
        assert session is None or not session.has_ticket
        writer.transport.abort()


async def test_a_client_that_never_shakes_hands_is_cut_and_no_task_is_left(written):
    config = load(written(TLS))
    async with serving(lambda: config, head=0.1) as port, Client(port) as silent, Client(port) as babbling:
        await babbling.send(b"\x16\x03\x01")
        assert await silent.closed() < 1
        assert await babbling.closed() < 1
        async with Client(port) as plain:
            await plain.send(REQUEST)
            await plain.closed()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_reload_may_switch_tls_on(written, tmp_path):
    current = load(written(""))
    async with serving(lambda: current) as port:
        async with Client(port) as plain:
            assert (await plain.get()).endswith(b"pong\n")
        current = load(written(TLS))
        assert (await ask(port, client_context(tmp_path)))[0].endswith(b"pong\n")

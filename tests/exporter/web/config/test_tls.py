"""TLS against real clients: which certificate is served, and whose is taken."""

import asyncio
import contextlib
import gc
import ipaddress
import logging
import socket
import ssl

import pytest
from cryptography import x509

from exporter.web.config import load
from exporter.web.connections.refusals import TlsRefusals
from exporter.web.connections.stream import TlsStream
from tests.exporter.web.certificates import Authority
from tests.exporter.web.served import LONG, Client, serving, until

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
    if let_in:
        assert answer.endswith(b"pong\n")
    else:
        assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\n")
        assert answer.endswith(b"\r\n\r\nThe client's certificate bears no name that may ask here.\n")


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


@pytest.mark.clock
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


# Who is refused is told why, and so is our log


def refusals(caplog):
    return [record.getMessage() for record in caplog.records if record.name.endswith("refusals")]


async def error_of(port, context):
    """Return what OpenSSL says of the server's alert."""
    with pytest.raises(ssl.SSLError) as refused:
        await ask(port, context)
    return str(refused.value.reason)


async def test_without_a_client_certificate_the_client_is_told_so(written, tmp_path, caplog):
    config = load(written(MUTUAL))
    async with serving(lambda: config) as port:
        context = client_context(tmp_path)
        assert await error_of(port, context) == "TLSV13_ALERT_CERTIFICATE_REQUIRED"
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        assert "ALERT_HANDSHAKE_FAILURE" in await error_of(port, context)
    assert refusals(caplog) == [
        "TLS: refused 127.0.0.1: it showed no client certificate, and client_auth_type demands one"
    ]


async def test_a_certificate_that_does_not_verify_is_told_so(written, tmp_path, caplog):
    Authority("other").issue(tmp_path, "stranger")
    config = load(written(MUTUAL))
    async with serving(lambda: config) as port:
        assert await error_of(port, client_context(tmp_path, "stranger")) in {
            "TLSV1_ALERT_UNKNOWN_CA",
            "TLSV1_ALERT_DECRYPT_ERROR",
        }
    assert len(refusals(caplog)) == 1
    assert refusals(caplog)[0].startswith("TLS: refused 127.0.0.1: its certificate does not verify: ")


async def test_a_version_that_is_not_allowed_is_told_so(written, tmp_path, caplog):
    config = load(written(f"{TLS}  min_version: TLS13\n"))
    async with serving(lambda: config) as port:
        context = client_context(tmp_path)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        assert await error_of(port, context) == "TLSV1_ALERT_PROTOCOL_VERSION"
    assert refusals(caplog) == [
        "TLS: refused 127.0.0.1: it speaks no version of TLS that is allowed here (min_version, max_version)"
    ]


def connect(port, context):
    with socket.create_connection(("127.0.0.1", port), LONG) as sock:
        context.wrap_socket(sock, server_hostname="localhost").close()


async def test_a_client_that_does_not_trust_us_is_in_our_log(written, caplog):
    config = load(written(TLS))
    async with serving(lambda: config) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.to_thread(connect, port, ssl.create_default_context())  # asyncio's TLS sends no alert
        await until(lambda: bool(refusals(caplog)))
    assert refusals(caplog) == ["TLS: refused 127.0.0.1: it does not know the authority of our certificate (cert_file)"]


async def test_http_without_tls_is_answered_as_go_does_and_counted(written, caplog):
    config = load(written(TLS))
    refused: list[int] = []
    async with serving(lambda: config, refused=refused.append) as port, Client(port) as client:
        answer = await client.get()
    assert answer == b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
    assert refused == [400]
    assert refusals(caplog) == [
        "TLS: refused 127.0.0.1: it spoke HTTP without TLS; write https in its scrape configuration, "
        "or take tls_server_config away here"
    ]


async def test_the_health_check_in_the_clear_is_answered_and_no_news(written, caplog):
    config = load(written(TLS))
    async with serving(lambda: config) as port, Client(port) as client:
        assert (await client.get("/-/healthy")).startswith(b"HTTP/1.0 400 Bad Request")
    assert refusals(caplog) == []


async def test_what_is_neither_tls_nor_http_gets_an_alert(written, caplog):
    config = load(written(TLS))
    async with serving(lambda: config) as port, Client(port) as client:
        await client.send(b"\0\1\2\3")
        assert await asyncio.get_running_loop().sock_recv(client.socket, 100) == b"\x15\3\3\0\2\2\n"
    assert refusals(caplog) == ["TLS: refused 127.0.0.1: what it sent is no TLS"]


def test_refusals_are_no_flood_in_the_log(caplog):
    now = 0.0
    log = TlsRefusals(lambda: now)
    for number in range(1000):
        log.log(f"192.0.2.{number % 250}", "it is wrong")
    assert len(caplog.records) == 20
    now = 61.0
    log.log("192.0.2.1", "it is wrong")
    assert [record.getMessage() for record in caplog.records[20:]] == [
        "TLS: 980 more clients were refused since the last such lines",
        "TLS: refused 192.0.2.1: it is wrong",
    ]


# What a client costs that never gets anywhere


@pytest.mark.clock
async def test_until_all_of_the_first_record_is_there_a_client_costs_no_tls(written, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr("exporter.web.connections.connection.TlsStream", lambda *arguments: made.append(arguments))
    config = load(written(TLS))
    async with serving(lambda: config) as port, Client(port) as silent, Client(port) as slow:
        await slow.send(hello(tmp_path)[:-1])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await asyncio.get_running_loop().sock_recv(silent.socket, 1)
        assert made == []


async def test_handshakes_under_way_are_few_and_the_oldest_gives_way(written, tmp_path):
    config = load(written(TLS))
    async with contextlib.AsyncExitStack() as stack:
        port = await stack.enter_async_context(serving(lambda: config, handshakes=3))
        clients = [await stack.enter_async_context(Client(port)) for _ in range(5)]
        for client in clients:
            await client.send(hello(tmp_path))
            assert await asyncio.get_running_loop().sock_recv(client.socket, 1 << 16)
        assert [await client.closed() < LONG for client in clients[:2]] == [True] * 2
        for client in clients[2:]:
            with pytest.raises(BlockingIOError):
                client.socket.recv(1)
        assert (await ask(port, client_context(tmp_path)))[0].endswith(b"pong\n")


async def test_what_tls_held_is_gone_without_the_garbage_collector(written, tmp_path):
    config = load(written(TLS))
    async with serving(lambda: config) as port:
        gc.collect()
        gc.disable()
        try:
            async with Client(port) as half:
                await half.send(hello(tmp_path))
                await asyncio.get_running_loop().sock_recv(half.socket, 1 << 16)
            assert (await ask(port, client_context(tmp_path)))[0].endswith(b"pong\n")
            await until(lambda: not [kept for kept in gc.get_objects() if isinstance(kept, TlsStream)])
        finally:
            gc.enable()


def hello(folder):
    """Return the first record of a client."""
    sent = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        client_context(folder).wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost").do_handshake()
    return sent.read()


async def test_requests_that_were_sent_ahead_are_all_answered_over_tls_too(written, tmp_path):
    config = load(written(TLS))
    async with serving(lambda: config) as port, asyncio.timeout(LONG):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=client_context(tmp_path), server_hostname="localhost"
        )
        writer.write(REQUEST.replace(b"Connection: close\r\n", b"") * 200 + REQUEST)
        assert (await reader.read()).count(b"pong\n") == 201
        writer.transport.abort()

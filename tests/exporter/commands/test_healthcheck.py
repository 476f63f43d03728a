"""The container's question, answered by servers of all kinds."""

from __future__ import annotations

import contextlib
import datetime
import http.server
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from exporter.commands.healthcheck import problem_of


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and a certificate that nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=2))
        .not_valid_after(now - datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("certificate") / "server.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + built.public_bytes(serialization.Encoding.PEM)
    )
    return file


@contextlib.contextmanager
def serving(status: int, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[int]:
    """Answer every GET with this status; yields the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/-/healthy" else 500)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    class Quiet(http.server.HTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        def handle_error(self, *_: object) -> None: ...  # plain text where TLS is spoken

    with Quiet((host, 0), Handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def tls(certificate: Path, *, client: ssl.VerifyMode = ssl.CERT_NONE, newest: bool = True) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.verify_mode = client
    if not newest:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


@pytest.mark.parametrize("status", [200, 401, 403, 404])
def test_any_answer_but_a_server_error_is_well(status: int) -> None:
    with serving(status) as port:
        assert problem_of("127.0.0.1", port) is None


def test_an_expired_certificate_of_nobody_is_well(certificate: Path) -> None:
    with serving(200, tls(certificate)) as port:
        assert problem_of("127.0.0.1", port) is None


@pytest.mark.parametrize("newest", [True, False])
def test_who_demands_a_certificate_of_ours_is_well(certificate: Path, *, newest: bool) -> None:
    with serving(200, tls(certificate, client=ssl.CERT_REQUIRED, newest=newest)) as port:
        assert problem_of("127.0.0.1", port) is None


@pytest.mark.parametrize("host", ["", "0.0.0.0"])
def test_a_server_on_every_address_is_asked_on_loopback(host: str) -> None:
    with serving(200) as port:
        assert problem_of(host, port) is None


@pytest.mark.parametrize("host", ["::1", "::"])
def test_ipv6_is_asked_too(host: str) -> None:
    with serving(200, host="::1") as port:
        assert problem_of(host, port) is None


def test_a_server_error_is_told() -> None:
    with serving(503) as port:
        problem = problem_of("127.0.0.1", port)
    assert problem == f"127.0.0.1:{port} is not well: status 503; over TLS: what answers there does not speak TLS"


def test_nobody_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    refused = "connection refused: nothing listens on this port, or a firewall refuses it"
    assert problem_of("", port) == f"127.0.0.1:{port} is not well: {refused}"
    assert problem_of("::1", port) == f"[::1]:{port} is not well: {refused}"


def test_a_name_without_an_address_is_told_without_the_resolver_s_numbers() -> None:
    assert problem_of("nobody.invalid", 1) == "nobody.invalid:1 is not well: the name has no address"


@contextlib.contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """Answer whatever comes with these bytes; yields the port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1024)
            self.request.sendall(answer)

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("alert", "is_well"),
    [
        pytest.param(40, True, id="handshake_failure"),
        pytest.param(42, True, id="bad_certificate"),
        pytest.param(70, True, id="protocol_version"),
        pytest.param(116, True, id="certificate_required"),
        pytest.param(80, False, id="internal_error"),
    ],
)
def test_an_alert_by_which_a_server_refuses_strangers_is_a_sign_of_life(alert: int, *, is_well: bool) -> None:
    with answering(bytes((0x15, 3, 3, 0, 2, 2, alert))) as port:  # a fatal alert (RFC 8446, section 6)
        assert (problem_of("127.0.0.1", port) is None) == is_well


@pytest.mark.parametrize(
    ("answer", "words"),
    [(b"", "the connection was closed without an answer"), (b"220 mail\r\n", "what answers there does not speak HTTP")],
)
def test_what_speaks_no_http_is_told(answer: bytes, words: str) -> None:
    with answering(answer) as port:
        problem = problem_of("127.0.0.1", port)
    assert problem
    assert f" is not well: {words}; over TLS: " in problem
    assert "Errno" not in problem
    assert "SSL" not in problem


@pytest.mark.clock
def test_a_server_that_hangs_is_told_before_the_container_engine_loses_patience(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("exporter.commands.healthcheck._TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        port = hanging.getsockname()[1]
        problem = problem_of("127.0.0.1", port)
    assert problem == f"127.0.0.1:{port} is not well: no answer within 0.1 s"

"""A real server under limits, real clients, and certificates made on the spot."""

import asyncio
import contextlib
import datetime
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from exporter.web_config import (
    Connections,
    Limits,
    WebConfig,
    authenticate,
    close_after_body,
    extra_headers,
    refuse_expectations,
    serve,
)

LONG = 5.0
"""Longest that anything may take before a test gives up; nothing waits for that long when it works."""


class Authority:
    """Issues certificates; ``serial_number`` tells them apart."""

    def __init__(self, name="authority"):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(name, self.key.public_key(), name, is_authority=True)

    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, folder: Path, stem: str, *sans: x509.GeneralName):
        """Write STEM.pem and STEM.key, and return the serial number."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(stem, key.public_key(), "authority", sans=sans)
        (folder / f"{stem}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        (folder / f"{stem}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return certificate.serial_number

    def _sign(self, name, public_key, issuer, *, is_authority=False, sans=()):
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if not is_authority:
            names = sans or (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        own, issuers = public_key, self.key.public_key()  # Python from 3.13 on wants all of it
        return (
            builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(own), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuers), critical=False)
            .add_extension(_usage(is_authority=is_authority), critical=True)
            .sign(self.key, hashes.SHA256())
        )


def _usage(*, is_authority):
    wanted = {"key_cert_sign", "crl_sign"} if is_authority else {"digital_signature"}
    uses = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"]
    uses += ["key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{use: use in wanted for use in uses})


@pytest.fixture(scope="session")
def authority():
    return Authority()


@pytest.fixture
def written(tmp_path, authority):
    """A folder with server.pem, server.key, client.pem, client.key and ca.pem, and a writer of web.yml."""
    authority.issue(tmp_path, "server")
    authority.issue(tmp_path, "client", x509.DNSName("prometheus.example"))
    (tmp_path / "ca.pem").write_bytes(authority.pem())

    def write(text: str) -> Path:
        path = tmp_path / "web.yml"
        path.write_text(text)
        return path

    return write


@contextlib.asynccontextmanager
async def serving(
    config: Callable[[], WebConfig] = WebConfig,
    page: bytes = b"pong\n",
    refused: Callable[[int], None] = lambda _: None,
    handler: Handler | None = None,
    **limits,
) -> AsyncIterator[int]:
    """Serve ``page``, or what ``handler`` says, at / as the program does, and yield the port."""

    async def show(_: web.Request) -> web.Response:
        return web.Response(body=page)

    answer = handler or show
    application = web.Application(middlewares=[authenticate(config), refuse_expectations])
    application.on_response_prepare.extend((extra_headers(config), close_after_body))
    application.router.add_get("/", answer)
    application.router.add_post("/", answer)
    chosen = Limits(**limits)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    assert runner.server
    sock = socket.create_server(("127.0.0.1", 0))
    connections = Connections(runner.server, config, chosen, refused)
    server = await serve(sock, connections)
    try:
        yield sock.getsockname()[1]
    finally:
        server.close()
        await runner.cleanup()
        connections.close()
        await asyncio.sleep(0)  # they are gone with the loop's next turn


class Client:
    """A socket that can be as rude as it likes."""

    def __init__(self, port: int, *, source: str = "127.0.0.1", receive_buffer: int = 0):
        self.socket = socket.socket()
        self.socket.setblocking(False)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.bind((source, 0))
        self._port = port
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self):
        await self._loop.sock_connect(self.socket, ("127.0.0.1", self._port))
        return self

    async def __aexit__(self, *_):
        self.socket.close()

    async def send(self, data: bytes):
        await self._loop.sock_sendall(self.socket, data)

    async def closed(self) -> float:
        """Wait until the server has closed this connection; return after how long."""
        started = self._loop.time()
        async with asyncio.timeout(LONG):
            with contextlib.suppress(ConnectionError):
                while await self._loop.sock_recv(self.socket, 1 << 20):
                    pass
        return self._loop.time() - started

    async def get(self, path: str = "/") -> bytes:
        """Ask, on a connection that ends with the answer, for head and body."""
        await self.send(f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        async with asyncio.timeout(LONG):
            while piece := await self._loop.sock_recv(self.socket, 1 << 20):
                answer += piece
        return answer


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that comes true by itself."""
    async with asyncio.timeout(LONG):
        while not condition():
            await asyncio.sleep(0.005)

"""Real listeners on loopback to be probed, in threads of their own: where our loop stands still, they go on."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import ipaddress
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Sized
from pathlib import Path
from typing import Any, Self

import re2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from collectors import dns
from collectors.contract import Attempt, Context, Facts, IpFamily, Outcome, Probe, ProbeFailed, Reason
from collectors.database_target import DatabaseTarget
from collectors.http_target import HttpTarget
from collectors.secret import Secret
from collectors.tcp import TcpTarget

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
TIME_WAIT = "06"


class Peer:
    """Talks to whoever connects, by a blocking function; it is left only when all its threads have ended."""

    def __init__(
        self,
        talk: Callable[[socket.socket], object],
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._talk, self._tls = talk, tls
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=256
        )
        self.port = self._listener.getsockname()[1]
        self.clients: list[tuple[str, int]] = []
        """Addresses and ports of those that connected."""

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()
        self._listener.close()

    async def has_served(self, count: int) -> None:
        """Wait until so many connections were accepted: the kernel shakes hands long before."""
        async with asyncio.timeout(10):
            while len(self.clients) < count:
                await asyncio.sleep(0.01)

    def _start(self, function: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=function, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, address = self._listener.accept()
                self.clients.append(address[:2])
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(10)
            if self._tls is None:
                self._talk(connection)
            else:
                with self._tls.wrap_socket(connection, server_side=True) as encrypted:
                    self._talk(encrypted)


def read_request(connection: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request and (data := connection.recv(4096)):
        request += data
    return request


def answering(*pieces: bytes, heard: list[bytes] | None = None) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        request = read_request(connection)
        if heard is not None:
            heard.append(request)
        for piece in pieces:
            connection.sendall(piece)

    return talk


def endlessly(beginning: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    """Sends until the other end has had enough."""

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(beginning)
        while True:
            connection.sendall(piece)

    return talk


def silent(connection: socket.socket) -> None:
    """Says nothing and waits for the end."""
    while connection.recv(4096):
        pass


def until_reset(connection: socket.socket) -> bytes:
    """Reads the end, and closes only after our reset has come, as a peer does that is a network away."""
    end = connection.recv(1)
    poll = select.poll()
    poll.register(connection, 0)
    assert poll.poll(10_000)
    return end


class Hog:
    """Holds the loop for a while at a moment that a peer chooses: when it calls ``begin`` from its thread."""

    def __init__(self, blocks: Callable[[], None]) -> None:
        self._loop, self._started, self._blocks = asyncio.get_running_loop(), threading.Event(), blocks

    def begin(self) -> None:
        self._loop.call_soon_threadsafe(self._hold)
        assert self._started.wait(10)

    def _hold(self) -> None:
        self._started.set()
        self._blocks()


class Authority:
    """Certificates on demand."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("tests' authority")
        self.ca_file = str(folder / "ca.pem")
        Path(self.ca_file).write_bytes(_pem(self._sign(self._name, self._key, [], _days(-1), _days(9), ca=True)))

    def certificate(self, *hosts: str, until: dt.datetime) -> x509.Certificate:
        return self._sign(_name("server"), self._key, list(hosts), until - dt.timedelta(days=999), until)

    def server(
        self, *hosts: str, until: dt.datetime | None = None, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ) -> ssl.SSLContext:
        """A server's context with a certificate of ours for these hosts; without hosts one signed by itself."""
        file = self.file(*hosts, until=until)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        context.maximum_version = version
        return context

    def file(self, *hosts: str, until: dt.datetime | None = None) -> Path:
        """A certificate of ours for these hosts with its key; without hosts one signed by itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(_name("server"), key, list(hosts), _days(-9), until or _days(5))
        file = self._folder / f"{len(list(self._folder.iterdir()))}.pem"
        file.write_bytes(_pem(certificate) + _private(key))
        return file

    def _sign(self, subject, key, hosts, begin, end, *, ca=False) -> x509.Certificate:
        by_itself = not hosts and not ca
        names = x509.SubjectAlternativeName([_host(host) for host in hosts or ["localhost"]])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if by_itself else self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(names, critical=False)
            .sign(key if by_itself else self._key, hashes.SHA256())
        )


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
        "cold": True,
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


def context(lookup=dns.addresses) -> Context:
    """Addresses are literal, names are looked up for real."""
    return Context(address=lambda name, _family: name, lookup=lookup, notice=print)


class Asked(Attempt[Any]):
    """An attempt whose end can be awaited: ``answer`` is the Reply, or raises ProbeFailed."""

    def __init__(self, target: object) -> None:
        super().__init__(target, self._answered)
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def _answered(self, _: object, outcome: Outcome) -> None:
        if isinstance(outcome, ProbeFailed):
            self.answer.set_exception(outcome)
            self.answer.exception()  # nobody has to ask: asyncio would complain of each at the end
        else:
            self.answer.set_result(outcome)

    def give_up(self) -> None:
        """End it at its deadline."""
        self.over = True


def begin(probe: Probe[Any], targets: Iterable[object]) -> list[Asked]:
    """Start a slot of probes that end by themselves."""
    slot = [Asked(target) for target in targets]
    assert not probe(slot)
    return slot


async def ended(probe: Probe[Any], attempt: Asked, deadline: float) -> Any:
    """Start an attempt and wait for its end, which its deadline is."""
    try:
        async with asyncio.timeout(deadline):
            return await next(iter(probe([attempt])), attempt.answer)
    finally:
        attempt.give_up()


async def ask(probe: Probe[Any], target: object, facts: Facts | None = None, *, deadline: float = 10) -> Any:
    """Make one probe with a deadline, as the scheduler does, for a Reply (whose durations may be None)."""
    attempt = Asked(target)
    try:
        return await ended(probe, attempt, deadline)
    finally:
        for field in dataclasses.fields(facts) if facts else ():
            setattr(facts, field.name, getattr(attempt, field.name))


async def given_up(probe: Probe[Any], target: object, heard: Sized) -> None:
    """Make one probe, and end it, as at its deadline, when a peer has heard more."""
    attempt, before = Asked(target), len(heard)
    waiting = asyncio.ensure_future(ended(probe, attempt, 10))
    async with asyncio.timeout(10):
        while len(heard) == before:
            await asyncio.sleep(0.001)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()


async def failure(probe: Probe[Any], target: object, facts: Facts | None = None) -> tuple[Reason, str]:
    """Return why a probe failed."""
    try:
        reply = await ask(probe, target, facts)
    except ProbeFailed as error:
        return error.reason, error.detail
    raise AssertionError(f"it succeeded: {reply}")


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def readers() -> int:
    """What the running loop waits for, its own wake-up pipe included."""
    return len(asyncio.get_running_loop()._selector.get_map())  # type: ignore[attr-defined]


def lingering(peer: Peer) -> int:
    """How many of its connections are in TIME_WAIT, at either end."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    waiting = {frozenset(int(end[-4:], 16) for end in row[1:3]) for row in rows if row[3] == TIME_WAIT}
    return sum(frozenset((peer.port, port)) in waiting for _, port in peer.clients)


@contextlib.contextmanager
def full_backlog() -> Iterator[socket.socket]:
    """A listener that drops each SYN until somebody accepts."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        listener.listen(0)
        stack.enter_context(socket.create_connection(listener.getsockname()))
        yield listener


def _days(count: int) -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(days=count)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

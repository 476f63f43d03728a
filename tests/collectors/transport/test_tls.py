"""Whom we trust, what we say when we do not, and that the expiry is told all the same."""

import contextlib
import dataclasses
import datetime as dt
import ssl

import pytest

from collectors import http
from collectors.contract import Facts
from collectors.terms import Phase, Reason
from tests.collectors import peers
from tests.collectors.asking import ask, failure
from tests.collectors.peers import OK, Peer, answering
from tests.collectors.targets import context, http_target, https, url

YESTERDAY = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)


@pytest.fixture
async def probe():
    async with http.collector(context(), "latency-exporter/1.2") as probe:
        yield probe


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("hosts", "until", "detail"),
    [
        (["localhost"], YESTERDAY, "certificate has expired"),
        ([], None, "self-signed certificate"),
        (["other.test"], None, "Hostname mismatch, certificate is not valid for 'localhost'."),
    ],
)
async def test_a_certificate_that_is_not_to_be_trusted_fails_and_still_tells_its_validity(
    probe, authority, version, hosts, until, detail
):
    facts = Facts()
    until = dt.datetime.now(dt.UTC) - dt.timedelta(days=1) if until else None
    with Peer(answering(OK), tls=authority.server(*hosts, until=until, version=version)) as peer:
        assert await failure(probe, https(peer, authority), facts) == (Reason.TLS, detail)
        assert facts.certificate_expiry is not None
        assert facts.certificate_not_before is not None
        assert facts.certificate_not_before < facts.certificate_expiry
        assert facts.status_code is None
        await ask(probe, https(peer, authority, tls_verify=False))


async def test_an_authority_nobody_knows_is_not_trusted(probe, authority):
    with Peer(answering(OK), tls=authority.server("localhost")) as peer:
        failed = await failure(probe, https(peer, authority, tls_ca_file=None))
    assert failed == (Reason.TLS, "its authority is not known here")


async def test_a_certificate_for_an_address_is_checked_for_it(probe, authority):
    with Peer(answering(OK), tls=authority.server("127.0.0.1")) as peer:
        target = http_target(url(peer, scheme="https"), tls_ca_file=authority.ca_file)
        assert (await ask(probe, target)).rtt


@pytest.mark.parametrize(
    ("address", "host", "asked"),
    [("127.0.0.1", "localhost", "localhost"), ("localhost", None, "localhost"), ("127.0.0.1", None, None)],
)
async def test_the_name_that_a_host_header_gives_is_asked_for_and_verified(probe, authority, address, host, asked):
    names = []
    tls = authority.server("localhost", "127.0.0.1")
    tls.sni_callback = lambda _connection, name, _context: names.append(name)
    headers = (("Host", host),) if host else ()
    with Peer(answering(OK), tls=tls) as peer:
        target = http_target(url(peer, host=address, scheme="https"), tls_ca_file=authority.ca_file, headers=headers)
        await ask(probe, target)
        assert names == [asked]
        other = dataclasses.replace(target, headers=(("Host", "other.test"),))
        assert (await failure(probe, other))[1].startswith("Hostname mismatch")


async def test_a_ca_file_that_cannot_be_read_is_our_fault(probe, tmp_path):
    missing = http_target("https://127.0.0.1/", tls_ca_file=str(tmp_path / "none.pem"))
    assert await failure(probe, missing) == (
        Reason.LOCAL,
        f"tls_ca_file {tmp_path}/none.pem: No such file or directory",
    )
    (tmp_path / "bad.pem").write_text("nothing")
    bad = http_target("https://127.0.0.1/", tls_ca_file=str(tmp_path / "bad.pem"))
    assert await failure(probe, bad) == (Reason.LOCAL, f"tls_ca_file {tmp_path}/bad.pem: no certificate in PEM format")


def saying(data):
    """Reads something, and answers this whatever it was."""
    return lambda connection: connection.recv(9999) and connection.sendall(data)


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Reason.TLS),
        (saying(b"\x16\x03\x03\xff\xff" + bytes(70_000)), Reason.TLS),
        (lambda connection: connection.recv(9999), Reason.TLS),
        (lambda connection: connection.recv(1), Reason.RESET),
    ],
    ids=["plain http", "a giant record", "an end", "a reset"],
)
async def test_a_handshake_with_what_speaks_no_tls_fails(probe, talk, reason):
    with Peer(talk) as peer:
        assert (await failure(probe, http_target(url(peer, scheme="https"))))[0] is reason


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "the server closes the connection instead of going on"),
        (115, "the server asks for a key that was agreed on beforehand"),
        (120, "the server does not speak the protocol that is asked for"),
        (121, "the server asks for an encrypted first message (ECH)"),
        (200, "the server ends the handshake (TLS alert 200)"),
        (255, "the server ends the handshake (TLS alert 255)"),
    ],
)
async def test_an_alert_without_a_name_is_told_by_what_it_means_or_by_its_number(probe, number, words):
    with Peer(saying(bytes([21, 3, 3, 0, 2, 2, number]))) as peer:
        assert await failure(probe, http_target(url(peer, scheme="https"))) == (Reason.TLS, words)


def shaking_hands(tls, then):
    """Completes the handshake by hand, and then goes on as told."""

    def talk(connection):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = tls.wrap_bio(incoming, outgoing, server_side=True)
        while True:
            try:
                server.do_handshake()
                break
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
                incoming.write(connection.recv(65536))
        connection.sendall(outgoing.read())
        then(connection, server, incoming, outgoing)
        peers.silent(connection)

    return talk


def saying_so(data):
    return lambda connection, *_: connection.sendall(data)


def hearing_what_was_changed(connection, server, incoming, outgoing):
    """Takes in the request with its last byte changed, and says what TLS says to that."""
    request = connection.recv(4096)
    incoming.write(request[:-1] + bytes([request[-1] ^ 1]))
    with contextlib.suppress(ssl.SSLError):
        server.read()
    connection.sendall(outgoing.read())


NO_TLS_ANY_MORE = "what came after the handshake is no TLS: the server, or something in between, broke it"


TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
FORGED, PLAIN = b"\x17\x03\x03\x00\x20" + b"a" * 32, b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.parametrize(
    ("version", "then", "words"),
    [
        (TLS_1_2, saying_so(FORGED), NO_TLS_ANY_MORE),
        (TLS_1_3, saying_so(FORGED), NO_TLS_ANY_MORE),
        (TLS_1_2, saying_so(PLAIN), NO_TLS_ANY_MORE),
        (TLS_1_3, saying_so(PLAIN), NO_TLS_ANY_MORE),
        (TLS_1_3, saying_so(bytes([21, 3, 3, 0, 2, 2, 80])), NO_TLS_ANY_MORE),
        (TLS_1_2, hearing_what_was_changed, "the server ends the connection: bad record mac"),
    ],
)
async def test_what_breaks_after_the_handshake_is_not_said_of_the_handshake(probe, authority, version, then, words):
    facts = Facts()
    tls = authority.server("localhost", version=version)
    with Peer(shaking_hands(tls, then)) as peer:
        assert await failure(probe, https(peer, authority), facts) == (Reason.TLS, words)
    assert facts.phase is Phase.PROCESSING


@pytest.mark.clock
async def test_a_server_silent_after_the_handshake_leaves_what_was_seen(probe, authority):
    facts = Facts()
    with Peer(peers.silent, tls=authority.server("localhost")) as peer, pytest.raises(TimeoutError):
        await ask(probe, https(peer, authority), facts, deadline=1)
    assert facts.certificate_expiry is not None
    assert facts.status_code is None

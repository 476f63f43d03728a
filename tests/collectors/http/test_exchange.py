"""Requests as servers expect them, and answers understood and judged, through the whole collector."""

import base64
import socket

import pytest

from collectors import http
from collectors.contract import Facts, ProbeFailed
from collectors.http import exchange
from collectors.secret import Secret
from collectors.terms import IpFamily, Reason
from tests.collectors import peers
from tests.collectors.asking import ask, failure
from tests.collectors.peers import OK, Peer, answering
from tests.collectors.targets import context, http_target, url

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
async def probe():
    async with http.collector(context(), "latency-exporter/1.2") as probe:
        yield probe


async def test_the_request_is_one_that_servers_expect(probe):
    requests: list[bytes] = []
    with Peer(answering(OK, heard=requests)) as peer:
        await ask(probe, http_target(url(peer, "/a b?q=\u00fc#x")))
    assert requests[0].decode().splitlines() == [
        "GET /a%20b?q=%C3%BC HTTP/1.1",
        f"host: 127.0.0.1:{peer.port}",
        "user-agent: latency-exporter/1.2",
        "accept: */*",
        "accept-encoding: identity",
        "connection: close",
        "",
    ]


@pytest.mark.parametrize(
    ("text", "headers", "authority", "in_tls"),
    [
        ("https://a.example/", (), "a.example", "a.example"),
        ("https://a.example.:8443/", (), "a.example:8443", "a.example"),
        ("https://192.0.2.1/", (), "192.0.2.1", "192.0.2.1"),
        ("https://192.0.2.1/", (("host", "App.example"),), "192.0.2.1", "app.example"),
        ("https://a.example/", (("Host", "app.example.:8443"),), "a.example", "app.example"),
        ("https://a.example/", (("HOST", "[2001:db8::1]:8443"),), "a.example", "2001:db8::1"),
        ("https://[2001:db8::2]/", (("Host", ""), ("X", "y")), "[2001:db8::2]", "2001:db8::2"),
    ],
)
def test_a_host_header_is_the_name_in_tls_too_and_no_name_ends_in_a_dot(text, headers, authority, in_tls):
    taken_apart = exchange.split_url(text)
    assert taken_apart.authority == authority
    assert exchange.name_in_tls(taken_apart, headers) == in_tls


async def test_own_headers_replace_ours_and_a_user_is_authenticated(probe):
    requests: list[bytes] = []
    target = {"headers": (("Host", "vya.digital"), ("X-Tag", "\u00fc")), "user": "u", "password": Secret("p\u00fc")}
    with Peer(answering(OK, heard=requests)) as peer:
        await ask(probe, http_target(url(peer), method="POST", **target))
    lines = requests[0].decode().splitlines()
    assert lines[0] == "POST / HTTP/1.1"
    assert "Host: vya.digital" in lines
    assert "X-Tag: \u00fc" in lines
    assert "content-length: 0" in lines
    assert "authorization: Basic " + base64.b64encode("u:p\u00fc".encode()).decode() in lines
    assert [line for line in lines if line.lower().startswith("host:")] == ["Host: vya.digital"]


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": (("X-Key", "hush\r\nX-Evil: 1"),)},
        {"headers": (("X Key", "hush"),)},
        {"headers": (("X-Key", "hush\ud800"),)},
        {"method": "GET hush"},
    ],
)
async def test_what_cannot_be_a_request_is_our_fault_and_not_shown(probe, changes):
    with Peer(peers.silent) as peer, pytest.raises(ProbeFailed) as caught:
        await ask(probe, http_target(url(peer), **changes))
    assert caught.value.reason is Reason.LOCAL
    assert caught.value.detail == "method, url or a header can't be written in HTTP/1.1"
    assert caught.value.__suppress_context__  # h11's own text repeats the header
    assert peer.clients == []


@pytest.mark.parametrize(
    ("answer", "changes"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", {}),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", {"expect_body": "end$"}),
        (
            CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            {"expect_body": "^abcde$"},
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", {"method": "HEAD"}),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + OK, {"expect_body": "hello"}),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", {"expect_status": frozenset({304})}),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\xfd\xfe!", {"expect_body": "\ufffd!"}),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", {"max_body_bytes": 5}),
    ],
)
async def test_answers_that_are_fine(probe, answer, changes):
    facts = Facts()
    with Peer(answering(answer)) as peer:
        await ask(probe, http_target(url(peer), **changes), facts)
    assert facts.status_code in {200, 204, 304}


@pytest.mark.parametrize(
    ("answer", "changes", "reason", "detail"),
    [
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", {}, Reason.STATUS, "status 503"),
        (OK, {"expect_status": frozenset({204})}, Reason.STATUS, "status 200"),
        (OK, {"expect_body": "^bye"}, Reason.BODY, "nothing matches '^bye'"),
        (OK, {"max_body_bytes": 4}, Reason.BODY, "more than max_body_bytes (4)"),
        (b"", {}, Reason.PROTOCOL, "closed before the answer was complete"),
        (b"H", {}, Reason.PROTOCOL, "closed before the answer was complete"),
        (OK[:-1], {}, Reason.PROTOCOL, "closed before the answer was complete"),
        (b"HTTP/1.1 101 Up\r\nUpgrade: x\r\n\r\n", {}, Reason.STATUS, "status 101"),
        (b"HTTP/1.1 100 Go\r\n\r\n" * 33, {}, Reason.PROTOCOL, "more than 32 interim answers"),
        (b"HTTP/1.1 100 Go\r\n\r\n" * 9, {}, Reason.PROTOCOL, "closed before the answer was complete"),
        (CHUNKED + b"f" * 21, {}, Reason.PROTOCOL, "closed before the answer was complete"),
    ],
)
async def test_answers_that_are_not(probe, answer, changes, reason, detail):
    with Peer(answering(answer)) as peer:
        failed = await failure(probe, http_target(url(peer), **changes))
    assert failed[0] is reason
    assert detail in {None, failed[1]}


async def test_a_redirect_is_reported_and_not_followed(probe):
    facts = Facts()
    with Peer(answering(b"HTTP/1.1 301 Moved\r\nLocation: http://10.0.0.1/\xfc" + b"x" * 999 + b"\r\n\r\n")) as peer:
        reason, detail = await failure(probe, http_target(url(peer)), facts)
        assert reason is Reason.STATUS
        assert detail.startswith("status 301, which points to http://10.0.0.1/")
    assert facts.status_code == 301
    assert facts.redirect == "http://10.0.0.1/\\xfc" + "x" * 180
    assert len(peer.clients) == 1


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("http://u:hush@a.example/x", "http://a.example/x"),
        ("HTTPS://u@hush@a.example", "HTTPS://a.example"),
        ("//u:hush@a.example/", "//a.example/"),
        ("http:/u:hush@a.example/", "http:/a.example/"),
        ("http:\\\\u:hush@a.example/", "http:\\\\a.example/"),
        ("ftp://u:hush@a.example/x@y", "ftp://a.example/x@y"),
        ("http://a.example/u:p@b", "http://a.example/u:p@b"),
        ("/u:p@b", "/u:p@b"),
    ],
)
async def test_the_login_in_a_redirect_is_not_shown(probe, location, shown):
    facts = Facts()
    with Peer(answering(f"HTTP/1.1 301 Moved\r\nLocation: {location}\r\n\r\n".encode())) as peer:
        failed = await failure(probe, http_target(url(peer)), facts)
    assert failed == (Reason.STATUS, f"status 301, which points to {shown}")
    assert facts.redirect == shown


async def test_a_reset_is_a_reset(probe):
    def reset(connection):
        peers.read_request(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with Peer(reset) as peer:
        assert await failure(probe, http_target(url(peer))) == (Reason.RESET, "connection reset by the peer")


async def test_a_closed_port_refuses(probe):
    with Peer(peers.silent) as gone:
        pass
    assert await failure(probe, http_target(url(gone))) == (
        Reason.REFUSED,
        "connection refused: nothing listens on this port, or a firewall refuses it",
    )


async def test_a_name_that_does_not_exist_and_a_family_that_does_not_fit_fail_with_dns():
    async def nowhere(name, _family):
        raise ProbeFailed(Reason.DNS, f"{name}: no")

    async with http.collector(context(nowhere)) as probe:
        assert await failure(probe, http_target("http://gone.test/")) == (
            Reason.DNS,
            "gone.test: no",
        )
        literal = http_target("http://127.0.0.1/", ip_family=IpFamily.IPV6)
        assert await failure(probe, literal) == (Reason.DNS, "127.0.0.1 is no ipv6 address")
        assert (await failure(probe, http_target("http://\u00fc" + "x" * 70 + "/")))[0] is Reason.DNS


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"app;dur=12.5", 0.0125),
        (b'cdn;dur=1, app;desc="x";dur="2"', 0.002),
        (b"app ; DUR = 0", 0),
        (b"db;dur=5", None),
        (b"app", None),
        (b"app;dur=", None),
        (b"app;dur=-1", None),
        (b"app;dur=nan", None),
        (b"app;dur=1e999", None),
        (b"app;dur=1e308", None),
        (b"app;dur=5000", 5),
        (b"app;dur=5001", None),
        (b"app;dur=\xff", None),
    ],
)
def test_what_the_peer_says_of_its_own_time(value, seconds):
    assert exchange.peer_processing(value, waited=5.0) == seconds


async def test_the_peers_own_time_becomes_a_fact(probe):
    facts = Facts()
    with Peer(answering(b"HTTP/1.1 204 OK\r\nServer-Timing: cache, app;dur=3\r\n\r\n")) as peer:
        await ask(probe, http_target(url(peer)), facts)
    assert facts.peer_processing == 0.003

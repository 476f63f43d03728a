"""Peers asked over real sockets, each of them broken in each way."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import json
import socket
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from collectors.secret import Secret
from exporter.fleet import PeerExporter
from exporter.fleet_view import peer_pages
from exporter.fleet_view.culprits import CulpritKind, NoPage
from exporter.fleet_view.peer_pages import DEADLINE, LIMIT, PeerPages
from exporter.fleet_view.reports import HostReport
from tests.authority import Authority
from tests.collectors.peers import Peer, read_request, silent
from tests.exporter.fleet_view.fleets import pair
from tests.exporter.fleet_view.test_reports import PAGE
from tests.exporter.probing.virtual_time import skip

BODY = json.dumps(PAGE).encode()


def response(body: bytes = BODY, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Exporter(Peer):
    """Answers every request with the same bytes, or does something instead; ``requests`` are what it was asked."""

    def __init__(self, says: bytes | Callable[[socket.socket], object] = b"", **how) -> None:
        self.requests: list[bytes] = []
        self._says = says or response()
        super().__init__(self._answer, **how)

    def url(self, scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.port}"

    def _answer(self, connection: socket.socket) -> None:
        self.requests.append(read_request(connection))
        if callable(self._says):
            self._says(connection)
        else:
            connection.sendall(self._says)


async def asked(*peers: PeerExporter, deadline: float = 30.0):
    return await PeerPages(deadline).pages(peers)


async def why(exporter: Exporter) -> str:
    with exporter:
        page = (await asked(PeerExporter("b", exporter.url())))["b"]
    assert isinstance(page, NoPage)
    return page.why


async def test_a_page_is_asked_as_json_with_the_login_of_peers() -> None:
    with Exporter() as exporter:
        pages = await asked(PeerExporter("b", exporter.url(), "me", Secret("word")))
    assert isinstance(pages["b"], HostReport)
    (request,) = exporter.requests
    assert request.startswith(b"GET /?format=json HTTP/1.1\r\n")
    assert b"Authorization: Basic bWU6d29yZA==\r\n" in request
    assert b"(fleet)" in request


@pytest.mark.parametrize(
    ("says", "reads"),
    [
        (response(b"<html>hello"), "its answer is no page of this program"),
        (response(b"{}"), "its answer is no page of this program (at this_host)"),
        (response(b"[" * 100_000), "its answer is no page of this program"),
        (response(b'{"this_host": 5, "pairs": []}'), "its answer is no page of this program (at this_host)"),
        (response(b"no", "401 Unauthorized"), "it refuses the login (status 401): look at peers in the fleet file"),
        (response(b"no", "403 Forbidden"), "it refuses this host (status 403)"),
        (response(b"no", "404 Not Found"), "it has no page there (status 404)"),
        (response(b"no", "503 Busy"), "it is too busy (status 503)"),
        (response(b"no", "500 Oh"), "it answers with status 500"),
        (
            response(b"x", "301 M", "Location: http://127.0.0.1/"),
            "it leads elsewhere, which is not followed (status 301)",
        ),
        (
            response(gzip.compress(b" " * (1 << 20)), "200 OK", "Content-Encoding: gzip"),
            "it does not answer in HTTP (compressed, which was not asked for)",
        ),
        (response()[:-5], "it closes the connection without a whole answer"),
        (
            b"SSH-2.0-OpenSSH\r\n",
            "it does not answer in HTTP (its answer does not begin with HTTP/1.1 and a status)",
        ),
        (lambda _: None, "it closes the connection without a whole answer"),
    ],
)
async def test_an_answer_that_is_no_page_is_a_reason(says, reads: str) -> None:
    assert await why(Exporter(says)) == reads


async def test_a_page_is_read_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def page_of(*_: object) -> NoPage:
        threads.append(threading.current_thread())
        return NoPage("read")

    monkeypatch.setattr(peer_pages, "page_of", page_of)
    assert await why(Exporter()) == "read"
    assert threading.main_thread() not in threads


async def test_a_page_of_another_host_is_no_page_of_this_one() -> None:
    other = {**PAGE, "this_host": {**PAGE["this_host"], "host": "<canary>"}}
    with Exporter(response(json.dumps(other).encode())) as exporter:
        pages = await asked(PeerExporter("b", exporter.url()), PeerExporter("<canary>", exporter.url()))
    assert pages["b"] == NoPage(
        "it says that it is another host: look at --host there, and at this address in the fleet file",
        connected=True,
        answered=True,
    )
    assert isinstance(pages["<canary>"], HostReport)


async def test_an_endless_answer_ends_and_costs_no_memory() -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b" " * 65536)

    tracemalloc.start()
    try:
        assert await why(Exporter(endless)) == "its answer has more than 4,096 KiB, which is no page of this program"
        assert tracemalloc.get_traced_memory()[1] < 3 * LIMIT
    finally:
        tracemalloc.stop()


async def test_pages_of_many_small_pairs_have_a_share_of_the_room_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_pages, "PAIRS", 4)
    one = pair("x", "icmp")
    pages = [response(json.dumps({**PAGE, "pairs": [one] * number}).encode()) for number in (2, 3)]
    with Exporter(pages[0]) as fits, Exporter(pages[1]) as exceeds:
        had = await asked(PeerExporter("b", fits.url()), PeerExporter("c", exceeds.url()))
    assert isinstance(had["b"], HostReport)
    assert had["c"] == NoPage(
        "its page has more than 2 pairs, its share of what fits here", connected=True, answered=True
    )


async def test_nobody_follows_a_redirect() -> None:
    with Exporter() as other:
        assert "not followed" in await why(Exporter(response(b"", "302 Found", f"Location: {other.url()}/")))
    assert other.requests == []


async def test_where_nothing_listens_it_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    pages = await asked(PeerExporter("b", f"http://127.0.0.1:{port}"))
    assert pages["b"] == NoPage("nothing listens there, or a firewall refuses it")


async def test_tls_is_verified_by_the_authority_of_peers_alone(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with Exporter(tls=authority.server("127.0.0.1")) as exporter:
        trusted = PeerExporter("b", exporter.url("https"), ca_file=str(authority.ca_file))
        pages = await asked(trusted, PeerExporter("c", exporter.url("https")))
    assert isinstance(pages["b"], HostReport)
    assert isinstance(pages["c"], NoPage)
    assert pages["c"].why.startswith("TLS: ")
    assert len(exporter.requests) == 1, "nothing is sent to who is not trusted"


async def test_a_certificate_that_has_expired_or_is_of_another_name_is_a_reason(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    old = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    with (
        Exporter(tls=authority.server("127.0.0.1", until=old)) as expired,
        Exporter(tls=authority.server("wf001.example")) as other,
    ):
        pages = await asked(
            PeerExporter("b", expired.url("https"), ca_file=str(authority.ca_file)),
            PeerExporter("c", other.url("https"), ca_file=str(authority.ca_file)),
        )
    assert isinstance(pages["b"], NoPage)
    assert "expired" in pages["b"].why
    assert isinstance(pages["c"], NoPage)
    assert "not valid for" in pages["c"].why or "mismatch" in pages["c"].why


async def test_an_authority_that_is_gone_is_this_hosts_fault(tmp_path: Path) -> None:
    pages = await asked(PeerExporter("b", "https://127.0.0.1:1", ca_file=str(tmp_path / "ca.pem")))
    assert isinstance(pages["b"], NoPage)
    assert pages["b"].why.startswith("this host cannot ask: tls_ca_file ")
    assert str(tmp_path) not in pages["b"].why
    assert pages["b"].ours is CulpritKind.CONFIGURATION


async def test_of_thirty_peers_ten_hang_and_all_is_there_at_the_deadline() -> None:
    """The clock is moved to the deadline as soon as nobody is waited for but those that hang."""
    with Exporter(silent) as hanging, Exporter() as well:
        peers = [PeerExporter(f"h{number}", (well if number % 3 else hanging).url()) for number in range(30)]
        others = len(asyncio.all_tasks())
        asking = asyncio.create_task(PeerPages().pages(peers))
        await hanging.has_served(10)
        while len(asyncio.all_tasks()) > others + 11:
            await asyncio.sleep(0.001)
        skip(DEADLINE)
        pages = await asking
    assert len(well.clients) == 20
    assert [name for name, page in pages.items() if isinstance(page, NoPage)] == [
        f"h{number}" for number in range(0, 30, 3)
    ]
    assert pages["h0"] == NoPage("it takes the connection, and then does not answer within 3 s", connected=True)
    assert len(pages) == 30


async def test_no_secret_is_in_what_is_said(tmp_path: Path) -> None:
    """A peer that sends the password back as its own words."""
    echo = b"HTTP/1.1 200 word bWU6d29yZA==\r\nX: word\r\nTransfer-Encoding: word\r\n\r\n"
    with Exporter(echo) as exporter:
        pages = await asked(PeerExporter("b", exporter.url(), "me", Secret("word")))
    assert isinstance(pages["b"], NoPage)
    assert "word" not in pages["b"].why

"""Listen addresses, and what is named as the holder of a port that is taken."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from exporter.web.listen import CannotListen, open_sockets, parse


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A port on which this process listens, on every address, and says nothing."""
    monkeypatch.setattr("exporter.web.port_holders._ANSWER", 0.05)
    with socket.create_server(("0.0.0.0", 0)) as holder:
        yield holder.getsockname()[1]


def me() -> str:
    return f"{Path('/proc/self/comm').read_text().strip()} (pid {os.getpid()})"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (":9102", ("", 9102)),
        ("127.0.0.1:9102", ("127.0.0.1", 9102)),
        ("[::1]:9102", ("::1", 9102)),
        ("[::]:0", ("::", 0)),
        ("localhost:65535", ("localhost", 65535)),
    ],
)
def test_an_address_is_host_and_port(address: str, expected: tuple[str, int]) -> None:
    assert parse(address) == expected


@pytest.mark.parametrize(
    "address", ["", "9102", ":", ":65536", ":http", "::1:9102", "[::1]", "[::1:9102", ":9102 ", ":-1", "ü..x:1", ":९"]
)
def test_anything_else_is_refused_with_examples(address: str) -> None:
    with pytest.raises(ValueError, match="is no listen address") as refused:
        parse(address)
    assert str(refused.value) == f"{address!r} is no listen address; write :9102, 127.0.0.1:9102 or [::1]:9102"


def test_without_a_host_both_families_are_served() -> None:
    (sock,) = open_sockets([("", 0)])
    with sock:
        port = sock.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        if socket.has_dualstack_ipv6():
            socket.create_connection(("::1", port), timeout=5).close()


def test_a_host_is_served_alone() -> None:
    (sock,) = open_sockets([("127.0.0.1", 0)])
    with sock:
        assert sock.getsockname()[0] == "127.0.0.1"


def test_several_addresses_are_all_listened_on() -> None:
    sockets = open_sockets([("127.0.0.1", 0), ("127.0.0.2", 0)])
    assert [sock.getsockname()[0] for sock in sockets] == ["127.0.0.1", "127.0.0.2"]
    for sock in sockets:
        sock.close()


def test_a_port_that_is_taken_is_explained_by_its_holder(taken: int) -> None:
    with pytest.raises(CannotListen) as error:
        open_sockets([("127.0.0.1", taken)])
    assert str(error.value) == (
        f"cannot listen on 127.0.0.1:{taken}: the port is taken by {me()}; choose another with --web.listen-address"
    )


@pytest.mark.parametrize(
    ("server", "body", "name"),
    [
        (
            "",
            'go_build_info{} 1\nstatsd_exporter_build_info{version="0.22"} 1\n',
            "statsd_exporter",
        ),
        ("x", 'latency_exporter_build_info{version="0.1.0"} 1\n', "latency-exporter"),
        ("nginx/1.22.1", "<html>", "nginx/1.22.1"),
        ("\x1b[31m", "<html>", None),
        ("", "", None),
    ],
)
def test_the_program_that_holds_a_port_is_asked_what_it_is(server: str, body: str, name: str | None) -> None:
    class Answer(BaseHTTPRequestHandler):
        def version_string(self) -> str:
            return server

        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/metrics" else 404)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as holder:
        port = holder.server_port
        answering = threading.Thread(target=holder.handle_request)
        answering.start()
        with pytest.raises(CannotListen) as error:
            open_sockets([("127.0.0.1", port)])
        answering.join(10)  # its connection is closed then: the next test counts what is open
    answers = f", which answers as {name}" if name else ""
    assert str(error.value) == (
        f"cannot listen on 127.0.0.1:{port}: the port is taken by {me()}{answers}; "
        "choose another with --web.listen-address"
    )


def test_if_one_address_is_taken_none_stays_open(taken: int) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(CannotListen):
        open_sockets([("127.0.0.1", 0), ("127.0.0.1", taken)])
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_an_address_that_is_given_twice_is_taken_by_ourselves(taken: int) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(CannotListen, match=f"127.0.0.1:{port}: the port is taken by .*pid {os.getpid()}"):
        open_sockets([("127.0.0.1", port), ("127.0.0.1", port)])


NOT_OURS = "Cannot assign requested address; it is no address of this host, name one that is"


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("192.0.2.1", f"cannot listen on 192.0.2.1:0: {NOT_OURS}"),
        ("2001:db8::1", f"cannot listen on [2001:db8::1]:0: {NOT_OURS}"),
        ("a..b", "cannot listen on a..b:0: "),
    ],
)
def test_an_address_that_is_not_ours_is_said_to_be(host: str, message: str) -> None:
    with pytest.raises(CannotListen) as error:
        open_sockets([(host, 0)])
    assert str(error.value).startswith(message)
    assert "while attempting" not in str(error.value)


def test_a_holder_that_cannot_be_seen_is_said_so_and_9102_has_a_usual_suspect(monkeypatch: pytest.MonkeyPatch) -> None:
    def in_use(*_: object, **__: object) -> socket.socket:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr("socket.create_server", in_use)
    monkeypatch.setattr("exporter.web.listen.holders_of", lambda _: [])
    monkeypatch.setattr("exporter.web.listen.name_of_listener", lambda *_: None)
    with pytest.raises(CannotListen) as error:
        open_sockets([("", 9102)])
    assert str(error.value) == (
        "cannot listen on :9102: the port is taken by a process that can't be seen from here (try: ss -tlnp as root); "
        ":9102 is statsd_exporter's customary port too; choose another with --web.listen-address"
    )

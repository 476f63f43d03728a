"""Listen addresses, and who is said to hold a port that is taken."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from exporter.web.listen import CannotListen, holders_of, open_sockets, parse


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A port on which this process listens, on every address, and says nothing."""
    monkeypatch.setattr("exporter.web.listen._ANSWER", 0.05)
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
def test_who_holds_a_port_is_asked_what_it_is(server: str, body: str, name: str | None) -> None:
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
    said = f", which answers as {name}" if name else ""
    assert str(error.value) == (
        f"cannot listen on 127.0.0.1:{port}: the port is taken by {me()}{said}; "
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


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("192.0.2.1", "cannot listen on 192.0.2.1:0: Cannot assign requested address"),
        ("2001:db8::1", "cannot listen on [2001:db8::1]:0: Cannot assign requested address"),
        ("a..b", "cannot listen on a..b:0: "),
    ],
)
def test_an_address_that_is_not_ours_is_said_to_be(host: str, message: str) -> None:
    with pytest.raises(CannotListen) as error:
        open_sockets([(host, 0)])
    assert str(error.value).startswith(message)


class Proc:
    """A made-up /proc."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "net").mkdir()

    def table(self, name: str, *rows: tuple[str, str, int]) -> None:
        lines = ["  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"]
        for number, (local, state, inode) in enumerate(rows):
            queues_timer_retries_user_timeout = "00000000:00000000 00:00000000 00000000 0 0"
            lines.append(f"{number:4}: {local} 00000000:0000 {state} {queues_timer_retries_user_timeout} {inode} 1")
        (self.root / "net" / name).write_text("\n".join([*lines, ""]))

    def process(self, pid: int, comm: str, *targets: str) -> None:
        folder = self.root / str(pid) / "fd"
        folder.mkdir(parents=True)
        (folder.parent / "comm").write_text(f"{comm}\n")
        for number, target in enumerate(targets):
            (folder / str(number)).symlink_to(target)


def test_holders_are_found_over_both_families_and_only_where_they_listen(tmp_path: Path) -> None:
    proc = Proc(tmp_path)
    proc.table("tcp", ("0100007F:238E", "0A", 11), ("0100007F:238E", "01", 12), ("00000000:238F", "0A", 13))
    proc.table("tcp6", ("00000000000000000000000000000000:238E", "0A", 14))
    proc.process(7, "statsd_exporter", "/dev/null", "socket:[11]")
    proc.process(8, "other", "socket:[12]", "socket:[13]")
    proc.process(9, "python3", "socket:[14]", "socket:[1]")
    assert holders_of(0x238E, proc.root) == ["python3 (pid 9)", "statsd_exporter (pid 7)"]


def test_a_descriptor_that_vanishes_hides_no_holder(tmp_path: Path) -> None:
    proc = Proc(tmp_path)
    proc.table("tcp", ("0100007F:238E", "0A", 11))
    proc.process(7, "holder", "/dev/null", "socket:[11]")
    (tmp_path / "7/fd/0").unlink()
    (tmp_path / "7/fd/0").write_text("")  # cannot be read as a link, like one that was just closed
    assert holders_of(0x238E, proc.root) == ["holder (pid 7)"]


def test_without_a_proc_nobody_is_named(tmp_path: Path) -> None:
    assert holders_of(9102, tmp_path / "missing") == []


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

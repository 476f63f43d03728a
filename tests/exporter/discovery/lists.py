"""Lists of hosts for tests, and a server that has one and answers as it is told to."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def groups(*numbers: int) -> list[dict[str, object]]:
    """Return target groups with a host for each number, as an inventory writes them."""
    return [
        {
            "targets": [f"127.{number // 250 + 1}.{number % 250}.1:9102"],
            "labels": {"name": f"h{number:03}", "datacenter": f"dc{number % 5}", "location": "l", "country": "NO"},
        }
        for number in numbers
    ]


def written(*numbers: int) -> bytes:
    """Return the same as JSON."""
    return json.dumps(groups(*numbers)).encode()


class ListServer:
    """Serves a list over HTTP; ``answer`` is its body, ``status`` its status."""

    def __init__(self, port: int, answer: bytes) -> None:
        self.answer, self.status = answer, 200
        self.headers: dict[str, str] = {}
        self.hangs = False
        self.asked = 0
        self.seen: list[str | None] = []
        """The Authorization headers."""
        self.over = threading.Event()
        self.url = f"http://127.0.0.1:{port}/hosts.json"

    def let_go(self) -> None:
        """End the requests that hang; those that come then are answered."""
        self.hangs = False
        self.over.set()


@contextlib.contextmanager
def list_server(answer: bytes = b"[]") -> Iterator[ListServer]:
    """Run one."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked += 1
            served.seen.append(self.headers["Authorization"])
            if served.hangs:
                served.over.wait()
                return
            body = served.answer
            with contextlib.suppress(OSError):
                self.send_response(served.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                for name, value in served.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = ListServer(server.server_port, answer)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        try:
            yield served
        finally:
            served.let_go()
            server.shutdown()

"""Servers that speak like those of a stack, in threads: each path has its answer, and each can be broken."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Mapping

from tests.collectors.peers import Peer, read_request
from tests.exporter.doctor.values import GOOD

Say = bytes | Callable[[socket.socket], object]
"""A body, or what is done instead of answering."""

NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\nConnection: close\r\n\r\nnot found"
EMPTY = json.dumps({"status": "success", "data": {"resultType": "vector", "result": []}}).encode()
API = {
    "/api/v1/query": EMPTY,
    "/api/v1/targets": json.dumps({"status": "success", "data": {"activeTargets": []}}).encode(),
    "/api/v1/rules": json.dumps({"status": "success", "data": {"groups": []}}).encode(),
    "/api/v1/alertmanagers": json.dumps({"status": "success", "data": {"activeAlertmanagers": [{}]}}).encode(),
}
PATHS: Mapping[str, Mapping[str, bytes]] = {
    "prometheus": {"/-/healthy": GOOD["prometheus"], "/-/ready": b"Prometheus Server is Ready.\n", **API},
    "alertmanager": {"/-/healthy": b"OK", "/api/v2/alerts": b"[]"},
    "grafana": {"/api/health": GOOD["grafana"], "/api/search": b"[]"},
    "victoriametrics": {"/health": b"OK", **API},
    "loki": {"/ready": b"ready\n"},
    "pushgateway": {"/-/healthy": b"OK", "/api/v1/metrics": b'{"status": "success", "data": []}'},
}


def response(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def saying(data: bytes) -> Callable[[socket.socket], None]:
    """Answer with these very bytes."""
    return lambda connection: connection.sendall(data)


def forever(beginning: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    """Answer until the other end has had enough."""

    def say(connection: socket.socket) -> None:
        connection.sendall(beginning)
        while True:
            connection.sendall(piece)

    return say


class Fake(Peer):
    """One server; ``requests`` are what it was asked, headers included."""

    def __init__(
        self, name: str, *, tls: ssl.SSLContext | None = None, prefix: str = "", **instead: Say | None
    ) -> None:
        """``instead`` is said at all paths (``everywhere``), or at those that end so: ``ready``, ``targets``."""
        self.requests: list[bytes] = []
        self._paths = {prefix + path: body for path, body in PATHS[name].items()}
        self._instead = instead
        super().__init__(self._talk, tls=tls)

    def url(self, scheme: str = "http", host: str = "127.0.0.1", path: str = "") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def _talk(self, connection: socket.socket) -> None:
        request = read_request(connection)
        self.requests.append(request)
        path = request.split()[1].partition(b"?")[0].decode() if request else ""
        say: Say | None = self._paths.get(path)
        for part in ("everywhere", path.rpartition("/")[2]):
            say = self._instead.get(part, say)
        if callable(say):
            say(connection)
        else:
            connection.sendall(NOT_FOUND if say is None else response(say))

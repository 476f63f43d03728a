"""Plain values as the rules take them, with what does not matter filled in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from collectors.secret import Secret
from collectors.terms import Reason
from exporter.doctor.bodies import ActiveTarget
from exporter.doctor.expected import ExpectedHost, SeriesKey, of_database
from exporter.doctor.knowledge import Exporter, Knowledge
from exporter.doctor.outcome import Answers, ServerSeen, TlsSeen
from exporter.doctor.servers import KINDS
from exporter.doctor.stack import StackServer
from exporter.http_client.outcome import HttpAnswer, HttpOutcome, Trouble

NOW = 1_800_000_000.0
DAY = 86400.0
GOOD = {
    "prometheus": b"Prometheus Server is Healthy.\n",
    "alertmanager": b"OK",
    "grafana": b'{"database": "ok", "version": "12.3.0"}',
    "victoriametrics": b"OK",
    "loki": b"ready\n",
    "pushgateway": b"OK",
}
"""What each server's health path says."""


def server(name: str = "prometheus", url: str = "http://wfdb01:9090", **changes: Any) -> StackServer:
    plain: dict[str, Any] = {"user": None, "password": None, "ca_file": None, "internal": False}
    if "user" in changes:
        plain["password"] = Secret("hush")
    return StackServer(name=name, url=url, **plain | changes)


def answer(body: bytes | str = b"", status: int = 200, **changes: Any) -> HttpAnswer:
    body = body.encode() if isinstance(body, str) else body
    plain: dict[str, Any] = {"excerpt": body.decode().strip()[:80], "location": "", "date": NOW, "took": 0.412}
    return HttpAnswer(status=status, body=body, **plain | changes)


def trouble(reason: Reason = Reason.TIMEOUT, detail: str = "", *, connected: bool = False) -> Trouble:
    return Trouble(reason, detail, connected)


def seen(
    server: StackServer,
    *health: HttpOutcome,
    answers: Mapping[str, HttpOutcome] | None = None,
    tls: TlsSeen | None = None,
) -> ServerSeen:
    """What a server said; its health paths are well unless something else is given for the first ones."""
    well = [answer(GOOD[server.name]) for _ in KINDS[server.name].health]
    return ServerSeen(server, (*health, *well[len(health) :]), Answers(answers or {}), tls)


def success(data: object) -> HttpAnswer:
    return answer(json.dumps({"status": "success", "data": data}))


def vector(*samples: tuple[Mapping[str, str], float]) -> HttpAnswer:
    result = [{"metric": labels, "value": [NOW, str(value)]} for labels, value in samples]
    return success({"resultType": "vector", "result": result})


def target(host: str = "wf001", **changes: Any) -> ActiveTarget:
    plain: dict[str, Any] = {
        "labels": {"job": "latency", "instance": host, "host": host, "source": host},
        "discoveredLabels": {"__address__": f"{host}:9102"},
        "scrapePool": "latency",
        "scrapeUrl": f"http://{host}:9102/metrics",
        "lastScrape": "2027-01-15T07:59:56Z",
        "health": "up",
    }
    return ActiveTarget.model_validate(plain | changes)


def exporter(host: str = "wf001", **changes: Any) -> Exporter:
    labels = {"job": "latency", "instance": host, "host": host, "source": host}
    plain: dict[str, Any] = {"labels": labels, "sampled": NOW - 4, "config_hash": 7.0, "reloaded": True}
    return Exporter(host=host, **plain | changes)


SERIES = frozenset({SeriesKey("wf008", "icmp", "ipv4"), SeriesKey("wf008", "tcp", "ipv6"), of_database("n8n")})


def host(name: str = "wf001", series: frozenset[SeriesKey] = SERIES) -> ExpectedHost:
    labels = {"job": "latency", "instance": name, "host": name, "source": name}
    return ExpectedHost(name, f"{name}:9102", labels, series)


def knowledge(
    targets: Sequence[ActiveTarget] | None = (),
    exporters: Sequence[Exporter] | None = (),
    **series: frozenset[SeriesKey],
) -> Knowledge:
    return Knowledge("prometheus", NOW, targets, exporters, series)

"""Plain values as the rules take them, with what does not matter filled in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from collectors.contract import Reason
from collectors.secret import Secret
from exporter.doctor.answers import Target
from exporter.doctor.expected import ExpectedHost, Series, of_database
from exporter.doctor.outcome import Answer, Look, Outcome, Seen, Told, Trouble
from exporter.doctor.servers import KINDS
from exporter.doctor.stack import Asked
from exporter.doctor.view import Exporter, View

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


def server(name: str = "prometheus", url: str = "http://wfdb01:9090", **changes: Any) -> Asked:
    plain: dict[str, Any] = {"user": None, "password": None, "ca_file": None, "internal": False}
    if "user" in changes:
        plain["password"] = Secret("hush")
    return Asked(name=name, url=url, **plain | changes)


def answer(body: bytes | str = b"", status: int = 200, **changes: Any) -> Answer:
    body = body.encode() if isinstance(body, str) else body
    plain: dict[str, Any] = {"said": body.decode().strip()[:80], "location": "", "date": NOW, "took": 0.412}
    return Answer(status=status, body=body, **plain | changes)


def trouble(reason: Reason = Reason.TIMEOUT, detail: str = "", *, connected: bool = False) -> Trouble:
    return Trouble(reason, detail, connected)


def seen(asked: Asked, *health: Outcome, told: Mapping[str, Outcome] | None = None, look: Look | None = None) -> Seen:
    """What a server said; its health paths are well unless something else is given for the first ones."""
    well = [answer(GOOD[asked.name]) for _ in KINDS[asked.name].health]
    return Seen(asked, (*health, *well[len(health) :]), Told(told or {}), look)


def success(data: object) -> Answer:
    return answer(json.dumps({"status": "success", "data": data}))


def vector(*samples: tuple[Mapping[str, str], float]) -> Answer:
    result = [{"metric": labels, "value": [NOW, str(value)]} for labels, value in samples]
    return success({"resultType": "vector", "result": result})


def target(host: str = "wf001", **changes: Any) -> Target:
    plain: dict[str, Any] = {
        "labels": {"job": "latency", "instance": host, "host": host, "source": host},
        "discoveredLabels": {"__address__": f"{host}:9102"},
        "scrapePool": "latency",
        "scrapeUrl": f"http://{host}:9102/metrics",
        "lastScrape": "2027-01-15T07:59:56Z",
        "health": "up",
    }
    return Target.model_validate(plain | changes)


def exporter(host: str = "wf001", **changes: Any) -> Exporter:
    labels = {"job": "latency", "instance": host, "host": host, "source": host}
    plain: dict[str, Any] = {"labels": labels, "sampled": NOW - 4, "config_hash": 7.0, "reloaded": True}
    return Exporter(host=host, **plain | changes)


SERIES = frozenset({Series("wf008", "icmp", "ipv4"), Series("wf008", "tcp", "ipv6"), of_database("n8n")})


def host(name: str = "wf001", series: frozenset[Series] = SERIES) -> ExpectedHost:
    labels = {"job": "latency", "instance": name, "host": name, "source": name}
    return ExpectedHost(name, f"{name}:9102", labels, series)


def view(
    targets: Sequence[Target] | None = (), exporters: Sequence[Exporter] | None = (), **series: frozenset[Series]
) -> View:
    return View("prometheus", NOW, targets, exporters, series)

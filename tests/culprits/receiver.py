"""Whom Alertmanager notifies: what arrived, and when."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.netlab import Host


@dataclass(frozen=True)
class Message:
    """One notification: of which group, and of each alert in it whether it fires; those that do come first."""

    at: float
    group: str
    alerts: Mapping[str, bool]
    texts: tuple[str, ...]

    @property
    def is_over(self) -> bool:
        return not any(self.alerts.values())


class Receiver:
    """A webhook on a host's loopback, where the example for Alertmanager has it."""

    def __init__(self, host: Host) -> None:
        self.messages: list[Message] = []
        with host.entered():
            self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 8080), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def since(self, when: float) -> list[Message]:
        return [message for message in self.messages if message.at >= when]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        messages = self.messages

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                messages.append(_message(json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def _message(body: dict[str, Any]) -> Message:
    alerts = sorted(body["alerts"], key=lambda alert: alert["status"] != "firing")
    return Message(
        time.time(),
        body["groupKey"],
        {about(alert["labels"]): alert["status"] == "firing" for alert in alerts},
        tuple(alert["annotations"]["summary"] for alert in alerts),
    )


def about(labels: Mapping[str, str]) -> str:
    """Say how bad an alert is, its name, its cause, and whom it blames."""
    if "database" in labels:
        whom = labels["database"]
    elif labels["alertname"] in {"HostUnreachable", "LatencyExporterDown", "MeasurementInDoubt"}:
        whom = labels.get("target", "")
    elif "target" in labels or "source" in labels:
        whom = " to ".join(labels[end] for end in ("source", "target") if labels.get(end))
    else:
        whom = f"{labels.get('source_datacenter', '')} to {labels.get('target_datacenter', '')}"
    why = labels.get("cause") or labels.get("reason", "")
    return " ".join(filter(None, [labels["severity"], labels["alertname"], why, whom]))

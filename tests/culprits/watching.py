"""Who watches a fleet: an evaluator of the shipped rules, Alertmanager on the shipped example, and whom it notifies."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from tests.culprits.pace import Pace
from tests.culprits.receiver import Receiver
from tests.netlab import Host, wait_until
from tests.system.alerting import ALERTMANAGER, asked
from tests.system.running import REPOSITORY
from tests.system.servers import Server, alertmanager, with_files

_NEWER = REPOSITORY / ".cache/newer/usr/bin"
_PROMETHEUS = """
global: {{scrape_interval: {interval}, evaluation_interval: {interval}}}
rule_files: ["{rules}/*.yml"]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:9093"]}}]}}]}}
scrape_configs:
{stanzas}
"""


class Watch:
    """One evaluator on a host of its own: ``prometheus``, which is Debian's, ``newer``, of sid, or ``vmalert``."""

    def __init__(self, name: str, host: Host, folder: Path, stanzas: str, pace: Pace) -> None:
        self.name, self._host, self._pace = name, host, pace
        folder.mkdir()
        pace.write_rules(folder / "rules")
        pace.write_alerting(folder / "alertmanager.yml")
        self.receiver = Receiver(host)
        alertmanager(host, folder, folder / "alertmanager.yml")
        self._port = 8880 if name == "vmalert" else 9090
        if name == "vmalert":
            _victoria_metrics(host, folder, stanzas, pace)
        else:
            _prometheus(
                "prometheus" if name == "prometheus" else str(_NEWER / "prometheus"), host, folder, stanzas, pace
            )
        wait_until(self._is_ready, f"{name} answers", 30)

    def _is_ready(self) -> bool:
        """Tell whether it has read its own past; until then Prometheus refuses all questions."""
        with contextlib.suppress(AssertionError):
            self.pending()
            return True
        return False

    def pending(self) -> set[str]:
        """Return the names of all alerts that fire, or soon will."""
        answer = json.loads(asked(self._host, self._port, "/api/v1/alerts"))
        return {alert["labels"]["alertname"] for alert in answer["data"]["alerts"] or ()}

    def state(self) -> list[dict[str, Any]]:
        """Return all alerts as Alertmanager has them, for people."""
        alerts: list[dict[str, Any]] = json.loads(asked(self._host, ALERTMANAGER, "/api/v2/alerts"))
        return [{**alert["labels"], "state": alert["status"]["state"]} for alert in alerts]


def _prometheus(program: str, host: Host, folder: Path, stanzas: str, pace: Pace) -> None:
    file = folder / "prometheus.yml"
    file.write_text(_PROMETHEUS.format(interval=pace.interval, rules=folder / "rules", stanzas=stanzas))
    command = [
        *with_files("web"),
        program,
        f"--config.file={file}",
        f"--storage.tsdb.path={folder}/data",
        "--web.listen-address=127.0.0.1:9090",
        "--log.level=warn",
    ]
    if pace.factor > 1:
        command.append(f"--rules.alert.resend-delay={pace.interval}")
    Server(host, 9090, command)


def _victoria_metrics(host: Host, folder: Path, stanzas: str, pace: Pace) -> None:
    (folder / "scrape.yml").write_text(f"scrape_configs:\n{stanzas}")
    store = [
        "victoria-metrics",
        f"-promscrape.config={folder}/scrape.yml",
        f"-storageDataPath={folder}/data",
        "-httpListenAddr=127.0.0.1:8428",
        "-search.latencyOffset=0s",
        "-loggerLevel=WARN",
    ]
    rules = [
        "vmalert",
        f"-rule={folder}/rules/*.yml",
        "-datasource.url=http://127.0.0.1:8428",
        "-remoteWrite.url=http://127.0.0.1:8428",
        "-notifier.url=http://127.0.0.1:9093",
        f"-evaluationInterval={pace.vmalert}",
        "-httpListenAddr=127.0.0.1:8880",
        "-loggerLevel=WARN",
    ]
    rules.append(f"-remoteWrite.flushInterval={'1s' if pace.factor == 1 else '100ms'}")
    Server(host, 8428, store)
    Server(host, 8880, rules)

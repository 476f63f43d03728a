"""Prometheus on the shipped rules, a thirtieth as slow, and Alertmanager on the shipped example, on a host of a lab."""

from __future__ import annotations

import contextlib
import http.client
import re
import subprocess
import sys
from pathlib import Path

from tests.netlab import Host, wait_until
from tests.system.running import REPOSITORY
from tests.system.servers import alertmanager

RULES = REPOSITORY / "prometheus/rules"
EXAMPLE = REPOSITORY / "prometheus/alertmanager.yml"
FASTER = 30
PATIENCE = 90
ALERTMANAGER = 9093
PROMETHEUS = """
global: {{evaluation_interval: 1s}}
rule_files: ["{rules}/*.yml"]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:9093"]}}]}}]}}
scrape_configs:
{stanzas}
"""


def start_watching(watcher: Host, folder: Path, fleet_file: Path, alerting: Path = EXAMPLE) -> None:
    """Start Prometheus on the generated stanzas and the shipped rules, and Alertmanager on the shipped example."""
    rules = folder / "rules"
    rules.mkdir()
    for name in ("recording.yml", "alerts.yml"):
        (rules / name).write_text(faster((RULES / name).read_text()))
    command = [sys.executable, "-m", "exporter", "scrape-configs", f"--config.file={fleet_file}"]
    subprocess.run([*command, f"--output-dir={folder}/sd"], check=True, cwd=REPOSITORY)
    stanzas = (folder / "sd/jobs.yml").read_text()
    (folder / "prometheus.yml").write_text(PROMETHEUS.format(rules=rules, stanzas=stanzas))
    alertmanager(watcher, folder, alerting)
    watcher.popen(
        [
            "prometheus",
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/prometheus",
            "--web.listen-address=127.0.0.1:9090",
            "--log.level=warn",
            "--rules.alert.resend-delay=1s",
        ]
    )
    wait_until(lambda: is_ready(watcher, 9090), "Prometheus is ready", PATIENCE)


def is_ready(watcher: Host, port: int) -> bool:
    """Return whether a server says so; before it does, it does not listen, or answers with another status."""
    try:
        asked(watcher, port, "/-/ready")
    except (OSError, AssertionError):
        return False
    return True


def faster(text: str, factor: int = FASTER) -> str:
    """Divide every duration of a rule file: of ranges, offsets and `for`."""

    def divided(match: re.Match[str]) -> str:
        seconds = int(match[2]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[3]]
        return f"{match[1]}{max(1000, seconds * 1000 // factor)}ms"

    return re.sub(r"(\[|\boffset |\bfor: |\binterval: |\[\d+[smhd]:)(\d+)([smhd])(?=[\]\s})]|:\d)", divided, text)


def asked(host: Host, port: int, path: str) -> bytes:
    """Ask a server on a host's loopback."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        with host.entered():
            connection.connect()
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == http.client.OK, path
        return answer.read()

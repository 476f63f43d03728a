"""Prometheus and VictoriaMetrics on a host of the lab, on the files that the program wrote."""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import urllib.parse
from pathlib import Path
from typing import Any

from tests.netlab import Host, wait_until

Samples = list[tuple[float, float]]
"""(seconds since the epoch, value), as they were scraped."""


class Server:
    """A running server that understands PromQL."""

    def __init__(self, host: Host, port: int, command: list[str]) -> None:
        self.name, self._host, self._port = command[0], host, port
        self.program = host.popen(command)
        wait_until(self._up, f"{command[0]} is up", 30)

    def query(self, promql: str, at: float) -> list[dict[str, Any]]:
        """Return the result of an instant query."""
        question = urllib.parse.urlencode({"query": promql, "time": f"{at:.3f}"})
        answer = json.loads(self._get(f"/api/v1/query?{question}"))
        assert answer["status"] == "success", answer
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def number(self, promql: str, at: float) -> float:
        """Return the value of a query that has one."""
        result = self.query(promql, at)
        assert len(result) == 1, f"{self.name}: {promql} has {len(result)} results"
        return float(result[0]["value"][1])

    def samples(self, selector: str, at: float, seconds: int) -> Samples:
        """Return the raw samples of the one series that a selector names, of the last seconds.

        VictoriaMetrics shows the marks of an absent series, not numbers, among them.
        """
        (series,) = self.query(f"{selector}[{seconds}s]", at)
        samples = [(float(when), float(value)) for when, value in series["values"]]
        return [(when, value) for when, value in samples if not math.isnan(value)]

    def _up(self) -> bool:
        assert self.program.poll() is None, self.program.error_output()
        with contextlib.suppress(OSError, http.client.HTTPException):
            self._get("/-/healthy")
            return True
        return False

    def _get(self, path: str) -> bytes:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)) as connection:
            with self._host.entered():
                connection.connect()
            connection.request("GET", path)
            return connection.getresponse().read()


def prometheus(host: Host, folder: Path, stanzas: str) -> Server:
    """Start Prometheus with the generated stanzas pasted into its configuration."""
    return Server(
        host,
        9090,
        [
            "prometheus",
            f"--config.file={_configuration(folder / 'prometheus.yml', stanzas)}",
            f"--storage.tsdb.path={folder}/prometheus",
            "--web.listen-address=127.0.0.1:9090",
            "--log.level=warn",
        ],
    )


def victoria_metrics(host: Host, folder: Path, stanzas: str) -> Server:
    """Start VictoriaMetrics with the same stanzas; it shows samples as soon as it has them."""
    return Server(
        host,
        8428,
        [
            "victoria-metrics",
            f"-promscrape.config={_configuration(folder / 'victoria-metrics.yml', stanzas)}",
            f"-storageDataPath={folder}/victoria-metrics",
            "-httpListenAddr=127.0.0.1:8428",
            "-promscrape.fileSDCheckInterval=1s",
            "-search.latencyOffset=0s",
            "-loggerLevel=WARN",
        ],
    )


def _configuration(file: Path, stanzas: str) -> Path:
    """Write one server's own: what loads it while it is written for another finds it empty, and is content."""
    file.write_text(f"scrape_configs:\n{stanzas}")
    return file


_SHARED = Path(__file__).parents[2] / ".cache/servers/usr/share/prometheus"


def with_files(name: str) -> list[str]:
    """Return a command that runs another, for which Debian's files are where their package would have put them.

    ``alertmanager`` are the templates of Alertmanager, ``web`` the pages of Prometheus.
    """
    put_there = "mount -t tmpfs none /usr/share && mkdir /usr/share/prometheus && cp -r $0 /usr/share/prometheus/"
    return ["unshare", "--mount", "sh", "-c", f'{put_there} && exec "$@"', str(_SHARED / name)]


def alertmanager(host: Host, folder: Path, file: Path) -> Server:
    """Start Alertmanager on a configuration, with its templates."""
    return Server(
        host,
        9093,
        [
            *with_files("alertmanager"),
            "prometheus-alertmanager",
            f"--config.file={file}",
            f"--storage.path={folder}/alertmanager",
            "--web.listen-address=127.0.0.1:9093",
            "--cluster.listen-address=",
            "--log.level=warn",
        ],
    )

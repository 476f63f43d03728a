"""Real servers that hold a history that was made up: Prometheus and VictoriaMetrics, of Debian 12 and of today."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from tests.grafana.history import Clock, Series
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
NEWER = ROOT / ".cache/newer/usr/bin"
GENERATIONS = ["Debian 12", *(["newest"] if NEWER.exists() else [])]
_PATIENCE = 60
_TICKS = os.sysconf("SC_CLK_TCK")
T = TypeVar("T")
_WEEKS = "latency_n8n_usual"
"""This group of rules reads weeks, which no history here has."""


def program(name: str, generation: str) -> str:
    return str(NEWER / name) if generation == "newest" else name


class Server:
    """A running server that is asked in PromQL."""

    def __init__(self, address: str, process: int) -> None:
        self.url, self._times = f"http://{address}", Path(f"/proc/{process}/stat")

    def timed(self, question: Callable[[], T]) -> tuple[T, float]:
        """Ask something of it, and return how long it took: of its CPU at most, whatever else the machine does."""
        begun, before = time.monotonic(), self._cpu()
        answer = question()
        return answer, min(time.monotonic() - begun, self._cpu() - before)

    def _cpu(self) -> float:
        user, system = self._times.read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / _TICKS

    def get(self, path: str, fields: Mapping[str, Any] | Sequence[tuple[str, Any]]) -> Any:
        """Return the data of an answer; raises AssertionError with what the server says against the question."""
        return json.loads(self.post(f"/api/v1/{path}", urllib.parse.urlencode(fields).encode()))["data"]

    def post(self, path: str, body: bytes) -> bytes:
        request = urllib.request.Request(self.url + path, body, {"Content-Type": "application/x-www-form-urlencoded"})
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:
                text: bytes = answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error
        return text

    def label_values(self, label: str, selector: str, begin: int, end: int) -> list[str]:
        question = urllib.parse.urlencode({"match[]": selector, "start": begin, "end": end})
        with urllib.request.urlopen(f"{self.url}/api/v1/label/{label}/values?{question}", timeout=60) as answer:
            return sorted(json.load(answer)["data"])

    def is_up(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/-/ready", timeout=5):
            return True
        return False


@contextlib.contextmanager
def running(log: Path, command: Sequence[str], address: str) -> Iterator[Server]:
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        server = Server(address, process.pid)
        try:
            deadline = time.monotonic() + _PATIENCE
            while not server.is_up():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            yield server
        finally:
            process.terminate()


def free_address() -> str:
    return f"127.0.0.1:{free_port()}"


@contextlib.contextmanager
def victoria_metrics(folder: Path, generation: str) -> Iterator[Server]:
    address = free_address()
    command = [
        program("victoria-metrics", generation),
        f"-storageDataPath={folder / generation}",
        f"-httpListenAddr={address}",
        "-retentionPeriod=100y",
        "-search.latencyOffset=0s",
        "-search.disableCache",
        "-search.maxUniqueTimeseries=3000000",
        "-search.maxSeries=3000000",
    ]
    with running(folder / f"{generation}.log", command, address) as server:
        yield server


@contextlib.contextmanager
def prometheus(folder: Path, blocks: Path, generation: str) -> Iterator[Server]:
    """Start on a copy of the blocks, which it may compact as it likes."""
    address, data = free_address(), folder / f"prometheus of {generation}"
    shutil.copytree(blocks, data)
    (folder / "empty.yml").write_text("{}")
    command = [
        program("prometheus", generation),
        f"--config.file={folder}/empty.yml",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address={address}",
    ]
    with running(folder / f"prometheus of {generation}.log", command, address) as server:
        yield server


def take(server: Server, series: Iterable[Series]) -> None:
    """Give VictoriaMetrics series, and have it show them at once."""
    lines = (
        json.dumps(
            {"metric": each.labels, "values": list(each.values), "timestamps": [at * 1000 for at in each.times]}
        ).encode()
        for each in series
        if each.times
    )
    for chunk in _chunks(lines, 2000):
        server.post("/api/v1/import", b"\n".join(chunk))
    server.post("/internal/force_flush", b"")


def _chunks(lines: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == size:
            yield chunk
            chunk = []
    yield chunk


def record(server: Server, clock: Clock) -> None:
    """Do what a server of rules does: evaluate each of ours in its order, and store what comes out.

    Moment by moment: over a range VictoriaMetrics' ``or`` takes whole series, where rules take what is there at a time.
    """
    for file in ("recording.yml", "alerts.yml", "n8n.yml"):
        for group in yaml.safe_load((ROOT / "prometheus/rules" / file).read_text("utf-8"))["groups"]:
            for rule in group["rules"]:
                if "record" in rule and group["name"] != _WEEKS:
                    take(server, _recorded(server, rule, clock))


def _recorded(server: Server, rule: Mapping[str, Any], clock: Clock) -> Iterator[Series]:
    for at, moments in clock.moments.items():
        for each in server.get("query", {"query": rule["expr"], "time": at, "nocache": 1})["result"]:
            values = [float(each["value"][1])] * len(moments)
            yield Series({**each["metric"], "__name__": rule["record"]}, moments, values)


def copy(server: Server, other: Server) -> None:
    """Give another VictoriaMetrics all that one has."""
    other.post("/api/v1/import", _everything(server))
    other.post("/internal/force_flush", b"")


def _everything(server: Server) -> bytes:
    return server.post("/api/v1/export", urllib.parse.urlencode({"match[]": '{__name__!=""}'}).encode())


def blocks(server: Server, folder: Path) -> Path:
    """Write all that VictoriaMetrics has as blocks of Prometheus."""
    text, made = folder / "all.om", folder / "blocks"
    with text.open("w") as lines:
        for line in _everything(server).splitlines():
            lines.writelines(_openmetrics(json.loads(line)))
        lines.write("# EOF\n")
    # One block: for each the whole text is read.
    command = [
        "promtool",
        "tsdb",
        "create-blocks-from",
        "--max-block-duration=162h",
        "openmetrics",
        str(text),
        str(made),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def _openmetrics(series: Mapping[str, Any]) -> Iterator[str]:
    labels = ",".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in series["metric"].items())
    name = f"{{{labels}}}".replace(f"__name__={json.dumps(series['metric']['__name__'])},", "")
    for value, at in zip(series["values"], series["timestamps"], strict=True):
        if value is not None and not math.isnan(value):
            yield f"{series['metric']['__name__']}{name} {value} {at / 1000}\n"

"""The page that adds a probe is executed: its blocks make a UDP echo in a copy of this tree, which is then used."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.ports import free_port
from tests.test_import_contract import lint_imports

pytestmark = pytest.mark.copies

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/add-a-probe.md").read_text("utf-8")
BLOCK = re.compile(r"`(\S+)`:\n\n```(python|diff)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COPIED = (
    *("collectors", "exporter", "tests", "config", "deploy", "docs", "prometheus"),
    *("README.md", "pyproject.toml", "setup.cfg"),
)


def blocks() -> dict[str, tuple[str, str]]:
    """File -> the language and the text of its block."""
    return {file: (language, text) for file, language, text in BLOCK.findall(PAGE)}


def changed(text: str, diff: str) -> str:
    """Apply hunks, whose lines begin with a space, + or -; each says enough to be at one place only."""
    for hunk in re.split(r"^@@\n", diff, flags=re.MULTILINE):
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] in " -")
        assert text.count(before) == 1, before
        text = text.replace(before, "".join(line[1:] for line in lines if line[0] in " +"))
    return text


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this tree with a UDP probe."""
    copy = tmp_path_factory.mktemp("copy")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy / name)
    for file, (language, text) in blocks().items():
        there = copy / file
        assert there.exists() == (language == "diff"), file
        there.write_text(text if language == "python" else changed(there.read_text("utf-8"), text), "utf-8")
    return copy


def python(tree: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a module of Python in the copy."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )


def run(tree: Path, *command: str) -> str:
    """Run a module that succeeds; return what it says."""
    done = python(tree, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Server:
    """UDP on loopback; it sends back what comes, or hears it and says nothing."""

    def __init__(self, *, answers: bool) -> None:
        self._socket, self._answers = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), answers
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._answers = True  # its own last datagram ends it
        self._socket.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            data, sender = self._socket.recvfrom(2048)
            if not data:
                return
            if self._answers:
                self._socket.sendto(data, sender)


class Running:
    """The program of the copy, at work."""

    def __init__(self, tree: Path, fleet_file: Path) -> None:
        self._port = free_port()
        flags = [f"--config.file={fleet_file}", "--host=here", f"--web.listen-address=127.0.0.1:{self._port}"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "exporter", "run", *flags],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree)},
            stderr=subprocess.PIPE,
            text=True,
        )

    def get(self, path: str) -> str:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)) as connection:
            connection.request("GET", path)
            return connection.getresponse().read().decode()

    def value(self, name: str, **labels: str) -> float:
        """Return the value of one sample, 0 where there is none."""
        samples = [
            sample for family in text_string_to_metric_families(self.get("/metrics")) for sample in family.samples
        ]
        values = [each.value for each in samples if each.name == name and labels.items() <= each.labels.items()]
        return sum(values)

    def wait(self) -> None:
        """Wait until both kinds of server were probed."""
        for _ in range(300):
            with contextlib.suppress(OSError):
                ended = [self.value("network_latency_probes_total", target=name) for name in ("echo", "mute")]
                if min(ended) >= 2:
                    return
            assert self.process.poll() is None
            time.sleep(0.1)
        raise AssertionError("nothing was probed")


def fleet_text(echo: Server, mute: Server, *, key: str = "port") -> str:
    often = "interval: 1s, timeout: 500ms"
    return (
        "hosts: [{name: here, address: 127.0.0.1}]\n"
        "endpoints:\n"
        f"  - {{name: echo, address: 127.0.0.1, probe: {{protocol: udp, {key}: {echo.port}, {often}}}}}\n"
        f"  - {{name: mute, address: 127.0.0.1, probe: {{protocol: udp, port: {mute.port}, {often}}}}}\n"
    )


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    with Server(answers=True) as echo, Server(answers=False) as mute:
        yield echo, mute


@pytest.fixture(scope="module")
def running(tree: Path, servers: tuple[Server, Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    fleet_file = tmp_path_factory.mktemp("fleet") / "fleet.yml"
    fleet_file.write_text(fleet_text(*servers))
    running = Running(tree, fleet_file)
    try:
        running.wait()
        yield running
    finally:
        running.process.terminate()
        running.process.communicate(timeout=20)


def test_a_kind_of_probe_is_six_files_of_which_two_are_new() -> None:
    assert len(blocks()) == 6
    assert [language for language, _ in blocks().values()].count("python") == 2
    assert len(blocks()["exporter/fleet/probes/udp.py"][1].splitlines()) <= 25


def test_its_series_are_on_the_page_of_metrics(running: Running) -> None:
    of_it = {"target": "echo", "probe": "udp", "protocol": "udp", "ip_family": "ipv4"}
    assert 0 < running.value("network_latency_rtt_seconds", **of_it) < 0.5
    assert running.value("network_latency_rtt_distribution_seconds_count", **of_it) >= 1
    assert running.value("latency_exporter_pairs", protocol="udp") == 2
    assert running.value("latency_exporter_measurements_total", protocol="udp", clock="user") >= 1


def test_its_failures_are_counted_by_reason(running: Running) -> None:
    assert running.value("network_latency_probe_failures_total", target="mute", reason="timeout") >= 1
    assert running.value("network_latency_probe_success", target="mute") == 0


def test_the_page_for_people_has_its_numbers_and_its_verdict(running: Running) -> None:
    lines = {line.split()[0]: line for line in running.get("/?format=text").splitlines() if line}
    assert re.search(r"^echo +udp .*\d (µs|ms).* fine", lines["echo"])
    assert re.search(r"^mute +udp .*\(timeout\).* network: no answer", lines["mute"])


def test_a_single_probe_is_explained(running: Running, servers: tuple[Server, Server]) -> None:
    explanation = running.get("/probe?target=echo")
    assert explanation.startswith(f"echo udp: datagram to 127.0.0.1 port {servers[0].port} over ipv4\n")
    assert "verdict: fine" in explanation
    assert "verdict: network: no answer" in running.get("/probe?target=mute")


def test_a_misspelt_key_is_told_the_one_that_was_meant(
    tree: Path, servers: tuple[Server, Server], tmp_path: Path
) -> None:
    fleet_file = tmp_path / "fleet.yml"
    fleet_file.write_text(fleet_text(*servers, key="prot"))
    checked = python(tree, "exporter", "check", f"--config.file={fleet_file}")
    assert checked.returncode == 2
    assert checked.stderr == f"{fleet_file}:3: endpoints[0].probe.prot: unknown key; did you mean 'port'?\n"


def test_every_kind_and_every_collector_and_the_tables_of_keys_are_tested_with_it(tree: Path) -> None:
    tests = ("tests/exporter/test_every_kind.py", "tests/collectors/test_contract.py", "tests/docs/test_fleet_file.py")
    output = run(tree, "pytest", "-q", "-n0", "-p", "no:cacheprovider", "-k", "udp or key", *tests)
    assert re.search(r"\b[3-9]\d passed", output)


def test_format_lint_types_and_the_import_contract_have_nothing_to_say(tree: Path) -> None:
    python = [file for file in blocks() if file.endswith(".py")]
    run(tree, "ruff", "format", "--no-cache", "--check", *python)
    run(tree, "ruff", "check", "--no-cache", *python)
    run(tree, "mypy", "--no-incremental", *python)
    done = lint_imports(tree)
    assert done.returncode == 0, done.stdout

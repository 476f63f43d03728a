"""One list for both: what a real Prometheus takes from a url is what an exporter finds there."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.discovery import with_hosts_from
from tests.exporter.app.program import Program
from tests.exporter.discovery.lists import list_server, written
from tests.exporter.samples import Samples
from tests.ports import free_port

PATIENCE = 60
"""Prometheus takes up changes of targets every 5 s."""


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Starts one that reads its targets from a url; returns where it listens."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(url: str) -> str:
        address, file = f"127.0.0.1:{free_port()}", tmp_path / "prometheus.yml"
        job = {
            "job_name": "latency",
            "scrape_interval": "1h",
            "http_sd_configs": [{"url": url, "refresh_interval": "1s"}],
        }
        file.write_text(json.dumps({"scrape_configs": [job]}))
        words = [f"--config.file={file}", f"--storage.tsdb.path={tmp_path}/data", f"--web.listen-address={address}"]
        program = shutil.which("prometheus")
        assert program
        processes.append(subprocess.Popen([program, *words], stderr=subprocess.DEVNULL))
        return address

    yield start
    for process in processes:
        process.kill()
        process.wait()


def labels_in(prometheus: str) -> list[dict[str, str]]:
    """Return the labels of all targets."""
    with urllib.request.urlopen(f"http://{prometheus}/api/v1/targets?state=active", timeout=10) as answer:
        targets: list[dict[str, Any]] = json.load(answer)["data"]["activeTargets"]
    return [{**each["labels"], "address": each["scrapeUrl"].split("/")[2]} for each in targets]


def eventually(look: Callable[[], object], wanted: object) -> None:
    deadline, seen = time.monotonic() + PATIENCE, None
    while seen != wanted and time.monotonic() < deadline:
        time.sleep(0.3)
        try:
            seen = look()
        except OSError:  # it does not listen yet
            continue
    assert seen == wanted


@pytest.mark.servers
def test_prometheus_and_an_exporter_read_300_hosts_from_the_same_url(
    tmp_path: Path, prometheus: Callable[[str], str]
) -> None:
    with list_server(written(*range(300))) as server:
        file = tmp_path / "fleet.yml"
        file.write_text(f'hosts_from: [{{http_sd: {{url: "{server.url}"}}}}]\n')
        reads = prometheus(server.url)
        for numbers in (range(300), range(10, 310)):
            server.answer = written(*numbers)
            fleet, problems = with_hosts_from(file)
            assert not problems
            hosts = {(each.name, f"{each.address}:9102", each.datacenter, each.country) for each in fleet.hosts}
            assert len(hosts) == 300
            eventually(
                lambda: {(of["name"], of["address"], of["datacenter"], of["country"]) for of in labels_in(reads)}, hosts
            )


@pytest.mark.servers
def test_what_one_exporter_serves_feeds_prometheus_and_another_exporter(
    tmp_path: Path, prometheus: Callable[[str], str]
) -> None:
    hosts = [{"name": name, "address": f"127.0.0.{number}", "datacenter": "dc"} for number, name in enumerate("abc", 1)]
    (tmp_path / "feeding.yml").write_text(json.dumps({"hosts": hosts}))
    feeding = Program(tmp_path / "feeding.yml", "--host=a", "--web.listen-address=127.0.0.1:0")
    fed = None
    try:
        url = f"http://127.0.0.1:{feeding.port()}/sd/prometheus?job=latency"
        (tmp_path / "fed.yml").write_text(
            f'hosts_from: [{{http_sd: {{url: "{url}"}}}}]\nprobes: {{tcp: {{protocol: tcp, port: 1}}}}\n'
        )
        fed = Program(tmp_path / "fed.yml", "--host=b", "--web.listen-address=127.0.0.1:0")

        def probed(samples: Samples) -> set[str]:
            return {*samples.by("target", "network_latency_probes_total")}

        samples = fed.wait_for(lambda samples: probed(samples) == {"a", "c"})
        assert samples.by("self_datacenter", "latency_exporter_self_info") == {"dc": 1}
        reads = prometheus(url)
        eventually(
            lambda: {(of["source"], of["source_datacenter"]) for of in labels_in(reads)},
            {(name, "dc") for name in "abc"},
        )
    finally:
        for program in filter(None, (feeding, fed)):
            program.process.kill()
            program.process.communicate()

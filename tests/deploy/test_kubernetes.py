"""The files for Kubernetes: by its schemas, by the rules that they repeat, and by the program itself."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.kubernetes import rules
from exporter import cli
from exporter.fleet import load
from tests.docs.markdown import ROOT
from tests.name_server import name_server_on
from tests.netlab import Host, Lab, requires_root, wait_until
from tests.system.running import Exporter

FOLDER = ROOT / "deploy/kubernetes"
FILES = {path.relative_to(FOLDER): yaml.safe_load(path.read_text()) for path in sorted(FOLDER.rglob("*.yml"))}
OBJECTS = {path: value for path, value in FILES.items() if path.name not in {"fleet.yml", "kustomization.yml"}}
NOT_KUBERNETES_OWN = {"PodMonitor", "PrometheusRule"}
(POD,) = (value["spec"]["template"]["spec"] for value in OBJECTS.values() if value["kind"] == "DaemonSet")
(CONTAINER,) = POD["containers"]


def flags() -> argparse.Namespace:
    return cli.COMMANDS["run"][0]().parse_args(CONTAINER["args"])


def test_the_rules_are_those_of_prometheus() -> None:
    assert {path: path.read_text() for path in rules.files()} == rules.files()


def test_the_rules_of_the_operator_are_the_same_groups() -> None:
    mounted = OBJECTS[Path("rules.yml")]["data"].values()
    groups = [group for text in mounted for group in yaml.safe_load(text)["groups"]]
    assert OBJECTS[Path("operator/prometheusrule.yml")]["spec"] == {"groups": groups}


def test_every_file_is_in_a_kustomization() -> None:
    for folder in (".", "operator"):
        named = FILES[Path(folder) / "kustomization.yml"]["resources"]
        there = [str(path.name) for path in OBJECTS if path.parent == Path(folder)]
        assert sorted(name for name in named if name != "..") == sorted(there)


def test_the_fleet_file_is_mounted_where_the_program_looks(tmp_path: Path) -> None:
    (generated,) = FILES[Path("kustomization.yml")]["configMapGenerator"]
    (volume,) = POD["volumes"]
    (mount,) = CONTAINER["volumeMounts"]
    assert volume["configMap"]["name"] == generated["name"]
    assert [str(flags().config_file)] == [f"{mount['mountPath']}/{file}" for file in generated["files"]]
    fleet = load(FOLDER / "fleet.yml")
    assert fleet.warnings == ()


def test_a_pod_has_no_rights_and_needs_none() -> None:
    assert POD["automountServiceAccountToken"] is False
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_service_and_the_monitor_select_the_pods() -> None:
    selected: list[Any] = [
        OBJECTS[Path("service.yml")]["spec"]["selector"],
        OBJECTS[Path("operator/podmonitor.yml")]["spec"]["selector"]["matchLabels"],
    ]
    labels = OBJECTS[Path("daemonset.yml")]["spec"]["template"]["metadata"]["labels"]
    assert selected == [labels, labels]
    (endpoint,) = OBJECTS[Path("operator/podmonitor.yml")]["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] in {port["name"] for port in CONTAINER["ports"]}


BY_THE_OPERATOR = {"namespace": "n", "pod": "p", "container": "c", "endpoint": "metrics", "job": "n/latency-exporter"}
"""The labels that the operator gives to what a PodMonitor finds, before the monitor's own relabelling."""


@pytest.mark.servers
def test_a_pod_that_is_monitored_is_called_as_the_others_call_it(tmp_path: Path) -> None:
    (endpoint,) = OBJECTS[Path("operator/podmonitor.yml")]["spec"]["podMetricsEndpoints"]
    of_kubernetes = {"__meta_kubernetes_pod_ip": "192.0.2.1", "__meta_kubernetes_pod_node_name": "node-1"}
    targets = [{"targets": ["192.0.2.1:9102"], "labels": of_kubernetes | BY_THE_OPERATOR}]
    relabelings = [
        {re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", key): value for key, value in step.items()}
        for step in endpoint["relabelings"]
    ]
    job = {"job_name": "theirs", "static_configs": targets, "relabel_configs": relabelings}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": [job]}))
    command = ["promtool", "check", "service-discovery", f"{tmp_path}/prometheus.yml", "theirs"]
    (found,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert {name: value for name, value in found["labels"].items() if not name.startswith("__")} == {
        "job": "latency",
        "instance": "node-1",
        "host": "192.0.2.1",
        "source": "192.0.2.1",
    }


@pytest.mark.packages
@pytest.mark.parametrize("version", ["1.28", "1.37"])
@pytest.mark.parametrize("path", [path for path, value in OBJECTS.items() if value["kind"] not in NOT_KUBERNETES_OWN])
def test_it_is_what_kubernetes_accepts(path: Path, version: str) -> None:
    import kubernetes_validate  # noqa: PLC0415 - only make packages-test has it

    kubernetes_validate.validate(OBJECTS[path], version, strict=True)


# The fleet file, by the program itself: what Kubernetes gives to a pod is its node's network, the cluster's names and
# a folder that it changes by a link.

RESOLVER = """\
search latency-exporter.svc.cluster.local svc.cluster.local cluster.local
nameserver 127.0.0.1
options ndots:5
"""
SERVICE = "latency-exporter.latency-exporter.svc.cluster.local"


@pytest.fixture
def nodes() -> Iterator[list[Host]]:
    with Lab() as lab:
        for number in (1, 2, 3):
            node = lab.host(f"node-{number}")
            (node.namespace.etc / "resolv.conf").write_text(RESOLVER)
            node.allow_ping_groups()
            lab.attach(node)
        yield list(lab.hosts.values())


@contextlib.asynccontextmanager
async def cluster_names(nodes: list[Host]) -> AsyncIterator[dict[str, Sequence[str] | None]]:
    """Serve names on every node, as the cluster's own address for that leads somewhere from everywhere."""
    names: dict[str, Sequence[str] | None] = {}
    async with contextlib.AsyncExitStack() as ends:
        for node in nodes:
            with node.entered():
                bound = socket.socket(type=socket.SOCK_DGRAM)
                bound.bind(("127.0.0.1", 53))
            (await ends.enter_async_context(name_server_on(bound))).names = names
        yield names


def mounted(folder: Path, text: str) -> Path:
    """Write the fleet file as Kubernetes mounts a ConfigMap, and changes it: the folder's content is behind a link."""
    content = folder / f"..{len(list(folder.iterdir()))}"
    content.mkdir()
    (content / "fleet.yml").write_text(text)
    (folder / "..new").symlink_to(content.name)
    (folder / "..new").rename(folder / "..data")
    if not (folder / "fleet.yml").is_symlink():
        (folder / "fleet.yml").symlink_to("..data/fleet.yml")
    return folder / "fleet.yml"


def targets(pod: Exporter, **labels: str) -> set[str]:
    """Return whom a pod has reached."""
    return {
        dict(had)["target"]
        for (name, had), value in pod.page().samples.items()
        if name == "network_latency_probe_success" and value and labels.items() <= dict(had).items()
    }


async def reaches(pod: Exporter, others: set[str], **labels: str) -> None:
    what = f"{pod.host.name} reaches {others} by {labels}"
    await asyncio.to_thread(wait_until, lambda: targets(pod, **labels) == others, what, 40)


@requires_root
async def test_pods_find_each_other_by_the_name_of_their_service_and_follow_their_fleet_file(
    nodes: list[Host], tmp_path: Path
) -> None:
    text = (FOLDER / "fleet.yml").read_text().replace("address}", "address, refresh_interval: 1s}", 1)
    file = mounted(tmp_path, text)
    every = {node.address for node in nodes}
    async with cluster_names(nodes) as names:
        names[SERVICE] = (nodes[0].address,)
        pods = [Exporter(node, file, *CONTAINER["args"][1:], named=False) for node in nodes]
        for pod in pods:  # a pod that is not listed yet is ready and waits
            await asyncio.to_thread(pod.ready)
        names[SERVICE] = tuple(every)
        for pod in pods:
            for protocol in ("icmp", "tcp", "http"):
                await reaches(pod, every - {pod.host.address}, protocol=protocol)
        mounted(tmp_path, text.replace("icmp:", "ping4:"))
        for pod in pods:
            await reaches(pod, every - {pod.host.address}, probe="ping4")
            assert pod.program.poll() is None
        listed = json.loads(await asyncio.to_thread(pods[0].get, "/sd/prometheus?job=latency"))
        assert {group["labels"]["source"] for group in listed} == every

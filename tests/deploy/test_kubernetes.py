"""The files for Kubernetes: by its schemas, by the rules that they repeat, and by the program itself."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.kubernetes import rules
from exporter import cli
from exporter.fleet import load
from tests.docs.markdown import ROOT

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


@pytest.mark.packages
@pytest.mark.parametrize("version", ["1.28", "1.37"])
@pytest.mark.parametrize("path", [path for path, value in OBJECTS.items() if value["kind"] not in NOT_KUBERNETES_OWN])
def test_it_is_what_kubernetes_accepts(path: Path, version: str) -> None:
    import kubernetes_validate  # noqa: PLC0415 - only make packages-test has it

    kubernetes_validate.validate(OBJECTS[path], version, strict=True)

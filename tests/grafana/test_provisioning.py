"""The files by which Grafana shows the dashboards, and the example of the whole stack that mounts them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from tests.docs.markdown import ROOT
from tests.grafana.boards import FILES
from tests.yaml_files import content

PROVISIONING = ROOT / "grafana/provisioning"


def read(path: str) -> Any:
    return content(ROOT / path)


def mounts(service: str) -> dict[str, str]:
    """Return where a container sees which folder of the clone."""
    pairs = (volume.split(":") for volume in read("deploy/stack.yml")["services"][service]["volumes"])
    return {inside: outside for outside, inside, *_ in pairs if outside.startswith("./")}


def test_grafana_finds_the_dashboards_where_the_stack_mounts_them() -> None:
    (provider,) = read("grafana/provisioning/dashboards/latency-exporter.yml")["providers"]
    assert ROOT / mounts("grafana")[provider["options"]["path"]] == FILES[0].parent
    assert ROOT / mounts("grafana")["/etc/grafana/provisioning"] == PROVISIONING


def test_the_datasource_is_of_the_type_that_the_dashboards_offer_and_is_a_service_of_the_stack() -> None:
    (datasource,) = read("grafana/provisioning/datasources/latency-exporter.yml")["datasources"]
    assert datasource["type"] == "prometheus"
    assert "uid" not in datasource
    assert urlsplit(datasource["url"]).hostname in read("deploy/stack.yml")["services"]
    assert datasource["jsonData"]["timeInterval"] == read("prometheus/prometheus.yml")["global"]["scrape_interval"]


def test_the_stack_mounts_only_folders_that_are_there_and_starts_on_files_that_are_in_them() -> None:
    for name, service in read("deploy/stack.yml")["services"].items():
        folders = mounts(name)
        assert all((ROOT / outside).is_dir() for outside in folders.values()), name
        for word in service.get("command", []):
            _, _, value = word.partition("=")
            inside = next((folder for folder in folders if value.startswith(f"{folder}/")), None)
            assert inside is None or (ROOT / folders[inside] / value.removeprefix(f"{inside}/")).is_file(), value


def test_each_profile_of_the_stack_is_whole() -> None:
    services = read("deploy/stack.yml")["services"]
    for profile in ("prometheus", "victoria-metrics"):
        started = {name for name, service in services.items() if profile in service["profiles"]}
        asked = {
            urlsplit(word.partition("=")[2]).hostname for name in started for word in services[name].get("command", [])
        }
        assert asked - {None} <= started
        assert {"alertmanager", "grafana", profile} <= started

"""The image is built, and run as deploy/compose.yml runs it: one that was never started may lack a module."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.docs.markdown import PAGES
from tests.image.engines import ROOT, Container, Engine, choose

pytestmark = pytest.mark.image
TAG = "localhost/latency-exporter-under-test:latest"
SERVICE = yaml.safe_load((ROOT / "deploy/compose.yml").read_text())["services"]["latency-exporter"]
RTT = re.compile(r'^network_latency_rtt_seconds\{.*protocol="(\w+)".*\} (\S+)$', re.MULTILINE)


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = choose(tmp_path_factory.mktemp("image"))
    try:
        engine.build(TAG)
        yield engine
    finally:
        engine.clean(TAG)


def options(*, user: str, cap_add: list[str], ping_group_range: str) -> list[str]:
    """What compose.yml says, but for what the variants differ in; the sysctl too, as engines change its default."""
    return [
        f"--user={user}",
        *(f"--cap-drop={name}" for name in SERVICE["cap_drop"]),
        *(f"--cap-add={name}" for name in cap_add),
        *(f"--security-opt={option}" for option in SERVICE["security_opt"]),
        *(["--read-only"] if SERVICE["read_only"] else []),
        f"--sysctl=net.ipv4.ping_group_range={ping_group_range}",
    ]


AS_ROOT = options(user=SERVICE["user"], cap_add=SERVICE["cap_add"], ping_group_range="1 0")
NOT_ROOT = options(user="65534:65534", cap_add=[], ping_group_range="1 0")
NOT_ROOT_WITH_SYSCTL = options(user="65534:65534", cap_add=[], ping_group_range="0 2147483647")


def rtts(container: Container, protocols: set[str], within: float = 20) -> dict[str, float]:
    """The round trips on the page, once it has those of the protocols or the time is over."""
    end = time.monotonic() + within
    while True:
        values = {protocol: float(value) for protocol, value in RTT.findall(container.metrics())}
        if protocols <= values.keys() or time.monotonic() > end:
            return values
        time.sleep(0.3)


def icmp_sockets(container: Container) -> set[str]:
    """The kinds of ICMP socket that the page claims."""
    return set(
        re.findall(r'^latency_exporter_icmp_socket\{.*kind="(\w+)".*\} 1(?:\.0)?$', container.metrics(), re.MULTILINE)
    )


@pytest.mark.parametrize(
    ("how", "protocols", "socket"),
    [
        pytest.param(AS_ROOT, {"icmp", "tcp", "http"}, "raw", id="root-with-nothing-but-net-raw"),
        pytest.param(NOT_ROOT, {"tcp", "http"}, "none", id="not-root"),
        pytest.param(NOT_ROOT_WITH_SYSCTL, {"icmp", "tcp", "http"}, "datagram", id="not-root-with-the-sysctl"),
    ],
)
def test_round_trips_are_seen_in_each_variant(engine: Engine, how: list[str], protocols: set[str], socket: str) -> None:
    """With a read-only root file system and the default fleet; what can't be measured is said, and stops nothing."""
    with engine.start(TAG, how) as container:
        measured = rtts(container, protocols)
        assert measured.keys() == protocols
        assert all(0 < rtt < 0.1 for rtt in measured.values()), measured
        assert socket in icmp_sockets(container)


def test_a_pod_of_the_daemonset_sees_round_trips(engine: Engine, tmp_path: Path) -> None:
    """Its user, its capabilities, its command line and its probes, on nodes that are listed, whose sysctl is open."""
    pod = yaml.safe_load((ROOT / "deploy/kubernetes/daemonset.yml").read_text())["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    security = container["securityContext"]
    assert security["readOnlyRootFilesystem"]
    assert not security["allowPrivilegeEscalation"], "as no-new-privileges"
    how = options(
        user=f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}",
        cap_add=security["capabilities"].get("add", []),
        ping_group_range="0 2147483647",
    )
    assert [f"--cap-drop={name}" for name in security["capabilities"]["drop"]] == [
        option for option in how if option.startswith("--cap-drop")
    ]
    fleet = yaml.safe_load((ROOT / "deploy/kubernetes/fleet.yml").read_text())
    del fleet["hosts_from"]  # tests/deploy has name servers
    fleet["hosts"] = [{"name": name, "address": "127.0.0.1"} for name in ("node-1", "node-2")]
    volume = tmp_path / "volume"
    volume.mkdir()
    volume.chmod(0o755)  # as a ConfigMap is mounted
    (volume / "fleet.yml").write_text(yaml.safe_dump(fleet))
    (mount,) = container["volumeMounts"]
    mounted = f"--volume={volume}:{mount['mountPath']}:ro"
    with engine.start(TAG, [*how, mounted, "--hostname=node-1"], container["args"]) as running:
        assert rtts(running, {"icmp", "tcp", "http"}).keys() == {"icmp", "tcp", "http"}
        assert icmp_sockets(running) == {"datagram"}


def test_the_health_check_of_the_image_is_content(engine: Engine) -> None:
    with engine.start(TAG, AS_ROOT) as container:
        assert rtts(container, {"http"})
        container.exec("latency-exporter", "healthcheck")
    described = "".join(engine("image", "inspect", TAG).split())
    assert '["CMD","latency-exporter","healthcheck"]' in described, "or the engine never asks"


def test_it_stops_soon_and_in_peace(engine: Engine) -> None:
    with engine.start(TAG, AS_ROOT) as container:
        assert rtts(container, {"http"})
        took, status = container.stop()
        assert status == 0
        assert took < 4, "2 s of the program's, and the engine's own"


UNCOMPILED = """
import sys, pathlib, exporter.cli
cached = {name: getattr(module, "__cached__", None) for name, module in sys.modules.items()}
print([name for name, path in cached.items() if path and not pathlib.Path(path).exists()])
"""


def test_it_starts_without_compiling_anything(engine: Engine) -> None:
    """Every start and every health check would pay for it, as nothing can be written where it runs."""
    python = "--entrypoint=/opt/latency-exporter/bin/python"
    seen = engine("run", "--rm", "--network=none", *engine.run_options, python, TAG, "-c", UNCOMPILED)
    assert seen.splitlines()[-1] == "[]"


def test_what_the_clone_has_can_be_had_from_the_image(engine: Engine) -> None:
    shown = engine("run", "--rm", "--network=none", *engine.run_options, TAG, "example", "compose")
    assert shown.endswith((ROOT / "deploy/compose.yml").read_text().strip()), "what podman says comes before"


FLEET = """\
hosts:
  - {name: wf001, address: 127.0.0.1}
  - {name: wf008, address: 127.0.0.1}
probes:
  icmp: {protocol: icmp}
  tcp: {protocol: tcp, port: 9102}
  ping: {protocol: http, url: "http://{address}:9102/ping"}
stack:
  prometheus: {url: "http://127.0.0.1:1"}
"""
INSTALL = PAGES["install"].commands()
WORKS_IN_A_CONTAINER = {
    "check": "wf001: 3 pairs",
    "probe": "verdict: fine",
    "scrape-configs": 'job_name: "latency"',
    "doctor": "nothing listens on 127.0.0.1:1",
    "healthcheck": "",
}
"""Command -> what its output holds."""


def test_the_commands_of_the_documents_work_in_a_container(engine: Engine, tmp_path: Path) -> None:
    """As the compose file runs it: read-only, and the fleet's file where it is mounted."""
    (tmp_path / "fleet.yml").write_text(FLEET)
    mounted = f"--volume={tmp_path}/fleet.yml:/etc/latency-exporter/fleet.yml:ro"
    with engine.start(TAG, [*AS_ROOT, mounted, "--env=LATENCY_EXPORTER_HOST=wf001"]) as container:
        assert rtts(container, {"http"})
        typed = [command[3:] for command in INSTALL if command[:3] == ["docker", "exec", "latency-exporter"]]
        assert len(typed) >= 6
        for command in typed:
            output = container.exec(*command, check=False)
            assert "Traceback" not in output, command
            assert WORKS_IN_A_CONTAINER[command[1]] in output, command

"""The pex where there is a Python 3.11 and nothing else: it is one file, and says where it unpacks itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.deploy import machines
from tests.deploy.machines import Machine, until

pytestmark = [pytest.mark.packages, pytest.mark.root]
NAME = "latency-exporter.pex"


@pytest.fixture(scope="module")
def pex(build_pex: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_pex(tmp_path_factory.mktemp("pex"))


@pytest.fixture(scope="module")
def machine(pex: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("machine")
    folder.chmod(0o755)
    machines.make(folder, with_debian=("python3",))
    (folder / "usr/local/bin" / NAME).write_bytes(pex.read_bytes())
    (folder / "usr/local/bin" / NAME).chmod(0o755)
    with machines.booted(folder) as machine:
        machine.run("apt-get", "install", "--yes", "--no-install-recommends", "python3")
        yield machine


def test_the_same_commit_gives_the_same_bytes(pex: Path, build_pex: Callable[[Path], Path], tmp_path: Path) -> None:
    assert hashlib.sha256(build_pex(tmp_path).read_bytes()).digest() == hashlib.sha256(pex.read_bytes()).digest()


def test_one_command_leads_from_a_file_to_numbers(machine: Machine) -> None:
    machine.run("systemd-run", "--unit=pex", f"/usr/local/bin/{NAME}")
    assert all(0 < rtt < 0.1 for rtt in machine.round_trips("icmp", "tcp", "http").values())
    machine.run("systemctl", "stop", "pex")


def test_a_user_without_a_home_gets_numbers_where_a_folder_is_named_and_where_none_is(machine: Machine) -> None:
    """Without one it unpacks itself anew at each start, into a temporary folder, and says so."""
    for where in ("--property=CacheDirectory=pex --setenv=PEX_ROOT=/var/cache/pex", ""):
        machine.run("systemd-run", "--unit=pex", "--property=DynamicUser=yes", *where.split(), f"/usr/local/bin/{NAME}")
        machine.round_trips("tcp", "http")
        machine.run("systemctl", "stop", "pex")
        log = machine.run("journalctl", "--no-pager", "--output=cat", "--unit=pex")
        assert ("un-writeable" in log) == (not where)


def test_a_hangup_reloads_it(machine: Machine) -> None:
    machine.run("systemd-run", "--unit=pex", f"/usr/local/bin/{NAME}")
    until(lambda: machine.page("/-/ready"))
    machine.run("systemctl", "kill", "--signal=HUP", "pex")
    until(lambda: "reload" in machine.run("journalctl", "--no-pager", "--output=cat", "--unit=pex"))
    assert machine.page("/-/healthy")
    machine.run("systemctl", "stop", "pex")

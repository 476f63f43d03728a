"""The role, run by ansible on a machine that has Python and nothing of ours."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.fleet import load
from tests.deploy import machines
from tests.deploy.machines import FLEET, ROOT, Machine, run, until

pytestmark = [pytest.mark.packages, pytest.mark.root]
ANSIBLE = ROOT / "deploy/ansible"


@pytest.fixture(scope="module")
def machine(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("machine")
    folder.chmod(0o755)
    machines.make(folder, package, with_debian=("python3-apt",))
    (folder / package.name).unlink()
    with machines.booted(folder) as machine:
        machine.run("apt-get", "install", "--yes", "--no-install-recommends", "python3", "python3-apt")
        yield machine


class Play:
    """The example's playbook with an inventory of two hosts, one of which is the machine, and a third without exporter.

    In a YAML inventory the country ``NO`` is false.
    """

    def __init__(self, machine: Machine, package: Path, scratch: Path) -> None:
        self._scratch = scratch
        self._hosts: dict[str, dict[str, Any]] = {
            "wf001": {"ansible_host": str(machine.init), "latency_exporter_address": "127.0.0.1"},
            "wf008": {"ansible_host": "127.0.0.1", "latency_exporter_country": False},
        }
        self._all = {
            "ansible_connection": "machine",
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_become": False,
            "latency_exporter_deb": str(package),
            "latency_exporter_other_hosts": [{"name": "wfdb02", "address": "192.0.2.1", "country": False}],
        }

    def __call__(self, *arguments: str, **variables: Any) -> tuple[int, str]:
        inventory = self._scratch / "inventory.json"
        group = {"hosts": self._hosts, "vars": {**self._all, **variables}}
        inventory.write_text(json.dumps({"latency_exporter": group}))
        done = subprocess.run(
            [
                *(str(Path(sys.executable).parent / "ansible-playbook"), f"--inventory={inventory}", "--limit=wf001"),
                *(*arguments, str(ANSIBLE / "playbook.yml")),
            ],
            capture_output=True, text=True, check=False, timeout=300, cwd=self._scratch,
            env={**os.environ, "ANSIBLE_HOME": str(self._scratch), "LC_ALL": "C.UTF-8",
                 "ANSIBLE_CONNECTION_PLUGINS": str(Path(__file__).parent / "connection_plugins")},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def play(machine: Machine, package: Path, tmp_path: Path) -> Play:
    return Play(machine, package, tmp_path)


def changed(output: str) -> int:
    (count,) = re.findall(r"wf001 .* changed=(\d+) .* failed=0", output)
    return int(count)


def test_a_dry_run_on_a_new_machine_says_what_would_come_and_leaves_it_as_it_is(machine: Machine, play: Play) -> None:
    status, output = play("--check")
    assert status == 0, output
    assert changed(output) == 1
    assert not (machine.folder / FLEET[1:]).parent.exists()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"latency_exporter_fleet": "fleet.yml"},
            "argument 'latency_exporter_fleet' is of type .*str.* unable to convert to dict",
        ),
        ({"latency_exporter_group": "workers"}, "wf001 is not in the group workers, of which the fleet file is made"),
        ({"latency_exporter_deb": "missing.deb"}, "Could not find or access 'missing.deb'"),
    ],
)
def test_a_variable_that_is_wrong_is_named_before_anything_is_done(
    machine: Machine, play: Play, variables: dict[str, Any], message: str
) -> None:
    status, output = play(**variables)
    assert status != 0
    assert re.search(message, output.replace("\n", " ")), output
    assert not (machine.folder / FLEET[1:]).parent.exists()


def test_one_command_leads_from_an_inventory_to_numbers(machine: Machine, play: Play) -> None:
    status, output = play()
    assert status == 0, output
    assert machine.round_trips("icmp", "tcp", "http")
    fleet = load(machine.folder / FLEET[1:])
    assert [(host.name, host.address, host.country) for host in fleet.hosts] == [
        ("wf001", "127.0.0.1", ""),
        ("wf008", "127.0.0.1", "NO"),
        ("wfdb02", "192.0.2.1", "NO"),
    ]


def test_a_second_run_changes_nothing(machine: Machine, play: Play) -> None:
    before = machine.main_pid()
    status, output = play()
    assert (status, changed(output)) == (0, 0), output
    assert machine.main_pid() == before


def test_a_dry_run_shows_what_would_be_changed_and_changes_nothing(machine: Machine, play: Play) -> None:
    before = (machine.folder / FLEET[1:]).read_text()
    status, output = play("--check", "--diff", latency_exporter_fleet={"probes": {"other": {"protocol": "icmp"}}})
    assert (status, changed(output)) == (0, 2), output
    assert re.search(r"^\+ +other:", output, re.MULTILINE)
    assert (machine.folder / FLEET[1:]).read_text() == before


def test_a_changed_fleet_is_reloaded_and_not_restarted(machine: Machine, play: Play) -> None:
    before = machine.main_pid()
    status, output = play(latency_exporter_fleet={"probes": {"other": {"protocol": "icmp"}}})
    assert (status, changed(output)) == (0, 2), output
    until(lambda: 'probe="other"' in machine.page("/metrics"))
    assert machine.main_pid() == before


def test_a_bad_fleet_changes_nothing_and_names_the_line(machine: Machine, play: Play) -> None:
    before = (machine.folder / FLEET[1:]).read_text()
    status, output = play(latency_exporter_fleet={"probes": {"other": {"protocol": "icmp", "intervall": "5s"}}})
    assert status != 0
    assert re.search(r":\d+: probes\.other\.intervall: unknown key; did you mean 'interval'\?", output), output
    assert (machine.folder / FLEET[1:]).read_text() == before
    assert machine.is_active()


def test_the_example_of_the_role_is_understood() -> None:
    playbook = Path(sys.executable).parent / "ansible-playbook"
    run(playbook, "--syntax-check", "--inventory", ANSIBLE / "inventory.yml", ANSIBLE / "playbook.yml")

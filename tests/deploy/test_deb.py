"""The Debian package on a machine that has nothing but apt and systemd: one story, from nothing to a purge.

The tests of this file follow one another on one machine; alone, a later one has nothing to look at.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter import __version__
from tests.deploy import machines
from tests.deploy.conftest import MACHINE, WHEELS
from tests.deploy.machines import FLEET, ROOT, SERVICE, Machine, run, until
from tests.docs.markdown import PAGES

pytestmark = [pytest.mark.packages, pytest.mark.root]
Build = Callable[[Path, str], Path]


@pytest.fixture(scope="module")
def packages(package: Path, build_deb: Build) -> list[Path]:
    """Return the package, and one with a higher version."""
    return [package, build_deb(package.parent, f"{__version__}-2")]


@pytest.fixture(scope="module")
def machine(packages: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("machine")
    folder.chmod(0o755)
    machines.make(folder, *packages, with_debian=("fish", "zsh"))
    with machines.booted(folder) as machine:
        yield machine


def apt(machine: Machine, *argv: str) -> str:
    return machine.run("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes", "--no-install-recommends", *argv)


def log(machine: Machine) -> str:
    return machine.run("journalctl", "--no-pager", "--output=cat", f"--unit={SERVICE}")


def test_the_same_commit_gives_the_same_bytes(packages: list[Path], build_deb: Build, tmp_path: Path) -> None:
    again = build_deb(tmp_path, f"{__version__}-1")
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(packages[0].read_bytes()).digest()


def test_a_clone_that_only_its_owner_can_read_gives_the_same_bytes(packages: list[Path], tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    run("sh", "-c", f"umask 077 && git -c safe.directory='*' clone --quiet file://{ROOT} {clone}")
    for path in map(Path, run("git", "diff", "--name-only", "HEAD").splitlines()):  # what is not committed yet
        shutil.copyfile(ROOT / path, clone / path)
    subprocess.run(
        ["sh", clone / "deploy/debian/build.sh", sys.executable, WHEELS, tmp_path, f"{__version__}-1"], check=True
    )
    (again,) = tmp_path.glob("*.deb")
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(packages[0].read_bytes()).digest()


def test_the_architecture_is_that_of_the_compiled_wheels(packages: list[Path]) -> None:
    architecture = run("dpkg-deb", "--field", packages[0], "Architecture")
    assert architecture == {"x86_64": "amd64", "aarch64": "arm64"}[MACHINE]


def test_one_command_leads_from_nothing_to_numbers(machine: Machine, packages: list[Path]) -> None:
    assert not (machine.folder / "usr/bin/python3").exists(), "it comes as a dependency"
    apt(machine, "install", f"/{packages[0].name}")
    assert all(0 < rtt < 0.1 for rtt in machine.round_trips("icmp", "tcp", "http").values())
    assert machine.run("systemctl", "is-enabled", SERVICE) == "enabled"


def test_the_service_is_a_user_of_its_own_with_one_capability(machine: Machine) -> None:
    status = machine.run("cat", f"/proc/{machine.main_pid()}/status")
    user = machine.run("id", "--user", "latency-exporter")
    assert re.search(rf"^Uid:\t{user}\t", status, re.MULTILINE)
    assert int(user) > 0
    assert re.search(r"^CapEff:\t0*2000$", status, re.MULTILINE), "CAP_NET_RAW is number 13"


def test_people_get_a_command_a_page_and_a_completion(machine: Machine) -> None:
    assert machine.run("latency-exporter", "--version") == f"latency-exporter {__version__}"
    machine.run("bash", "-c", "source /usr/share/bash-completion/completions/latency-exporter")
    man = machine.run("zcat", "/usr/share/man/man1/latency-exporter.1.gz")
    assert r".B \-\-config.file=\fIFILE\fR" in man


TYPED = {
    "latency-exporter sc": "latency-exporter scrape-configs ",
    "latency-exporter check --ho": "latency-exporter check --host=",
    "latency-exporter --log.level=w": "latency-exporter --log.level=warn ",
    "latency-exporter --config.file=/etc/hostn": "latency-exporter --config.file=/etc/hostname",
}
"""What somebody types before the tabulator, and what stands there then, of each kind of word."""
ZSH = """
zmodload zsh/zpty
zpty shell TERM=dumb zsh -f -i
zpty -w shell 'PROMPT="read""y> "; unsetopt beep; autoload -U compinit; compinit -u -D'
zpty -r shell seen '*ready> *'
for typed complete; do
    zpty -w -n shell $typed$'\\t'
    zpty -r shell seen "*$complete*"
    zpty -w -n shell $'\\x15'
done
"""
"""Types each, and waits until what is complete stands there."""


def test_fish_completes(machine: Machine) -> None:
    machine.run("apt-get", "install", "--yes", "--no-install-recommends", "fish", "zsh")
    for typed, complete in TYPED.items():
        offered = machine.run("fish", "-c", f"complete -C {typed!r}").splitlines()
        (word,) = (line.partition("\t")[0] for line in offered)
        assert word == complete.split()[-1].removesuffix("="), offered


def test_zsh_completes(machine: Machine) -> None:
    machine.run("timeout", "30", "zsh", "-fc", ZSH, "zsh", *(word for pair in TYPED.items() for word in pair))


def test_nothing_has_to_be_compiled_at_a_start(machine: Machine) -> None:
    uncompiled = (
        "import sys, pathlib, exporter.cli\n"
        "cached = {name: getattr(module, '__cached__', None) for name, module in sys.modules.items()}\n"
        "print([name for name, path in cached.items() if path and not pathlib.Path(path).exists()])"
    )
    assert machine.run("/usr/lib/latency-exporter/bin/python", "-c", uncompiled) == "[]"


def test_a_reload_reads_the_fleet_file_and_keeps_the_process(machine: Machine) -> None:
    before = machine.main_pid()
    file = machine.folder / FLEET[1:]
    file.write_text(file.read_text().replace("  tcp: {", "  again: {protocol: icmp}\n  tcp: {"))
    machine.run("systemctl", "reload", SERVICE)
    until(lambda: 'probe="again"' in machine.page("/metrics"))
    assert machine.main_pid() == before


def test_an_upgrade_starts_the_new_one_and_keeps_what_was_edited(machine: Machine, packages: list[Path]) -> None:
    before, starts = machine.main_pid(), log(machine).count("Started ")
    edited = (machine.folder / FLEET[1:]).read_text()
    apt(machine, "install", f"/{packages[1].name}")
    assert (machine.folder / FLEET[1:]).read_text() == edited
    assert machine.main_pid() != before
    assert "icmp" in machine.round_trips("icmp", "tcp", "http")
    assert machine.run("dpkg-query", "--show", "--showformat=${Version}", "latency-exporter") == f"{__version__}-2"
    assert log(machine).count("Started ") == starts + 1


def test_nobody_is_asked_about_the_fleet_file(machine: Machine) -> None:
    conffiles = machine.run("dpkg-query", "--show", "--showformat=${Conffiles}", "latency-exporter")
    assert re.findall(r"/\S+", conffiles) == ["/etc/default/latency-exporter", "/etc/latency-exporter/web.yml"]


def test_an_upgrade_with_a_bad_fleet_file_is_complete_and_says_where_to_look(
    machine: Machine, packages: list[Path]
) -> None:
    file = machine.folder / FLEET[1:]
    good = file.read_text()
    file.write_text("hosts: {")
    output = apt(machine, "install", "--reinstall", f"/{packages[1].name}")
    assert "latency-exporter does not run; why: journalctl -u latency-exporter" in output
    assert machine.run("dpkg-query", "--show", "--showformat=${Status}", "latency-exporter") == "install ok installed"
    file.write_text(good)
    machine.run("systemctl", "restart", SERVICE)


def test_a_password_is_read_as_the_documents_put_it_there_and_no_other_user_can_read_it(machine: Machine) -> None:
    (command,) = re.findall(r"`(install -m 600 .*?)`", PAGES["install"].text)
    machine.run("sh", "-c", f"echo secret | {command}")
    file = machine.folder / FLEET[1:]
    good = file.read_text()
    file.write_text(
        good + '  login: {protocol: http, url: "http://{address}:9102/ping", user: me, password_file: NAME.password}\n'
    )
    machine.run("systemctl", "reload", SERVICE)
    until(lambda: 'probe="login"' in machine.page("/metrics"))
    owner = machine.run(
        "stat", "--format=%U %a", "/etc/latency-exporter/NAME.password", "/etc/latency-exporter/web.yml"
    )
    assert owner.splitlines() == ["latency-exporter 600", "root 640"]
    (file.parent / "NAME.password").unlink()
    file.write_text(good)
    machine.run("systemctl", "reload", SERVICE)


def test_a_bad_fleet_file_stops_the_service_and_its_log_has_the_line(machine: Machine) -> None:
    file = machine.folder / FLEET[1:]
    good = file.read_text()
    file.write_text(good.replace("    address: localhost", "    adress: localhost"))
    (number,) = [at for at, line in enumerate(file.read_text().splitlines(), 1) if "adress" in line]
    machine.run("systemctl", "restart", SERVICE, check=False)
    assert not machine.is_active()
    assert f"{FLEET}:{number}: hosts[0].adress: unknown key; did you mean 'address'?" in log(machine)
    file.write_text(good)
    machine.run("systemctl", "restart", SERVICE)
    assert machine.is_active()


def test_flags_of_the_service_are_a_line_in_a_file(machine: Machine) -> None:
    (machine.folder / "etc/default/latency-exporter").write_text(
        'ARGS="--web.listen-address=:9103 --log.format=json"\n'
    )
    machine.run("systemctl", "restart", SERVICE)
    until(lambda: machine.page("/-/ready", 9103))


def test_a_removal_while_it_runs_stops_it_and_keeps_the_configuration(machine: Machine) -> None:
    assert machine.is_active()
    apt(machine, "remove", "latency-exporter")
    assert not machine.is_active()
    assert "again:" in (machine.folder / FLEET[1:]).read_text()
    assert not (machine.folder / "usr/lib/latency-exporter").exists()


def test_a_purge_while_it_runs_leaves_nothing_but_the_account(machine: Machine, packages: list[Path]) -> None:
    apt(machine, "install", f"/{packages[1].name}")
    assert machine.is_active()
    apt(machine, "purge", "latency-exporter")
    assert not machine.is_active()
    search = "find / -xdev -name '*latency?exporter*' -not -path '/proc/*' -not -path '/tmp/*' -not -name '*.deb'"
    left = machine.run("sh", "-c", search).splitlines()
    assert [path for path in left if not path.startswith("/var/cache/apt")] == []
    assert machine.run("getent", "passwd", "latency-exporter").endswith(":/nonexistent:/usr/sbin/nologin")

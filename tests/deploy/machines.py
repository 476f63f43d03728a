"""A machine to install packages on: a Debian 12 with its own systemd, in namespaces (``machine.sh``)."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Seconds = float
ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "machine.sh"
FLEET = "/etc/latency-exporter/fleet.yml"
SERVICE = "latency-exporter.service"
TEMPLATE = ROOT / ".cache/machine"
"""Kept between runs; ``make clean`` removes it."""
READ = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=5).read().decode())"
RTT = re.compile(r'^network_latency_rtt_seconds\{.*protocol="(\w+)".*\} (\S+)$', re.MULTILINE)


def run(*argv: str | Path, timeout: Seconds = 300, check: bool = True) -> str:
    """Return the output of a command, stderr included; the test fails with it if the command does."""
    done = subprocess.run(
        argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
        timeout=timeout, check=False,
    )  # fmt: skip
    if check and done.returncode:
        pytest.fail(f"{' '.join(map(str, argv))}: exit {done.returncode}:\n{done.stdout}", pytrace=False)
    return done.stdout.strip()


def until(condition: Callable[[], object], within: Seconds = 60) -> None:
    """Wait for what takes a machine a while."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.2)


def make(folder: Path, *packages: Path, with_debian: tuple[str, ...] = ()) -> None:
    """Make a machine with these packages in its folder /; it has no way out, so what is installed there is downloaded.

    That is what the first of them depends on, and Debian's that are named.
    """
    if not (TEMPLATE / "made").exists():
        shutil.rmtree(TEMPLATE, ignore_errors=True)
        TEMPLATE.parent.mkdir(exist_ok=True)
        run("sh", SCRIPT, "make", TEMPLATE, timeout=600)
        _inside(TEMPLATE, "apt-get", "update")
        (TEMPLATE / "made").touch()
    for package in packages[:1]:
        shutil.copy(package, TEMPLATE / "package.deb")
        with_debian = ("/package.deb", *with_debian)
    _inside(TEMPLATE, "apt-get", "install", "--yes", "--no-install-recommends", "--download-only", *with_debian)
    run("cp", "--archive", "--reflink=auto", f"{TEMPLATE}/.", folder)
    for package in packages:
        shutil.copy(package, folder)


def _inside(root: Path, *argv: str) -> None:
    run("sh", ROOT / "tests/fresh/root.sh", "enter", root, *argv, timeout=600)


@contextlib.contextmanager
def booted(folder: Path) -> Iterator[Machine]:
    """Boot a machine; it is switched off at the end."""
    unshare = subprocess.Popen(["sh", SCRIPT, "boot", folder], stdin=subprocess.DEVNULL)
    try:
        until(lambda: _init_of(unshare))
        machine = Machine(folder, _init_of(unshare))
        until(lambda: machine.run("systemctl", "is-system-running", check=False) in {"running", "degraded"})
        yield machine
    finally:
        unshare.kill()  # and with it the machine's init, by --kill-child
        unshare.wait()
        until(lambda: "busy" not in run("sh", SCRIPT, "clean", str(unshare.pid), check=False))


def _init_of(unshare: subprocess.Popen[bytes]) -> int:
    """Return the child that is an init by now, or 0; the ones before it mount something and end."""
    assert unshare.poll() is None, "the machine did not boot; see above"
    for child in Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children").read_text().split():
        with contextlib.suppress(OSError):
            if Path(f"/proc/{child}/comm").read_text() == "systemd\n":
                return int(child)
    return 0


class Machine:
    """One that runs."""

    def __init__(self, folder: Path, init: int) -> None:
        self.folder, self.init = folder, init

    def run(self, *argv: str, check: bool = True) -> str:
        """Run a command as root of the machine; return its output."""
        into = ["nsenter", f"--target={self.init}", "--all", "--root", "--wd"]
        clean = ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"]
        return run(*into, *clean, *argv, check=check)

    def is_active(self) -> bool:
        return self.run("systemctl", "is-active", SERVICE, check=False) == "active"

    def main_pid(self) -> str:
        return self.run("systemctl", "show", "--property=MainPID", "--value", SERVICE)

    def page(self, path: str, port: int = 9102) -> str:
        """Return what the program answers, or nothing."""
        answer = self.run("python3", "-c", READ, f"http://localhost:{port}{path}", check=False)
        return "" if "Error" in answer else answer

    def round_trips(self, *protocols: str) -> dict[str, float]:
        """Return the round trips on the page, once it has those of the protocols."""
        until(lambda: {protocol for protocol, _ in RTT.findall(self.page("/metrics"))} >= set(protocols))
        return {protocol: float(value) for protocol, value in RTT.findall(self.page("/metrics"))}

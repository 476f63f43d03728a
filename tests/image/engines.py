"""Docker where an engine answers; buildah and podman, which need none, elsewhere."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import pytest

Seconds = float
ROOT = Path(__file__).parents[2]
BASE = "docker.io/library/python:3.12-slim-bookworm"
"""The Dockerfile's base image by its full name."""


def run(*argv: str, timeout: Seconds = 60, check: bool = True, env: dict[str, str] | None = None) -> str:
    """The output of a command, stderr included; the test fails with it if the command does."""
    done = subprocess.run(
        argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
        timeout=timeout, check=False, env={**os.environ, **(env or {})},
    )  # fmt: skip
    if check and done.returncode:
        pytest.fail(f"{' '.join(argv)}: exit {done.returncode}:\n{done.stdout}", pytrace=False)
    return done.stdout.strip()


def choose(scratch: Path) -> Engine:
    """The engine of this machine; skips where there is none."""
    if shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
        return Engine()
    if shutil.which("buildah") and shutil.which("podman") and os.geteuid() == 0:
        return Daemonless(scratch)
    pytest.skip("NOT TESTED, the image needs a Docker engine, or buildah and podman as root")


class Engine:
    """Docker."""

    command: tuple[str, ...] = ("docker",)
    run_options: tuple[str, ...] = ()

    def build(self, tag: str) -> None:
        """From the Dockerfile, behind the same mirror as pip here, if its address is in the environment."""
        mirror = ["--build-arg", "PIP_INDEX_URL"] if "PIP_INDEX_URL" in os.environ else []
        run(*self.command, "build", *mirror, "--tag", tag, ".", timeout=900)

    def __call__(self, *arguments: str, timeout: Seconds = 60, check: bool = True) -> str:
        return run(*self.command, *arguments, timeout=timeout, check=check)

    def start(self, tag: str, options: Sequence[str], arguments: Sequence[str] = ()) -> Container:
        """A container in the background, with a network of its own in which only its loopback is."""
        name = self("run", "--detach", "--network=none", *self.run_options, *options, tag, *arguments).splitlines()[-1]
        return Container(self, name)

    def clean(self, tag: str) -> None:
        """Removes what was made."""
        self("rmi", "--force", tag, check=False)


class Daemonless(Engine):
    """buildah and podman, told to do without systemd, journald and crun, which containers and sandboxes lack."""

    command = ("podman", "--cgroup-manager=cgroupfs", "--events-backend=file", "--runtime", "runc")
    # Their own defaults are higher than what a sandbox lets a process have.
    run_options = ("--ulimit=nofile=20000:20000", "--ulimit=nproc=4096:4096")

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._made_base = False

    def build(self, tag: str) -> None:
        """From the Dockerfile; where its base image cannot be had, on a stand-in."""
        self._base()
        run(
            *("buildah", "bud", "--format=docker", "--layers=false", *self._pip_configuration(), "--tag", tag, "."),
            env={"BUILDAH_ISOLATION": "chroot"}, timeout=600,
        )  # fmt: skip

    def _base(self) -> None:
        missing = subprocess.run([*self.command, "image", "exists", BASE], check=False).returncode
        pull = [*self.command, "pull", "--quiet", BASE]
        if missing and subprocess.run(pull, check=False, capture_output=True, timeout=300).returncode:
            print("the base image cannot be pulled: making a stand-in")
            self._made_base = True
            run("sh", "tests/image/base.sh", BASE, str(self._scratch / "base.tar"), timeout=600)

    def _pip_configuration(self) -> list[str]:
        """Mounts that let pip in the build reach the registry that this machine is set up for."""
        listed = run(sys.executable, "-m", "pip", "config", "list").splitlines()
        # Lines are `global.index-url='...'` or `:env:.cert='...'`; later ones win, and the environment is last.
        settings = {
            name.rpartition(".")[2]: ast.literal_eval(value) for name, _, value in (x.partition("=") for x in listed)
        }
        if authorities := os.environ.get("REQUESTS_CA_BUNDLE"):
            settings.setdefault("cert", authorities)
        file = self._scratch / "pip.conf"
        lines = (f"{name} = {value}".replace("\n", "\n    ") for name, value in settings.items())
        file.write_text("\n".join(["[global]", *lines, ""]))
        local = [value for value in settings.values() if Path(value).is_absolute() and Path(value).exists()]
        return [f"--volume={file}:/etc/pip.conf:ro", *(f"--volume={path}:{path}:ro" for path in local)]

    def clean(self, tag: str) -> None:
        """As above, and the stand-in with its files."""
        super().clean(tag)
        if self._made_base:
            super().clean(BASE)
        self("image", "prune", "--force", check=False)


class Container:
    """One that runs, as a context: it is removed at the end, and its log is in the report of a test that failed."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine, self._name = engine, name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        print(self.log())
        self._engine("rm", "--force", self._name, check=False)

    def log(self) -> str:
        return self._engine("logs", self._name, check=False)

    def exec(self, *argv: str, check: bool = True) -> str:
        """A command inside; its output."""
        return self._engine("exec", self._name, *argv, check=check)

    def metrics(self) -> str:
        """The page, or nothing while it is not there."""
        read = (
            "import urllib.request as r; print(r.urlopen('http://localhost:9102/metrics', timeout=5).read().decode())"
        )
        page = self.exec("python3", "-c", read, check=False)
        return page if page.startswith("# ") else ""

    def stop(self) -> tuple[Seconds, int]:
        """SIGTERM: how long it took, and the exit status."""
        began = time.monotonic()
        self._engine("stop", "-t", "10", self._name)
        took = time.monotonic() - began
        return took, int(self._engine("inspect", "--format={{.State.ExitCode}}", self._name))

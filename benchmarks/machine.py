"""On what was measured: figures without it say nothing."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.field import REPOSITORY


def facts(programs: Iterable[str]) -> str:
    """Return one sentence for people, and one with the versions of the programs."""
    versions = ", ".join(f"{program} {version_in(_version_text(program))}" for program in programs)
    return (
        f"{os.cpu_count()} cores ({_processor()}), Linux {platform.release()}, {_system()}, "
        f"Python {platform.python_version()} ({_build()}), {datetime.now(UTC):%Y-%m-%d}, commit {_commit()}. "
        f"Beside it: {versions}."
    )


def _commit() -> str:
    """Name the program that was measured; with a mark, if it was changed since."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    named = subprocess.run(  # noqa: S603 - a command of ours
        [git, "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )
    return named.stdout.strip() or "unknown"


def version_in(text: str) -> str:
    """Return the first thing that looks like a version in what a program says of itself."""
    found = re.search(r"\d+(?:\.\d+)+", text)
    return found[0] if found else "of unknown version"


def _version_text(program: str) -> str:
    """Ask a program; Go's flags answer on stderr in older builds."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - a name of ours
    except OSError:
        return ""
    return said.stdout + said.stderr


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _system() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", "")


def _build() -> str:
    """Whether the interpreter was optimised by a profile: that is a third of its speed."""
    options = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    optimised = "--enable-optimizations" in options
    return "built with a profile (PGO)" if optimised else "built without a profile (no PGO)"

"""The machine, the interpreter and the programs that were measured: figures mean nothing without them."""

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
    """Return the commit that was measured, marked if files differ from it."""
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
    """Return the first version number in the output of ``--version``."""
    found = re.search(r"\d+(?:\.\d+)+", text)
    return found[0] if found else "of unknown version"


def _version_text(program: str) -> str:
    """Return the output of ``--version``; programs in Go write it to stderr in older builds."""
    try:
        ended = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - a name of ours
    except OSError:
        return ""
    return ended.stdout + ended.stderr


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _system() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", "")


def _build() -> str:
    """Return whether the interpreter was built with a profile: that is a third of its speed."""
    options = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    optimised = "--enable-optimizations" in options
    return "built with a profile (PGO)" if optimised else "built without a profile (no PGO)"

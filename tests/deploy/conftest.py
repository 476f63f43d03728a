"""The packages, built once for all that is tried with them."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter import __version__
from tests.deploy.machines import ROOT, run

MACHINE = platform.machine()
WHEELS = ROOT / f".cache/wheels-{MACHINE}"


@pytest.fixture(scope="session")
def build_deb() -> Callable[[Path, str], Path]:
    """Return what builds the Debian package with a version into a folder."""
    run("sh", "deploy/wheels.sh", "fetch", sys.executable, WHEELS, MACHINE, timeout=600)

    def build(into: Path, version: str) -> Path:
        run("sh", "deploy/debian/build.sh", sys.executable, WHEELS, into, version)
        (package,) = into.glob(f"latency-exporter_{version}_*.deb")
        return package

    return build


@pytest.fixture(scope="session")
def package(build_deb: Callable[[Path, str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Debian package."""
    return build_deb(tmp_path_factory.mktemp("packages"), f"{__version__}-1")


@pytest.fixture(scope="session")
def build_pex(build_deb: object) -> Callable[[Path], Path]:
    """Return what builds the pex into a folder, of the same wheels."""

    def build(into: Path) -> Path:
        run("sh", "deploy/pex.sh", Path(sys.executable).parent, WHEELS, into)
        return into / "latency-exporter.pex"

    return build

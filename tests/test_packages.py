"""Wheel and sdist, built here and tried where nothing else of ours is: what is installed is whole."""

from __future__ import annotations

import contextlib
import email.parser
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter import __version__
from exporter.commands import examples
from tests.grafana.boards import FILES

pytestmark = pytest.mark.copies

ROOT = Path(__file__).parents[1]
WHEEL = f"latency_exporter-{__version__}-py3-none-any.whl"
NAME = f"latency_exporter-{__version__}"
OF_THE_BUILD = (
    "setup.cfg",
    "pyproject.toml",
    "README.md",
    "exporter",
    "collectors",
    "config",
    "deploy",
    "docs",
    "grafana",
    "prometheus",
)
"""What .dockerignore lets through likewise."""


def run(*argv: str | Path, cwd: Path) -> str:
    """Return what a command says on stdout; the test fails with all that it says if it fails."""
    without_ours = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False, env=without_ours)
    assert done.returncode == 0, done.stderr
    return done.stdout


def build(what: str, source: Path, into: Path) -> None:
    run(sys.executable, "-c", f"import setuptools.build_meta as b; b.build_{what}({str(into)!r})", cwd=source)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the sdist, and in folders beside it a wheel of the clone and one of the sdist."""
    scratch = tmp_path_factory.mktemp("packages")
    source = scratch / "source"
    source.mkdir()
    for name in OF_THE_BUILD:
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, source)
        else:
            shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    build("sdist", source, scratch)
    build("wheel", source, scratch / "of-the-clone")
    run("tar", "--extract", f"--file={NAME}.tar.gz", cwd=scratch)
    build("wheel", scratch / NAME, scratch / "of-the-sdist")
    return scratch


@pytest.fixture(scope="module")
def program(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the program of the sdist's wheel, installed without the clone: in a venv that has the packages of ours."""
    place = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", "--without-pip", place / "venv", cwd=place)
    python = place / "venv/bin/python"
    packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=place).strip()
    # What a .pth file names is searched, but .pth files in it are not read: not the one that leads to the clone.
    Path(packages, "others.pth").write_text(sysconfig.get_path("purelib"))
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index")
    run(*pip, built / f"of-the-sdist/{WHEEL}", cwd=place)
    return place / "venv/bin/latency-exporter"


def test_the_sdist_gives_the_same_wheel_as_the_clone(built: Path) -> None:
    ours, of_the_sdist = (
        {
            each.filename: each.CRC
            for each in zipfile.ZipFile(built / of / WHEEL).filelist
            if "RECORD" not in each.filename
        }
        for of in ("of-the-clone", "of-the-sdist")
    )
    assert ours == of_the_sdist


def test_the_metadata_says_what_is_true_and_no_more(built: Path) -> None:
    with zipfile.ZipFile(built / f"of-the-clone/{WHEEL}") as archive:
        metadata = email.parser.Parser().parsestr(archive.read(f"{NAME}.dist-info/METADATA").decode())
        assert archive.read(f"{NAME}.dist-info/top_level.txt").split() == [b"collectors", b"exporter"]
    assert (metadata["Name"], metadata["Version"]) == ("latency-exporter", __version__)
    assert metadata["Author"] == "The latency-exporter project"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "Operating System :: POSIX :: Linux" in metadata.get_all("Classifier", [])
    assert not {"Home-page", "Project-URL", "Download-URL", "Author-email", "License"} & set(metadata.keys())


def test_an_installed_program_has_the_examples(program: Path, tmp_path: Path) -> None:
    every = (
        "import json; from exporter.commands import examples as e; print(json.dumps({n: e.files(n) for n in e.NAMES}))"
    )
    installed = json.loads(run(program.with_name("python"), "-c", every, cwd=tmp_path))
    assert installed == {name: examples.files(name) for name in examples.NAMES}
    run(program, "dashboards", "--output-dir=boards", cwd=tmp_path)
    assert {path.name for path in (tmp_path / "boards/dashboards").iterdir()} == {path.name for path in FILES}
    run(program, "example", "rules", "--output-dir=rules", cwd=tmp_path)
    assert {path.name: path.read_text() for path in (tmp_path / "rules").iterdir()} == installed["rules"]


def test_an_installed_program_runs_with_no_flags_and_no_clone(
    program: Path, tmp_path: Path, unused_tcp_port: int
) -> None:
    with started(program, f"--web.listen-address=127.0.0.1:{unused_tcp_port}", cwd=tmp_path) as lines:
        first, listening, probing = (next(lines) for _ in range(3))
    assert f'msg="there is no config/exporter.yml here: this is the default fleet, {program.parents[1]}/lib' in first
    assert "listening on" in listening
    assert 'msg="probing 3 pairs as localhost"' in probing


@contextlib.contextmanager
def started(*argv: str | Path, cwd: Path) -> Iterator[Iterator[str]]:
    """Give the lines of a program's stderr while it runs; it ends well at SIGTERM."""
    with subprocess.Popen(argv, cwd=cwd, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr is not None
        try:
            yield iter(program.stderr)
        finally:
            program.terminate()
            program.stderr.read()
    assert program.returncode == 0

"""Who may know whom among the collectors: a new one is named in one list, and all else as before."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.copies

ROOT = Path(__file__).parents[1]


def lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    """Hold the import contract against a copy of this tree."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "COLUMNS": "120"},
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("collectors", "exporter"):
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests").mkdir()
    for name in ("setup.cfg", "tests/import_contract.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def add(tree: Path, module: str, line: str) -> None:
    place = tree.joinpath(*module.split("."))
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    file.write_text((file.read_text() if file.exists() else "") + line)


def test_a_collector_is_known_by_the_list_and_needs_no_line_of_its_own(tree: Path) -> None:
    add(tree, "collectors.another", "from collectors import transport\n")
    add(tree, "exporter.probing.collectors", "from collectors import another\n")
    done = lint_imports(tree)
    assert done.returncode == 0, done.stdout


def test_a_module_that_nobody_has_placed_is_refused(tree: Path) -> None:
    add(tree, "collectors.helpers", "")
    done = lint_imports(tree)
    assert done.returncode == 1
    assert "not listed as layers" in done.stdout
    assert "collectors.helpers" in done.stdout


@pytest.mark.parametrize("importer", ["http", "transport"])
def test_a_collector_is_known_by_no_other_and_by_nothing_below(tree: Path, importer: str) -> None:
    add(tree, f"collectors.{importer}", "from collectors import tcp\n")
    done = lint_imports(tree)
    assert done.returncode == 1
    assert f"collectors.{importer} is not allowed to import collectors.tcp" in done.stdout

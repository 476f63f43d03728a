"""What `make install` says and makes: a Python that all can run, or a plain word that it is not; a name on the PATH."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.programs

DEPLOY = Path(__file__).parents[1] / "deploy"


def run(
    script: str, *arguments: str | Path, cwd: Path, stdin: str = "", **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", DEPLOY / script, *arguments], cwd=cwd, input=stdin, capture_output=True, text=True, check=False,
        env={**os.environ, **env},
    )  # fmt: skip


@pytest.fixture
def place() -> Iterator[Path]:
    """Give a folder that all may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def a_python(folder: Path, mode: int, *, version: str = "(3, 12)") -> Path:
    """Make a Python in a folder of this mode; it answers what it is asked as one that is really there would."""
    program = folder / "bin/python3"
    program.parent.mkdir(parents=True)
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.version_info = {version}\nsys._base_executable = os = {str(program)!r}\n"
        "import os\nos.__file__ = sys._base_executable\nexec(sys.argv[2])\n"
    )
    program.chmod(0o755)
    folder.chmod(mode)
    return program


def test_a_python_that_only_its_owner_can_run_is_not_taken_where_another_is(place: Path) -> None:
    private, shared = a_python(place / "private", 0o700), a_python(place / "shared", 0o755)
    for first, second in ((private, shared), (shared, private)):
        path = f"{first.parent}:{second.parent}:/usr/bin:/bin"
        done = run("python.sh", "choose", cwd=place, PATH=path)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{shared}\n", "")


def test_a_python_that_was_named_is_taken_or_refused_and_never_exchanged(place: Path) -> None:
    private = a_python(place / "private", 0o700)
    assert run("python.sh", "choose", private, cwd=place).stdout == f"{private}\n"
    old = a_python(place / "old", 0o755, version="(3, 10)")
    done = run("python.sh", "choose", old, cwd=place)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr
        == f"{old} is missing, older than 3.11 or has no venv module; name another: make PYTHON=python3.12\n"
    )


def test_what_all_can_run_needs_no_word(place: Path) -> None:
    assert run("python.sh", "warn_others", cwd=place, stdin="/bin/sh\n/etc/passwd\n").stderr == ""


@pytest.mark.parametrize(
    ("clone", "file", "closed", "remedy"),
    [
        ("clone", "clone/.venv/bin/x", "clone/.venv", "chmod -R go+rX '{}/clone'"),
        ("clone", "python/bin/python3", "python", "rm -r .venv, then make install PYTHON=/usr/bin/python3 (or another"),
        ("home/clone", "home/clone/.venv/bin/x", "home", "clone into a folder that all may enter, such as /opt"),
        ("clone", "clone/.venv/bin/x", "clone", "clone into a folder that all may enter, such as /opt"),
    ],
)
def test_what_others_cannot_run_is_said_with_the_reason_and_a_remedy(
    place: Path, clone: str, file: str, closed: str, remedy: str
) -> None:
    (place / clone).mkdir(parents=True)
    (place / file).parent.mkdir(parents=True, exist_ok=True)
    (place / file).touch()
    (place / closed).chmod(0o700)
    done = run("python.sh", "warn_others", cwd=place / clone, stdin=f"/bin/sh\n{place / file}\n")
    assert (done.returncode, done.stdout) == (0, "")
    assert f"{place / closed} is closed to others.\nRemedy: {remedy.format(place)}" in done.stderr


def test_a_file_that_others_cannot_read_is_said_too(place: Path) -> None:
    (place / "exporter.py").touch(mode=0o600)
    assert (
        f"{place}/exporter.py is closed"
        in run("python.sh", "warn_others", cwd=place, stdin=f"{place}/exporter.py\n").stderr
    )


def test_installing_ends_with_how_the_program_is_called(tmp_path: Path) -> None:
    done = run("link.sh", "/opt/latency-exporter/.venv/bin", cwd=tmp_path)
    assert done.stdout == (
        "/opt/latency-exporter/.venv/bin/latency-exporter is ready. To call it by its name alone, one of:\n"
        '  export PATH="/opt/latency-exporter/.venv/bin:$PATH"    # in this shell; in ~/.profile for later ones\n'
        "  make install PREFIX=/usr/local    # as root: a link for everybody\n"
    )


def test_a_prefix_gets_a_link_that_runs_the_program_and_a_second_time_too(tmp_path: Path) -> None:
    (tmp_path / "latency-exporter").symlink_to("/bin/true")
    bin_folder = tmp_path / "prefix/bin"
    for path, says in ((os.environ["PATH"], "is not on your PATH"), (f"{bin_folder}:{os.environ['PATH']}", "")):
        done = run("link.sh", tmp_path, tmp_path / "prefix", cwd=tmp_path, PATH=path)
        assert done.returncode == 0
        assert done.stdout.startswith(f"latency-exporter is ready: {bin_folder}/latency-exporter\n")
        assert done.stdout.count("\n") == 1 + bool(says)
        assert says in done.stdout
    assert (bin_folder / "latency-exporter").readlink() == tmp_path / "latency-exporter"


def test_all_may_pass_through_the_folders_that_are_made_for_the_link(place: Path) -> None:
    umask = os.umask(0o077)
    try:
        done = run("link.sh", "/opt/latency-exporter/.venv/bin", place / "new/prefix", cwd=place)
    finally:
        os.umask(umask)
    assert (done.returncode, done.stderr) == (0, "")
    assert {(place / made).stat().st_mode & 0o777 for made in ("new", "new/prefix", "new/prefix/bin")} == {0o755}


def test_a_folder_that_keeps_others_from_the_link_is_said_and_left_as_it_is(place: Path) -> None:
    closed = place / "prefix"
    closed.mkdir(mode=0o700)
    done = run("link.sh", "/opt/latency-exporter/.venv/bin", closed, cwd=place)
    assert done.returncode == 0
    assert f"{closed} is closed to others.\nRemedy, if others shall: chmod go+x '{closed}'" in done.stderr
    assert closed.stat().st_mode & 0o777 == 0o700


def test_a_prefix_within_this_folder_is_said_so_that_it_holds_everywhere(place: Path) -> None:
    done = run("link.sh", "/opt/latency-exporter/.venv/bin", "prefix", cwd=place)
    assert f'export PATH="{place}/prefix/bin:$PATH"' in done.stdout
    assert (place / "prefix/bin/latency-exporter").is_symlink()


def test_what_is_there_and_not_ours_is_left_alone(tmp_path: Path) -> None:
    link = tmp_path / "bin/latency-exporter"
    link.parent.mkdir()
    link.write_text("of a package")
    done = run("link.sh", "/opt/latency-exporter/.venv/bin", tmp_path, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        1, f"{link} is there and is no link: remove it, or choose another PREFIX\n",
    )  # fmt: skip
    assert link.read_text() == "of a package"


def test_a_prefix_that_cannot_be_written_is_said_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "bin").touch()
    done = run("link.sh", "/opt/latency-exporter/.venv/bin", tmp_path, cwd=tmp_path)
    assert done.returncode == 1
    assert "could not be made: as root, or in a place of your own: make install PREFIX=" in done.stderr

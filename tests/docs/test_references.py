"""What documents, comments and settings name: files, modules, flags and sections that are there."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter import cli
from exporter.fleet import schema

ROOT = Path(__file__).parents[2]
FOLDERS = [".ci", "benchmarks", "collectors", "config", "deploy", "docs", "exporter", "prometheus", "tests"]
DOCUMENTS = [ROOT / "README.md", ROOT / "prometheus/README.md", *sorted((ROOT / "docs").glob("*.md"))]
SETTINGS = [ROOT / name for name in ("Makefile", "Dockerfile", "pyproject.toml", "setup.cfg", ".ci/run")]
SOURCES = sorted(
    path
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".yml", ".sh", ".service"}
)
MADE_BY_THE_READER = ("benchmarks/results", "deploy/fleet.yml", "collectors/udp.py", "exporter/fleet/probes/udp.py")
"""Of a run, of a command that the README tells to type, and of the page that adds a probe."""
OTHERS_FILES = {"JOB.json", "table.md"}
"""A pattern; what a benchmark writes."""
PATH = re.compile(rf"(?<![\w./{{}}$:%-])(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./*-]*(?:{{[^{{}}\n]*}}[\w./*-]*)*")


def paths_in(text: str) -> Iterator[str]:
    """Find what is written like a path of this tree; of ``{a,b}`` each, and for what a program fills in a pattern."""
    for written in PATH.findall(text):
        alternatives = re.search(r"{([\w.-]+(?:,[\w.-]+)+)}", written)
        for name in alternatives[1].split(",") if alternatives else [""]:
            path = written.replace(alternatives[0], name) if alternatives else written
            yield re.sub(r"{.*?}", "*", path).rstrip("/.-")


@pytest.mark.parametrize("file", [*DOCUMENTS, *SETTINGS], ids=lambda file: str(file.relative_to(ROOT)))
def test_every_path_of_this_tree_that_a_document_names_exists(file: Path) -> None:
    assert [path for path in paths_in(file.read_text("utf-8")) if not is_there(path)] == []


def test_every_path_of_this_tree_that_the_sources_name_exists() -> None:
    named = {path: file for file in SOURCES for path in paths_in(file.read_text("utf-8"))}
    assert {path: file for path, file in named.items() if not is_there(path)} == {}


def is_there(path: str) -> bool:
    return path.startswith(MADE_BY_THE_READER) or any(ROOT.glob(path))


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_link_into_this_tree_leads_somewhere(file: Path) -> None:
    for link in re.findall(r"\]\(([^)\s#]+)[^)]*\)", file.read_text("utf-8")):
        assert "://" in link or (file.parent / link).exists(), link


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_program_file_that_a_document_names_exists(file: Path) -> None:
    names = {path.name for path in SOURCES} | {path.name for path in DOCUMENTS} | OTHERS_FILES
    names |= {path.name for path in (ROOT / "docs").iterdir()} | {"requirements.lock", "setup.cfg", "latency.json"}
    prose = re.sub(r"^```.*?^```$", "", file.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    if file.name == "migration.md":  # its subject is programs of others
        return
    for word in re.findall(r"`([\w./-]+\.(?:py|yml|md|json|sh|cfg|csv|svg|lock|service))`", prose):
        assert Path(word).name in names | {"fleet.yml", "prometheus.yml"} or word in MADE_BY_THE_READER, word


def test_every_module_and_name_in_backticks_exists() -> None:
    dotted = re.compile(r"`((?:exporter|collectors|benchmarks|tests)(?:\.\w+)+)`")
    for name in {name for file in (*SOURCES, *DOCUMENTS) for name in dotted.findall(file.read_text("utf-8"))}:
        found, *rest = name.split(".")
        place = importlib.import_module(found)
        for part in rest:
            found = f"{found}.{part}"
            place = getattr(place, part, None) or importlib.import_module(found)


def test_what_the_linter_lets_pass_is_there() -> None:
    settings = (ROOT / "pyproject.toml").read_text("utf-8").partition("per-file-ignores]")[2].partition("\n[")[0]
    patterns = re.findall(r'^"([^"]+)" = \[', settings, re.MULTILINE)
    assert patterns
    for pattern in patterns:
        assert any(ROOT.glob(pattern)), pattern


def test_no_comment_cites_a_document_that_is_not_here() -> None:
    """In capitals without a suffix, as people name them: README and CHANGELOG are here."""
    for file in [*SOURCES, *SETTINGS]:
        for name in re.findall(r"\b([A-Z]{4,})'s (?:table|list|section)", file.read_text("utf-8")):
            assert (ROOT / f"{name}.md").exists(), f"{file.relative_to(ROOT)}: {name}"


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_flag_behind_a_command_of_ours_is_one_of_its_flags(file: Path) -> None:
    text = file.read_text("utf-8").replace("\\\n", " ")
    for command, rest in re.findall(r"\blatency-exporter (?:\[?([a-z-]+)\]?)?([^\n`|;&]*)", text):
        name = command if command in cli.COMMANDS else "run"
        known = {option for action in cli.COMMANDS[name][0]()._actions for option in action.option_strings}
        for flag in re.findall(r"(?<!\S)(--[a-z][\w.-]*)", rest):
            assert flag in known, f"{name} {flag}"


def test_what_is_said_to_be_unused_is_read_by_nobody_and_all_else_by_somebody() -> None:
    """A section of a checked fleet file, by its name behind ``fleet``."""
    readers = [path for path in SOURCES if "exporter" in path.parts and "tests" not in path.parts]
    read = {name for path in readers for name in re.findall(r"\bfleet\.([a-z0-9]+)\b", path.read_text("utf-8"))}
    readme = (ROOT / "README.md").read_text("utf-8")
    unused = set(re.findall(r"^\| \*\*`(\w+)[^|]*\| \| \| \*not used yet\* \|$", readme, re.MULTILINE))
    assert unused == set(schema.Sections.model_fields) - read


def test_the_alerts_in_the_readme_are_those_that_are_on() -> None:
    rules = (ROOT / "prometheus/rules/alerts.yml").read_text("utf-8")
    names = set(re.findall(r"- alert: (\w+)", rules))
    section = (ROOT / "README.md").read_text("utf-8").partition("\n## Rules and alerts\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == names
    assert len(names) == 12
    assert "Twelve alerts are on" in section
    assert "twelve alerts" in (ROOT / "prometheus/README.md").read_text("utf-8")

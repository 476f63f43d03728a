"""What documents, comments and settings name: files, modules, flags and sections that are there."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter import cli
from exporter.fleet import schema
from tests.docs import markdown
from tests.docs.markdown import PAGES, ROOT, Page, words

FOLDERS = [".ci", "benchmarks", "collectors", "config", "deploy", "docs", "exporter", "grafana", "prometheus", "tests"]
DECISIONS = [Page(path) for path in sorted((ROOT / "docs/decisions").glob("*.md"))]
DOCUMENTS = [page.path for page in markdown.DOCUMENTS]
SETTINGS = [ROOT / name for name in ("Makefile", "Dockerfile", "pyproject.toml", "setup.cfg", ".ci/run")]
RULES = sorted((ROOT / "prometheus/rules").glob("*.yml"))
UNITS = sorted((ROOT / "deploy").glob("*.service"))
SOURCES = sorted(
    path
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".yml", ".sh", ".service"}
)
CONFIGURATIONS = sorted((ROOT / "config").glob("*.yml"))
MADE_BY_THE_READER = (
    *("benchmarks/results", "deploy/fleet.yml", "/etc/latency-exporter/web.yml", "targets/hosts.json"),
    *("collectors/udp.py", "exporter/fleet/probes/udp.py"),
)
"""Of a run, of a command or an example that a page asks to type, and of the page that adds a probe."""
NO_PATHS = ("grafana/grafana", "prometheus/latency")
"""An image, and a receiver of OpenTelemetry's Collector."""
OTHERS_FILES = {"JOB.json", "jobs.otel.yml", "table.md"}
"""A pattern; what is written for others, and by a benchmark."""
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
    return path.startswith(MADE_BY_THE_READER) or path in NO_PATHS or any(ROOT.glob(path))


@pytest.mark.parametrize("page", [*markdown.DOCUMENTS, *DECISIONS], ids=str)
def test_every_link_into_this_tree_leads_to_a_file_and_to_a_heading_that_are_there(page: Page) -> None:
    for link in re.findall(r"\]\(([^)\s]+)[^)]*\)", page.prose):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.path.parent / path).resolve() if path else page.path
        assert target.exists(), link
        if anchor:
            assert anchor in Page(target).anchors, link


@pytest.mark.parametrize("page", markdown.DOCUMENTS, ids=str)
def test_no_heading_stands_twice_on_a_page(page: Page) -> None:
    """Else an anchor leads to the first of them alone."""
    headings = re.findall("^#+ (.*)$", page.prose, re.MULTILINE)
    assert len(set(headings)) == len(headings)


@pytest.mark.parametrize("file", [*RULES, *SETTINGS, *UNITS], ids=lambda file: str(file.relative_to(ROOT)))
def test_every_anchor_that_a_setting_names_is_a_heading(file: Path) -> None:
    """Such as a runbook's section in the annotation of an alert."""
    for path, anchor in re.findall(r"\b((?:docs/)?[\w-]+\.md)#([\w-]+)", file.read_text("utf-8")):
        target = ROOT / path if "/" in path or path == "README.md" else ROOT / "docs" / path
        assert anchor in Page(target).anchors, f"{path}#{anchor}"


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
        module, *rest = name.split(".")
        place = importlib.import_module(module)
        for part in rest:
            module = f"{module}.{part}"
            place = getattr(place, part, None) or importlib.import_module(module)


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
    text = re.sub(r" *\\\n *", " ", file.read_text("utf-8")).replace("docker exec latency-exporter ", "")
    for command, rest in re.findall(r"\blatency-exporter (?:\[?([a-z-]+)\]?)?([^\n`|;&]*)", text):
        name = command if command in cli.COMMANDS else "run"
        known = {option for action in cli.COMMANDS[name][0]()._actions for option in action.option_strings}
        for flag in re.findall(r"(?<!\S)(--[a-z][\w.-]*)", rest):
            assert flag in known, f"{name} {flag}"


@functools.cache
def read_names() -> set[str]:
    """Return the sections and keys of the fleet file that the program reads, as attributes of what is checked."""
    readers = [path for path in SOURCES if path.is_relative_to(ROOT / "exporter")]
    text = "".join(path.read_text("utf-8") for path in readers)
    sections = set(re.findall(r"\bfleet\.([a-z0-9_]+)\b", text)) & set(schema.Sections.model_fields)
    keys = {key for row in PAGES["fleet-file"].table("key") if not row[0].startswith("**") for key in words(row[0])}
    return sections | {key for key in keys if re.search(rf"\.{key}\b", text)}


UNUSED = re.compile(r"not used yet|not read yet|unused|no effect|checked only|does nothing", re.IGNORECASE)


def called_unused(text: str) -> set[str]:
    """Return what stands in backticks, or as a key before a comment, where a sentence or row calls something unused."""
    joined = re.sub(r"(?<=[^\n:])\n(?=[A-Za-z`*(])", " ", text)
    statements = [each for line in joined.splitlines() for each in re.split(r"(?<=[.;]) ", line) if UNUSED.search(each)]
    keys = {key for each in statements for key in re.findall(r"^\W*(\w+):.*#", each)}
    return keys | {re.split(r"[.\[]", word)[0] for each in statements for word in words(each)}


@pytest.mark.parametrize("file", [*DOCUMENTS, *CONFIGURATIONS], ids=lambda file: str(file.relative_to(ROOT)))
def test_no_section_or_key_that_a_command_reads_is_called_unused(file: Path) -> None:
    assert called_unused(file.read_text("utf-8")) & read_names() == set()


def test_a_section_that_is_read_and_called_unused_would_be_noticed() -> None:
    assert called_unused("| **`stack`** | | | *not used yet* |\n| `hosts[]` | is read |") == {"stack"}
    assert called_unused("It reads `hosts`. The section `stack`\nis not used yet; `peers` is.") == {"stack"}
    assert called_unused("# stack:      # not used yet\n# scrape:  # by Prometheus") == {"stack"}
    assert {"stack", "hosts", "scrape", "public_names", "expect_body"} <= read_names()


def test_a_section_that_nothing_reads_is_called_unused() -> None:
    rows = PAGES["fleet-file"].section("Every key").splitlines()
    unused = {name for row in rows if "*not used yet*" in row for name in called_unused(row)}
    assert unused == set(schema.Sections.model_fields) - read_names()


def test_the_alerts_of_the_page_are_those_that_are_on() -> None:
    rules = (ROOT / "prometheus/rules/alerts.yml").read_text("utf-8")
    names = set(re.findall(r"- alert: (\w+)", rules))
    section = PAGES["prometheus"].section("Alerts")
    assert {words(alert)[0] for alert, _ in PAGES["prometheus"].table("alert")} == names
    assert len(names) == 15
    assert "Fifteen alerts are on" in section
    assert "Fifteen alerts" in markdown.README.text

"""Documents as their readers see them: sections, tables, examples, anchors."""

from __future__ import annotations

import dataclasses
import functools
import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Page:
    path: Path

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))

    @functools.cached_property
    def text(self) -> str:
        return self.path.read_text("utf-8")

    @functools.cached_property
    def prose(self) -> str:
        """The text without its fenced examples."""
        return _FENCED.sub("", self.text)

    def section(self, title: str) -> str:
        """Return what stands below a heading, up to the next one of its level or above."""
        match = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#{{1,2}} |\Z)", self.text, re.MULTILINE | re.DOTALL)
        assert match, f"{self}: no section {title!r}"
        level = len(match[1])
        return re.split(rf"^#{{1,{level}}} ", match[2], maxsplit=1, flags=re.MULTILINE)[0]

    def table(self, first_column: str) -> list[list[str]]:
        """Return the rows of the table whose first column has this heading."""
        return tables(self.text)[first_column]

    def blocks(self, language: str) -> list[str]:
        """Return the fenced examples of a language."""
        return re.findall(rf"^```{language}\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL)

    def output_of(self, command: str) -> str:
        """Return what a command prints, according to the page."""
        (block,) = [block for block in self.blocks("console") if block.startswith(f"$ {command}")]
        return re.sub(r"\A(.*\\\n)*.*\n", "", block)

    def commands(self) -> list[list[str]]:
        """Return the commands that readers are asked to type, each as its words."""
        typed = [line for block in self.blocks("sh") for line in block.replace("\\\n", " ").splitlines()]
        for block in self.blocks("console"):
            typed += re.findall(r"^\$ (.*)$", block.replace("\\\n", " "), re.MULTILINE)
        return [shlex.split(line, comments=True) for line in typed if line.strip()]

    @functools.cached_property
    def anchors(self) -> frozenset[str]:
        """What a link may have behind the #, as forges make it of headings."""
        headings = re.findall("^#+ (.*)$", self.prose, re.MULTILINE)
        return frozenset(re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings)


def tables(text: str) -> dict[str, list[list[str]]]:
    """Return the tables of a text by the heading of their first column: rows of cells."""
    tables: dict[str, list[list[str]]] = {}
    rows: list[list[str]] = []
    for line in [*text.splitlines(), ""]:
        if line.startswith(("| ", "|-")):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
        elif rows:
            tables[rows[0][0]] = rows[2:]
            rows = []
    return tables


def words(text: str) -> list[str]:
    """Return what stands in backticks, fenced examples aside."""
    return re.findall("`([^`\n]+)`", _FENCED.sub("", text))


README = Page(ROOT / "README.md")
PAGES = {path.stem: Page(path) for path in sorted((ROOT / "docs").glob("*.md"))}
DOCUMENTS = [README, *PAGES.values()]

"""The rooms of the code and who imports whom, as docs/architecture.md draws them.

``python -m tests.docs.rooms`` writes the drawing and its table anew; a test holds them against the code.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/architecture.md"
PACKAGES = ("exporter", "collectors")
_DRAWING = re.compile(r"(?<=<!-- rooms -->\n).*?(?=<!-- /rooms -->)", re.DOTALL)

Arrows = Mapping[str, frozenset[str]]
"""Room -> the rooms that it imports."""


def rooms() -> dict[str, Path]:
    """Return each room, a module or package directly inside one of ours, and the file that says what it is."""
    modules: dict[str, Path] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).iterdir()):
            if path.suffix == ".py" and path.stem != "__init__":
                modules[f"{package}.{path.stem}"] = path
            elif (path / "__init__.py").is_file():
                modules[f"{package}.{path.name}"] = path / "__init__.py"
    return modules


@functools.cache
def arrows() -> dict[str, frozenset[str]]:
    """Return which rooms each room imports, read from the code without running it."""
    known = rooms()
    return {name: frozenset(_imported(name, path, known)) - {name} for name, path in known.items()}


def _imported(name: str, path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    files = path.parent.rglob("*.py") if path.name == "__init__.py" else [path]
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                yield from (room for room in (".".join(each.split(".")[:2]) for each in names) if room in known)


def reduced(drawn: Arrows) -> dict[str, frozenset[str]]:
    """Return the arrows without those that a longer way through other rooms says already; CycleError for a circle."""
    reach: dict[str, frozenset[str]] = {}
    for room in TopologicalSorter(drawn).static_order():
        reach[room] = drawn[room].union(*(reach[below] for below in drawn[room]))
    return {room: below.difference(*(reach[other] for other in below)) for room, below in drawn.items()}


def _about(path: Path) -> str:
    """Return the first sentence of a room's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return re.split(r"\n\n|(?<=[.?])\s", text, maxsplit=1)[0].replace("\n", " ")


def _label(room: str) -> str:
    return room.removeprefix("exporter.")


def drawing() -> str:
    """Return the drawing as Mermaid, then a row for each room: what it is, and all that it imports."""
    all_arrows = arrows()
    lines = ["```mermaid", "flowchart LR"]
    for package in PACKAGES:
        inside = {name: _in(package, below) for name, below in all_arrows.items() if _in(package, [name])}
        lines += [f"  subgraph {package}", "    direction TB"]
        lines += [f'    {_node(name)}["{name.partition(".")[2]}"]' for name in inside]
        lines += [
            f"    {_node(name)} --> {' & '.join(map(_node, sorted(below)))}"
            for name, below in reduced(inside).items()
            if below
        ]
        lines.append("  end")
    lines += [f"  {PACKAGES[0]} --> {PACKAGES[1]}", "```", "", "| room | what it is | imports |", "|---|---|---|"]
    for name, path in rooms().items():
        imports = ", ".join(f"`{_label(other)}`" for other in sorted(all_arrows[name]))
        where = f"{path.parent.relative_to(ROOT)}/" if path.name == "__init__.py" else path.relative_to(ROOT)
        lines.append(f"| `{where}` | {_about(path)} | {imports} |")
    return "\n".join(lines) + "\n"


def _node(room: str) -> str:
    """Return a room's name as Mermaid takes it for the id of a node: without dots and without a double underscore."""
    return room.replace("__", "").replace(".", "_")


def _in(package: str, names: Iterable[str]) -> frozenset[str]:
    return frozenset(name for name in names if name.startswith(f"{package}."))


def page() -> str:
    """Return docs/architecture.md with the drawing as it should be."""
    return _DRAWING.sub(lambda _: drawing(), PAGE.read_text("utf-8"))


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")

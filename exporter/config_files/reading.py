"""The path of a configuration file -> its sections as plain values and the tree with their lines; or BadFile."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from exporter.config_files.opening import open_regular, why_denied
from exporter.config_files.problems import BadFile, Finding, Problem, Unreadable, key_of
from exporter.config_files.source import Duplicate, Node, parse
from exporter.wording import quoted


class FileKind(NamedTuple):
    """What sets one kind of configuration file apart from the other."""

    name: str
    """As people call it: ``the fleet file``."""
    flag: str
    """The flag of the command line that names it."""
    max_bytes: int
    sections: Collection[str]
    """The keys at its top."""
    a_section: str
    """One of them, as an example in a message."""
    if_empty: str = ""
    """What is wrong with a file in which nothing is written; empty: nothing is."""


@dataclasses.dataclass(frozen=True, slots=True)
class ConfigFile:
    """What was read. Nothing in it is checked yet."""

    name: str
    data: bytes
    tree: Node
    duplicates: list[Duplicate]
    sections: dict[str, Any]
    """Key -> text, list or map; without the known ones that were left empty."""

    def problems_and_warnings(self, findings: Iterable[Finding]) -> tuple[list[Problem], list[Problem]]:
        """Return both with their lines; a key that the file holds twice is one of the problems."""
        problems = [_twice(self.name, duplicate) for duplicate in self.duplicates]
        warnings: list[Problem] = []
        for finding in findings:
            (warnings if finding.is_warning else problems).append(located(finding, self.name, self.tree))
        return problems, warnings


def located(finding: Finding, file: str, tree: Node) -> Problem:
    """Add the file and the line to a finding; one without a key is about the whole file."""
    return Problem(file, tree.line_of(finding.loc) if finding.loc else 0, key_of(finding.loc), finding.message)


def read(path: Path, kind: FileKind) -> ConfigFile:
    """Read a configuration file; raises BadFile, whatever its bytes are."""
    try:
        data = _bytes_of(path, kind)
        tree, duplicates = parse(_decoded(data))
        return ConfigFile(str(path), data, tree, duplicates, _sections(tree, kind))
    except Unreadable as error:
        raise BadFile([Problem(str(path), error.line, key_of(error.loc), error.message)]) from None


def _bytes_of(path: Path, kind: FileKind) -> bytes:
    try:
        with open_regular(path) as file:
            data = file.read(kind.max_bytes + 1)
    except FileNotFoundError:
        message = f"no such file; create it, or name another one with {kind.flag}"
    except IsADirectoryError:
        message = f"is a directory; name the file in it with {kind.flag}"
    except PermissionError:
        message = why_denied(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no valid path"
        message = f"cannot be read: {reason}; check the file that {kind.flag} names, and its permissions"
    else:
        if len(data) <= kind.max_bytes:
            return data
        message = f"is larger than {kind.max_bytes // 2**20} MiB; is this {kind.name}?"
    raise Unreadable(0, message)


def _decoded(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file in UTF-8"
        raise Unreadable(line, message) from None
    if mark := re.search("^\ufeff", text, re.MULTILINE):
        message = "a byte order mark (U+FEFF) stands here, as where files were joined; remove it"
        raise Unreadable(text.count("\n", 0, mark.start()) + 1, message)
    return text


def _sections(tree: Node, kind: FileKind) -> dict[str, Any]:
    plain = tree.plain()
    if plain == "":
        if kind.if_empty:
            raise Unreadable(0, kind.if_empty)
        return {}
    if not isinstance(plain, dict):
        raise Unreadable(1, f"expected sections such as '{kind.a_section}:', not {quoted(plain)}")
    return {key: value for key, value in plain.items() if value != "" or key not in kind.sections}


def _twice(file: str, duplicate: Duplicate) -> Problem:
    message = f"duplicate key; it stands in line {duplicate.first_line} already; remove one of them"
    return Problem(file, duplicate.line, key_of(duplicate.loc), message)
